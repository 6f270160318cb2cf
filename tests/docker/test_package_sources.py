"""Index, proxy and certificates of the workspace's settings, in builds on a real engine; what is secret stays so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.docker.jobs import add_target, ended, submitter
from tests.docker.package_index import certify, serve
from tests.docker.places import Place
from tests.trainer.images.conftest import Shelf

from traindock import Environment, Workspace
from traindock.errors import EnvironmentBuildException
from traindock.images.container_base import ContainerBase
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildSettings

RECIPE = Recipe(pip=("alpha",))


def settings(place: Place, **given: str) -> BuildSettings:
    """Of a workspace that names an index; on a machine where Docker's command line has no buildx."""
    variables = {"PATH": str(place.root), "HOME": str(place.root)}
    return replace(BuildSettings(variables=variables), **given)  # type: ignore[arg-type]


@pytest.mark.needs("loopback")
@pytest.mark.parametrize("form", ["volume", "image"])
def test_an_index_on_this_machine_is_reached_from_a_build(place: Place, form: str) -> None:
    place.shelf.wheel("alpha", "1.5")
    with serve(place.shelf.folder) as index:
        made = place.prepare(RECIPE, form, settings(place, index_url=f"http://{index.address}/simple"))
    assert made.packages == ("alpha==1.5",)
    assert index.asked[0] == "/simple/alpha/"


@pytest.mark.needs("loopback")
@pytest.mark.parametrize("form", ["volume", "image"])
def test_one_whose_certificate_only_the_workspaces_authorities_sign_is_trusted(
    place: Place, form: str, tmp_path: Path
) -> None:
    place.shelf.wheel("alpha", "1.5")
    certificate, authority = certify(tmp_path / "certificates")
    with serve(place.shelf.folder, certificate=certificate) as index:
        address = f"https://{index.address}/simple"
        with pytest.raises(EnvironmentBuildException, match=r"(?i)certificate|UnknownIssuer"):
            place.prepare(RECIPE, form, settings(place, index_url=address))
        made = place.prepare(RECIPE, form, settings(place, index_url=address, ca_bundle=str(authority)))
    assert made.packages == ("alpha==1.5",)


@pytest.mark.needs("loopback")
@pytest.mark.parametrize("form", ["volume", "image"])
def test_a_proxy_is_asked_for_all_other_hosts(place: Place, form: str) -> None:
    place.shelf.wheel("alpha", "1.5")
    address = "http://packages.invalid/simple"
    with serve(place.shelf.folder) as proxy:
        given = settings(place, index_url=address, proxy=f"http://{proxy.address}")
        assert place.prepare(RECIPE, form, given).packages == ("alpha==1.5",)
    assert proxy.asked[0] == f"{address}/alpha/"


@pytest.mark.needs("loopback")
def test_an_index_with_a_password_serves_volumes_and_an_image_refuses_it_by_name(place: Place) -> None:
    place.shelf.wheel("alpha", "1.5")
    with serve(place.shelf.folder, password="me:SECRET") as index:
        given = settings(place, index_url=f"http://me:SECRET@{index.address}/simple")
        with pytest.raises(
            EnvironmentBuildException, match=r"UV_DEFAULT_INDEX=http://\*\*\*@.*environment_form"
        ) as caught:
            place.prepare(RECIPE, "image", given)
        assert index.asked == []
        made = place.prepare(RECIPE, "volume", given)
    assert made.packages == ("alpha==1.5",)
    assert set(index.shown) == {"me:SECRET"}
    assert "SECRET" not in place.log + str(caught.value) + json.dumps(made.to_json())


@pytest.mark.needs("loopback")
def test_a_proxy_with_a_password_does_likewise(place: Place) -> None:
    place.shelf.wheel("alpha", "1.5")
    with serve(place.shelf.folder, password="me:SECRET") as proxy:
        given = settings(place, index_url="http://packages.invalid/simple", proxy=f"http://me:SECRET@{proxy.address}")
        with pytest.raises(
            EnvironmentBuildException, match=r"HTTP_PROXY=http://\*\*\*@.*buildx.*environment_form"
        ) as caught:
            place.prepare(RECIPE, "image", given)
        dockerfile = ContainerBase(dockerfile=f"FROM {place.base}\nRUN true # {place.labels}\n")
        with pytest.raises(EnvironmentBuildException, match=r"HTTP_PROXY.* has a password.*classic builder.*buildx"):
            place.prepare(Recipe(container=dockerfile), "volume", given)
        made = place.prepare(RECIPE, "volume", given)
    assert made.packages == ("alpha==1.5",)
    assert set(proxy.shown) == {"me:SECRET"}
    assert "SECRET" not in place.log + str(caught.value) + json.dumps(made.to_json())


@pytest.mark.needs("loopback")
def test_a_password_is_in_nothing_that_a_run_leaves(
    workspace: Workspace, engine_url: str, base_image: str, shelf: Shelf, tmp_path: Path
) -> None:
    """Log, plan, events, details; the settings and the submitter's variables are the owner's own."""
    shelf.wheel("alpha", "1.5")
    add_target(workspace, engine_url)
    with serve(shelf.folder, password="me:SECRET") as index:
        workspace.layout.settings.write_text(
            f'[docker]\nbase_image = "{base_image}"\nenvironment_form = "volume"\n'
            f'[packages]\nindex_url = "http://me:SECRET@{index.address}/simple"\n'
        )
        environment = Environment("secret")
        environment.python.conda_dependencies.add_pip_package("alpha")
        run = ended(submitter(workspace, tmp_path)("import alpha; print(alpha.version)", environment=environment))
        assert run.get_status() == "Completed", run.get_details()
    assert "SECRET" not in json.dumps(run.get_details(), default=str)
    for path in (
        *workspace.layout.runs.rglob("*"),
        *workspace.layout.environments.rglob("*"),
        workspace.layout.changes,
    ):
        if path.is_file():
            assert b"SECRET" not in path.read_bytes(), path
    assert "SECRET" not in workspace.layout.dispatcher_log.read_text()
