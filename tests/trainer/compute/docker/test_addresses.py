"""The engine found is the one that the docker command would use; whoever has none is told where it was sought."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from traindock.compute.docker import addresses
from traindock.compute.docker.addresses import Address, Candidate, candidates, find_address, given_address
from traindock.errors import EngineNotFoundException, RemoteEngineException


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user on a machine whose own engines are not to be found."""
    usual = addresses.usual_places
    monkeypatch.setattr(
        addresses, "usual_places", lambda env: [place for place in usual(env) if place.is_relative_to(tmp_path)]
    )
    (tmp_path / "h" / ".docker").mkdir(parents=True)
    return tmp_path / "h"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        yield server


def environment(home: Path, **variables: str) -> dict[str, str]:
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home.parent / "r"), **variables}


def make_context(home: Path, name: str, host: str) -> None:
    folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(content))


def choose_context(home: Path, name: str) -> None:
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))


def test_the_variable_goes_before_any_context(home: Path) -> None:
    make_context(home, "mine", "unix:///mine.sock")
    choose_context(home, "mine")
    found = find_address(environment(home, DOCKER_HOST="unix:///told.sock", DOCKER_CONTEXT="mine"))
    assert found == Address("unix:///told.sock", "DOCKER_HOST")


def test_the_named_context_goes_before_the_chosen_one(home: Path) -> None:
    make_context(home, "mine", "unix:///mine.sock")
    make_context(home, "other", "unix:///other.sock")
    choose_context(home, "mine")
    assert find_address(environment(home)) == Address("unix:///mine.sock", "docker context 'mine'")
    assert find_address(environment(home, DOCKER_CONTEXT="other")).url == "unix:///other.sock"


def test_contexts_are_sought_where_docker_keeps_its_configuration(home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (home / ".docker").rename(tmp_path / "elsewhere" / ".docker")
    make_context(tmp_path / "elsewhere", "mine", "unix:///mine.sock")
    variables = {"DOCKER_CONFIG": str(tmp_path / "elsewhere" / ".docker"), "DOCKER_CONTEXT": "mine"}
    assert find_address(environment(home, **variables)).url == "unix:///mine.sock"


def test_a_context_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    make_context(home, "mine", "unix:///mine.sock")
    with pytest.raises(EngineNotFoundException, match=r"DOCKER_CONTEXT names the docker context 'gone'.*default, mine"):
        find_address(environment(home, DOCKER_CONTEXT="gone"))


def test_a_configuration_that_cannot_be_read_is_named(home: Path) -> None:
    (home / ".docker" / "config.json").write_text("{currentContext")
    with pytest.raises(EngineNotFoundException, match=r"config\.json cannot be read .*or set DOCKER_HOST"):
        find_address(environment(home))


def test_the_default_context_means_the_usual_places(home: Path, listening: socket.socket) -> None:
    choose_context(home, "default")
    (home / ".docker" / "run").mkdir()
    place = home / ".docker" / "run" / "docker.sock"
    listening.bind(str(place))
    listening.listen()
    assert find_address(environment(home)) == Address(f"unix://{place}", "found at its usual place")


def test_a_socket_where_nobody_listens_gives_way_to_one_where_somebody_does(
    home: Path, listening: socket.socket
) -> None:
    dead, alive = home.parent / "r" / "docker.sock", home.parent / "r" / "podman" / "podman.sock"
    alive.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(dead))
    assert find_address(environment(home)).url == f"unix://{dead}"
    listening.bind(str(alive))
    listening.listen()
    assert find_address(environment(home)).url == f"unix://{alive}"


def test_whoever_has_no_engine_is_told_all_places_that_were_looked_at(home: Path) -> None:
    with pytest.raises(EngineNotFoundException) as caught:
        find_address(environment(home))
    text = str(caught.value)
    assert f"{home}/.docker/run/docker.sock" in text
    assert f"{home.parent}/r/podman/podman.sock" in text
    assert "DOCKER_HOST and DOCKER_CONTEXT are not set" in text


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("ssh://me@gpu.example.org", "Run Traindock on the machine of that engine"),
        ("tcp://127.0.0.1:2375", "name its socket: unix:///var/run/docker.sock"),
        ("https://gpu.example.org:2376", "Run Traindock on the machine of that engine"),
        ("npipe:////./pipe/docker_engine", "WSL2"),
        ("/var/run/docker.sock", "unix:// and an absolute path"),
        ("unix://docker.sock", "unix:// and an absolute path"),
        ("nonsense", "unix:// and an absolute path"),
    ],
)
def test_an_engine_that_is_no_socket_of_this_machine_is_refused_by_name(home: Path, host: str, advice: str) -> None:
    with pytest.raises(RemoteEngineException, match=r"^DOCKER_HOST: ") as caught:
        find_address(environment(home, DOCKER_HOST=host))
    assert host in str(caught.value)
    assert advice in str(caught.value)
    with pytest.raises(RemoteEngineException, match=r"^engine: ") as caught:
        given_address(host)
    assert advice in str(caught.value)
    assert "DOCKER_HOST" not in str(caught.value)
    make_context(home, "far", host)
    with pytest.raises(RemoteEngineException, match="docker context 'far'"):
        find_address(environment(home, DOCKER_CONTEXT="far"))


def test_all_that_may_be_an_engine_is_listed_in_the_order_in_which_one_is_chosen(
    home: Path, listening: socket.socket
) -> None:
    make_context(home, "mine", "unix:///mine.sock")
    choose_context(home, "mine")
    place = home.parent / "r" / "docker.sock"
    place.parent.mkdir()
    listening.bind(str(place))
    assert candidates(environment(home, DOCKER_HOST="unix:///told.sock")) == [
        Candidate("DOCKER_HOST", True, "unix:///told.sock"),
        Candidate("docker context 'mine'", True, "unix:///mine.sock"),
        Candidate(str(place), False, f"unix://{place}"),
    ]
    assert candidates(environment(home))[0].url == find_address(environment(home)).url


def test_one_socket_is_listed_once_whatever_paths_it_has(home: Path, listening: socket.socket) -> None:
    place = home.parent / "r" / "docker.sock"
    place.parent.mkdir()
    listening.bind(str(place))
    (home / ".docker" / "run").mkdir()
    (home / ".docker" / "run" / "docker.sock").symlink_to(place)
    assert [one.name for one in candidates(environment(home))] == [str(place)]
    assert [one.name for one in candidates(environment(home, DOCKER_HOST=f"unix://{place}"))] == ["DOCKER_HOST"]


def test_what_is_named_and_can_be_no_engine_is_listed_with_the_reason(home: Path) -> None:
    host, context = candidates(environment(home, DOCKER_HOST="tcp://box:2376", DOCKER_CONTEXT="gone"))
    assert isinstance(host.trouble, RemoteEngineException)
    assert isinstance(context.trouble, EngineNotFoundException)
    assert (host.named, context.named) == (True, True)
    (home / ".docker" / "config.json").write_text("{")
    (broken,) = candidates(environment(home))
    assert "cannot be read" in str(broken.trouble)
    (home / ".docker" / "config.json").unlink()
    assert candidates(environment(home)) == []
