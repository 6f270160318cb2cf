"""A real engine for the tests, images for it, and workspaces whose jobs run there.

Without an engine these tests are skipped with the reason; where ``CI=true`` they fail, so that none is left out
unseen. ``.ci/engine start`` brings one up.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from tests.conftest import end_everything_in, make_workspace
from tests.docker import base_images, engines, registries
from tests.docker.engines import OwnEngine
from tests.docker.places import WORKSPACE_LABEL, Place
from tests.trainer.images.conftest import Shelf

from traindock.images.containers import engines as engines_asked
from traindock.images.containers import volumes

if TYPE_CHECKING:
    import docker

    from traindock import Workspace

LABEL = "traindock.test.session"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start engines: they run as root. What takes longest begins first, one after the other."""
    for item in items:
        if "own_engine" in getattr(item, "fixturenames", ()):
            item.add_marker("own_engine")
    items.sort(key=lambda item: "docker" not in item.path.parts or item.get_closest_marker("timeout") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that needs what this kind of engine does not have; the engine that CI tests has all."""
    wanted = {word for mark in item.iter_markers("needs") for word in mark.args}
    if wanted and (url := engines.find()) is not None and (found := sorted(wanted & _lacks(url))):
        pytest.skip(f"this engine has not {' and '.join(found)}")


@cache
def _lacks(url: str) -> frozenset[str]:
    import docker

    with contextlib.closing(docker.DockerClient(base_url=url, timeout=120)) as client:
        facts = client.info()
    # The network of a rootless engine is its own: 127.0.0.1 is itself.
    loopback = {"loopback"} if any("name=rootless" in option for option in facts["SecurityOptions"]) else set()
    return frozenset(loopback | ({"control_groups"} if facts["CgroupDriver"] == "none" else set()))


def lacking(reason: str) -> NoReturn:
    """Skip the test, or fail it where none may be left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine_url() -> str:
    """The address of an engine that answers."""
    url = engines.find()
    if url is None:
        asked = ", ".join(engines.addresses())
        lacking(f"no container engine answers at {asked}; start one, or as root: .ci/engine start")
    return url


@pytest.fixture(scope="session")
def engine(engine_url: str, session_label: str) -> Iterator[docker.DockerClient]:
    """A client of the engine; afterwards everything that carries the session's label is removed."""
    import docker

    client = docker.DockerClient(base_url=engine_url, timeout=120)
    yield client
    remove_labelled(client, session_label)
    client.close()


@pytest.fixture(scope="session")
def session_label() -> str:
    """What to label things with that ``engine`` shall remove at the end, such as ``traindock.test.session=…``."""
    return f"{LABEL}={secrets.token_hex(6)}"


def remove_labelled(client: docker.DockerClient, label: str) -> None:
    """Remove containers, volumes, networks and images with this label."""
    wanted = {"label": label}
    for container in client.containers.list(all=True, filters=wanted, ignore_removed=True):
        _though_gone(container.remove, force=True, v=True)
    for volume in client.volumes.list(filters=wanted):
        _though_gone(volume.remove, force=True)
    for network in client.networks.list(filters=wanted):
        _though_gone(network.remove)
    # The low-level list: docker-py's own looks at each image, which another worker may just have removed.
    for image in client.api.images(all=True, filters=wanted):
        _though_gone(client.images.remove, image["Id"], force=True)


def remove_images(client: docker.DockerClient, words: str) -> None:
    """Take away all names of images with ``words`` in them, and with its last name the image."""
    for image in client.api.images():
        for tag in image["RepoTags"] or ():
            if words in tag:
                _though_gone(client.images.remove, tag)


def _though_gone(remove: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call ``remove``; somebody else may have been quicker."""
    from docker.errors import APIError

    try:
        remove(*arguments, **options)
    except APIError as error:
        if error.status_code not in (404, 409):
            raise


@pytest.fixture(scope="session")
def lock_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this test session share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def stand_in(engine: docker.DockerClient, lock_folder: Path) -> tuple[str, str]:
    """The name of the base image on the engine, and the version of its Python."""
    try:
        return base_images.base_image(engine, lock_folder / "images.lock")
    except base_images.NoBaseImage as error:
        lacking(str(error))


@pytest.fixture(scope="session")
def base_image(stand_in: tuple[str, str]) -> str:
    """A small image with Python, pip's means and this machine's authorities."""
    return stand_in[0]


@pytest.fixture(scope="session")
def base_python(stand_in: tuple[str, str]) -> str:
    """The version of Python in the base image, such as ``3.11``."""
    return stand_in[1]


@pytest.fixture(scope="session")
def odd_image(engine: docker.DockerClient, base_image: str, lock_folder: Path) -> Callable[[str], str]:
    """Images with a peculiarity: no-python, python37, entrypoint, distroless or no-tmp."""
    return lambda what: base_images.odd_image(engine, what, base_image, lock_folder / "images.lock")


def package_settings() -> str:
    """The part of settings.toml by which containers find packages where this machine finds them."""
    lines = ["[packages]"]
    bundle = os.environ.get("SSL_CERT_FILE", "")
    if bundle and Path(bundle).is_file():
        lines.append(f"ca_bundle = {json.dumps(bundle)}")
    index = next(filter(None, map(os.environ.get, ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"))), "")
    if index.startswith("http"):
        lines.append(f"index_url = {json.dumps(index)}")
    extra = " ".join(os.environ.get(name, "") for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"))
    # An index in a folder of this machine is in no container.
    urls = [url.rpartition("=")[2] if "=http" in url else url for url in extra.split()]
    if urls := [url for url in urls if url.startswith("http")]:
        lines.append(f"extra_index_urls = {json.dumps(urls)}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def workspace(tmp_path: Path, engine: docker.DockerClient, base_image: str) -> Iterator[Workspace]:
    """An empty workspace for containers; its processes and its containers are ended afterwards."""
    made = make_workspace(tmp_path / "workspace")
    with made.layout.settings.open("a") as settings:
        settings.write(f'[docker]\nbase_image = "{base_image}"\n{package_settings()}')
    yield made
    end_everything_in(made)
    remove_labelled(engine, f"traindock.workspace={made.id}")


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """A folder of invented packages; name it as find_links, with offline, and nothing needs a network."""
    return Shelf(tmp_path / "shelf")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registries.Served]:
    """A registry at a port of loopback, which engines may use without TLS.

    One for all tests, each with repositories of its own, since the first push of a base image takes half a minute.
    """
    try:
        with registries.serve(tmp_path_factory.mktemp("registry")) as made:
            yield made
    except registries.NoRegistry as error:
        lacking(str(error))


@pytest.fixture
def registry(served: registries.Served, engine: docker.DockerClient) -> Iterator[str]:
    """The address of a registry with a path of the test's own, as in settings.toml."""
    address = f"{served.address}/{secrets.token_hex(6)}"
    yield address
    remove_images(engine, address)


@pytest.fixture(scope="session")
def preloaded(served: registries.Served, engine: docker.DockerClient, base_image: str) -> Iterator[str]:
    """A path in the registry's storage to whose repositories images upon the base image are pushed within seconds.

    Also through other addresses of the same storage: the engine asks whether a layer of that size is there already.
    """
    path = secrets.token_hex(6)
    for name in ("environment", "base"):
        registries.push(engine, base_image, f"{served.address}/{path}/traindock-{name}")
    yield path
    remove_images(engine, path)


@pytest.fixture
def place(
    tmp_path: Path,
    engine: docker.DockerClient,
    engine_url: str,
    base_image: str,
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A workspace's environments, with a volume of their own; images and containers are removed with it."""
    name, repository = f"traindock-test-{secrets.token_hex(6)}", f"traindock-test-{secrets.token_hex(6)}"
    monkeypatch.setattr(volumes, "volume_name", lambda: name)
    monkeypatch.setattr(engines_asked, "REPOSITORY", repository)
    yield Place(tmp_path / "place", engine_url, base_image, shelf, name)
    remove_labelled(engine, f"{WORKSPACE_LABEL}={name}")
    remove_images(engine, repository)
    _though_gone(lambda: engine.volumes.get(name).remove(force=True))


MakeEngine = Callable[..., OwnEngine]


@pytest.fixture
def own_engine(lock_folder: Path) -> Iterator[MakeEngine]:
    """Start engines of the test's own, to be stopped, killed or filled; such tests get the mark ``own_engine``.

    The function takes more flags of dockerd's and the options of ``OwnEngine``. ``engine.base_image`` is there.
    """
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        lacking("only root can start an engine of its own, and needs dockerd")
    started: list[OwnEngine] = []

    def make(*flags: str, **options: Any) -> OwnEngine:
        made = OwnEngine(Path(tempfile.mkdtemp(prefix="tde-")), flags=flags, **options)
        made.running.chmod(0o711)
        started.append(made)
        made.start()
        made.base_image = base_images.base_image(made.client(), lock_folder / f"{made.running.name}.lock")[0]
        return made

    yield make
    for made in started:
        made.remove()
