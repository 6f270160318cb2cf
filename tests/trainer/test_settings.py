"""settings.toml: defaults, and what is said about mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from traindock import StoreException, Workspace
from traindock.compute.node_shapes import NodeShape
from traindock.images.curated import CuratedEnvironment
from traindock.settings import Settings, load

EVERYTHING = """
[snapshot]
max_bytes = 10
max_files = 20
[packages]
index_url = "https://example.org/simple"
extra_index_urls = ["https://one.example", "https://two.example"]
find_links = ["/wheels"]
offline = true
proxy = "http://proxy:3128"
ca_bundle = "/etc/ca.pem"
[jobs]
grace_seconds = 2
[dispatcher]
idle_seconds = 0.5
"""


def test_a_missing_file_means_all_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "settings.toml") == Settings()
    assert Settings().jobs.grace_seconds == 10
    assert Settings().snapshot.max_files == 50_000


def test_everything_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(EVERYTHING)
    settings = load(tmp_path / "settings.toml")
    assert (settings.snapshot.max_bytes, settings.snapshot.max_files) == (10, 20)
    assert settings.packages.extra_index_urls == ("https://one.example", "https://two.example")
    assert (settings.packages.offline, settings.packages.proxy) == (True, "http://proxy:3128")
    assert (settings.jobs.grace_seconds, settings.dispatcher.idle_seconds) == (2, 0.5)


def test_they_are_read_anew_each_time(workspace: Workspace) -> None:
    workspace.layout.settings.write_text("[jobs]\ngrace_seconds = 1\n")
    assert workspace.settings.jobs.grace_seconds == 1
    workspace.layout.settings.write_text("[jobs]\ngrace_seconds = 7\n")
    assert workspace.settings.jobs.grace_seconds == 7


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[snapshot", "is no TOML"),
        ("[nope]\nx = 1", "unknown section 'nope'; known: snapshot, packages, jobs, dispatcher"),
        ("jobs = 5", "unknown section 'jobs'"),
        ('[network_disk]\nuse = "maybe"', r"\[network_disk\] use must be one of auto, yes, no, not 'maybe'"),
        ("[jobs]\ngrace = 1", r"\[jobs\] has no 'grace'; known: grace_seconds"),
        ("[jobs]\ngrace_seconds = -1", r"\[jobs\] grace_seconds must be a number of seconds, 0 or more, not -1"),
        ("[jobs]\ngrace_seconds = nan", "must be a number of seconds"),
        ("[jobs]\ngrace_seconds = inf", "must be a number of seconds"),
        ("[jobs]\ngrace_seconds = true", "must be a number of seconds"),
        ('[jobs]\ngrace_seconds = "1"', "must be a number of seconds"),
        ("[snapshot]\nmax_bytes = 1.5", "must be a whole number, 0 or more, not 1.5"),
        ("[snapshot]\nmax_bytes = -1", "must be a whole number"),
        ("[snapshot]\nmax_bytes = true", "must be a whole number"),
        ("[packages]\noffline = 1", "must be true or false, not 1"),
        ("[packages]\nindex_url = 5", "must be a text"),
        ('[packages]\nfind_links = "x"', "must be a list of texts"),
        ("[packages]\nfind_links = [5]", "must be a list of texts"),
        ("[vm_sizes]\nSTANDARD_NC6 = 4", "STANDARD_NC6 must be a table with cpus, memory and perhaps gpus, not 4"),
        ("[vm_sizes]\nSTANDARD_NC6 = { cpus = 4 }", "must be a table with cpus, memory"),
        ('[vm_sizes]\nSTANDARD_NC6 = { cpus = 4, memory = "much" }', "STANDARD_NC6: memory is a text such as"),
        ('[vm_sizes]\nNC6 = {cpus=4, memory="4g"}\nStandard_NC6 = {cpus=4, memory="4g"}', "is there twice"),
        ('[curated_environments]\nmine = { pip = "torch" }', "pip of mine must be a list of texts"),
        ("[curated_environments]\nmine = { conda = [] }", "mine must be a table with pip, python or image"),
    ],
)
def test_mistakes_are_named_with_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(StoreException, match=says) as caught:
        load(tmp_path / "settings.toml")
    assert str(tmp_path / "settings.toml") in str(caught.value)


def test_names_of_machines_and_of_environments_are_known_in_any_case(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        '[vm_sizes]\nnc6 = { cpus = 4, memory = "16g" }\n'
        '[curated_environments]\n"AzureML-Mine" = { pip = ["torch==2.2.*"], python = "3.10" }\n'
    )
    settings = load(path)
    assert settings.vm_sizes == {"STANDARD_NC6": NodeShape(4.0, 16 << 30, 0)}
    assert settings.curated_environments == {"azureml-mine": CuratedEnvironment(("torch==2.2.*",), "3.10")}


def test_what_is_no_text_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(StoreException, match="is no TOML"):
        load(tmp_path / "settings.toml")
    with pytest.raises(StoreException, match="cannot read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('registry = "https://r.example.org"', r"\[docker\] registry: 'https://r.example.org' begins with a scheme"),
        ('registry = "team"', r"\[docker\] registry: 'team' names no host"),
        ('registry = "r.example.org/Team"', "in lower case, such as 'r.example.org/team'"),
        ('base_image = "Me/It:1"', r"\[docker\] base_image: 'Me/It:1' .*in lower case"),
        (
            'base_image = "python:{version}"',
            r"base_image: 'python:{version}' cannot be the name of an image",
        ),
    ],
)
def test_names_that_no_image_can_have_are_refused_at_once(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "settings.toml").write_text(f"[docker]\n{line}\n")
    with pytest.raises(StoreException, match=says):
        load(tmp_path / "settings.toml")


def test_a_base_image_may_leave_the_version_of_python_open_and_a_registry_may_have_a_path(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        '[docker]\nbase_image = "a.example/p:{python}"\nregistry = "a.example:5/b"\n'
    )
    docker = load(tmp_path / "settings.toml").docker
    assert (docker.base_image, docker.registry) == ("a.example/p:{python}", "a.example:5/b")
