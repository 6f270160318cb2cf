"""Where packages come from as seen from inside a container: what builds on this machine honour, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from traindock.errors import EnvironmentBuildException
from traindock.images.containers.sources import PLACE, Sources, sources_in_container
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings


def sources(
    recipe: Recipe | None = None, settings: BuildSettings | None = None, variables: Mapping[str, str] | None = None
) -> Sources:
    recipe = recipe or Recipe()
    given = settings or BuildSettings(variables=variables or {})
    return sources_in_container(recipe, recipe.pip, given)


def test_the_submitters_variables_for_uv_pip_and_proxies_go_in_and_no_others() -> None:
    found = sources(
        variables={
            "UV_INDEX_URL": "https://a.example/simple",
            "PIP_DEFAULT_TIMEOUT": "180",
            "https_proxy": "http://proxy:3128",
            "NO_PROXY": "localhost",
            "AWS_SECRET_ACCESS_KEY": "SECRET",
            "PATH": "/mine",
            "PYTHONPATH": "/mine",
        }
    )
    assert found.variables["UV_INDEX_URL"] == "https://a.example/simple"
    assert found.variables["PIP_DEFAULT_TIMEOUT"] == "180"
    assert found.variables["https_proxy"] == "http://proxy:3128"
    assert not {"AWS_SECRET_ACCESS_KEY", "PATH", "PYTHONPATH"} & set(found.variables)
    assert not found.on_this_machine


@pytest.mark.parametrize(
    "name",
    ["UV_CACHE_DIR", "UV_PYTHON", "UV_PYTHON_INSTALL_DIR", "UV_PROJECT_ENVIRONMENT", "UV_LINK_MODE", "UV_SYSTEM_PYTHON",
     "PIP_TARGET", "PIP_USER", "PIP_CACHE_DIR", "PIP_CONFIG_FILE", "PIP_REQUIRE_VIRTUALENV"],
)  # fmt: skip
def test_folders_and_habits_of_this_machine_stay_here(name: str) -> None:
    assert name not in sources(variables={name: "/somewhere/here"}).variables


def test_certificates_are_taken_along_as_a_file(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("CERTIFICATES")
    found = sources(settings=BuildSettings(ca_bundle=str(bundle), variables={}))
    assert found.files == {"certificates.pem": b"CERTIFICATES"}
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"):
        assert found.variables[name] == f"{PLACE}/certificates.pem"


def test_so_are_two_different_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("A")
    (tmp_path / "b").write_text("B")
    found = sources(variables={"SSL_CERT_FILE": str(tmp_path / "a"), "PIP_CERT": str(tmp_path / "b")})
    assert found.files[found.variables["SSL_CERT_FILE"].rpartition("/")[2]] == b"A"
    assert found.files[found.variables["PIP_CERT"].rpartition("/")[2]] == b"B"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentBuildException, match=r"SSL_CERT_FILE='.*nope\.pem'.*cannot be read: No such file"):
        sources(variables={"SSL_CERT_FILE": str(tmp_path / "nope.pem")})


def test_the_configuration_of_uv_and_the_users_passwords_file_go_along(tmp_path: Path) -> None:
    (tmp_path / ".config" / "uv").mkdir(parents=True)
    (tmp_path / ".config" / "uv" / "uv.toml").write_text("offline = true\n")
    (tmp_path / ".netrc").write_text("machine a login b password SECRET\n")
    found = sources(variables={"HOME": str(tmp_path)})
    assert found.files[found.variables["UV_CONFIG_FILE"].rpartition("/")[2]] == b"offline = true\n"
    assert b"SECRET" in found.files[found.variables["NETRC"].rpartition("/")[2]]


def test_folders_of_packages_are_had_at_the_same_path(tmp_path: Path) -> None:
    wheel = tmp_path / "six-1.0-py3-none-any.whl"
    wheel.write_text("")
    recipe = Recipe(pip=(f"six @ file://{wheel}",))
    found = sources(recipe, BuildSettings(find_links=(str(tmp_path), "https://links.example"), variables={}))
    assert found.folders == (str(tmp_path), str(wheel))
    assert found.arguments == ("--find-links", str(tmp_path), "--find-links", "https://links.example")
    with pytest.raises(EnvironmentBuildException, match=r"nope'.*does not exist here"):
        sources(settings=BuildSettings(find_links=(str(tmp_path / "nope"),), variables={}))


@pytest.mark.parametrize("host", ["localhost:3141", "127.0.0.1", "me:pw@127.0.0.1:80", "[::1]:80", "LOCALHOST"])
def test_an_index_that_listens_on_this_machine_only_is_noticed(host: str) -> None:
    assert sources(settings=BuildSettings(index_url=f"http://{host}/simple", variables={})).on_this_machine


def test_one_elsewhere_is_not_taken_for_it() -> None:
    for host in ("localhost.example.org", "10.127.0.0.1.example"):
        assert not sources(settings=BuildSettings(index_url=f"http://{host}/simple", variables={})).on_this_machine


def test_passwords_are_known_for_what_they_are_and_not_shown() -> None:
    found = sources(settings=BuildSettings(index_url="https://me:SECRET@a.example/simple", variables={}))
    assert any("UV_DEFAULT_INDEX" in text for text in found.secrets)
    assert "SECRET" not in str(found.secrets)
    assert any("UV_INDEX_X_PASSWORD" in text for text in sources(variables={"UV_INDEX_X_PASSWORD": "SECRET"}).secrets)
    assert sources(settings=BuildSettings(index_url="https://a.example/simple", variables={})).secrets == ()
