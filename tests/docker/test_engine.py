"""A real engine: many threads share it, its restarts are noticed, and it is tried before jobs rely on it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.docker.conftest import MakeEngine

from traindock.compute.docker import engine as module
from traindock.compute.docker import probe as probing
from traindock.compute.docker.engine import Engine, connect
from traindock.compute.docker.facts import EngineKind
from traindock.compute.docker.probe import Probe, forget, probe
from traindock.errors import EngineException, EngineRefusedException, EngineUnfitException
from traindock.store.layout import WorkspaceLayout

PYTHON = "/usr/bin/python3"


@pytest.fixture
def connected(engine_url: str) -> Engine:
    return connect(engine_url)


@pytest.fixture
def layout(tmp_path: Path) -> WorkspaceLayout:
    (tmp_path / "workspace").mkdir(mode=0o700)
    return WorkspaceLayout(tmp_path / "workspace")


@pytest.fixture
def label() -> dict[str, str]:
    return {"traindock.test": secrets.token_hex(6)}


@contextlib.contextmanager
def running(engine: Engine, image: str, script: str) -> Iterator[Any]:
    container = engine.client.containers.run(
        image, [PYTHON, "-u", "-c", textwrap.dedent(script)], init=True, detach=True, network_mode="none"
    )
    try:
        yield container
    finally:
        container.remove(force=True)


def containers_with(engine: Engine, label: dict[str, str]) -> list[Any]:
    return engine.client.containers.list(
        all=True, filters={"label": [f"{key}={value}" for key, value in label.items()]}
    )


def test_it_says_what_it_is(connected: Engine) -> None:
    facts = connected.facts()
    assert facts.version
    assert facts.cpus > 0
    assert facts.memory_bytes > 0
    assert Path(facts.root_dir).is_absolute()
    assert facts.id == Engine(connected.url, connected.api.version(api_version=False)).facts().id


def test_threads_share_it_while_some_of_them_follow_a_stream(connected: Engine, base_image: str) -> None:
    lines = 300

    def follow(container: Any) -> list[bytes]:
        return b"".join(container.logs(stream=True, follow=True)).split()

    def ask(container: Any) -> bool:
        while True:
            container = connected.client.containers.get(container.id)
            if container.status == "exited":
                return True

    script = f"""
        import time
        for number in range({lines}):
            print(number)
            time.sleep(0.005)
    """
    with running(connected, base_image, script) as container, ThreadPoolExecutor(16) as pool:
        followers = [pool.submit(follow, container) for _ in range(8)]
        askers = [pool.submit(ask, container) for _ in range(8)]
        expected = [str(number).encode() for number in range(lines)]
        assert all(each.result(60) == expected for each in followers)
        assert all(each.result(60) for each in askers)


def test_silence_ends_neither_a_stream_nor_a_wait(
    connected: Engine, base_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ANSWER_SECONDS", 1)
    hasty = Engine(connected.url, connected.api.version(api_version=False))
    slow = running(connected, base_image, "import time; time.sleep(2.5); print('at last')")
    with slow as container, ThreadPoolExecutor(1) as pool:
        waited = pool.submit(hasty.api.wait, container.id)
        assert b"".join(hasty.patient.api.logs(container.id, stream=True, follow=True)).strip() == b"at last"
        assert waited.result(60)["StatusCode"] == 0


class TestProbe:
    def test_what_a_job_relies_on_is_tried_once_and_remembered(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout, label: dict[str, str]
    ) -> None:
        found = probe(connected, base_image, PYTHON, layout, label)
        assert found.locks_cross
        assert found.tmp_writable
        rootless = connected.facts().kind in (EngineKind.ROOTLESS, EngineKind.PODMAN_ROOTLESS)
        assert found.user == ("0:0" if rootless else f"{os.getuid()}:{os.getgid()}")
        assert containers_with(connected, label) == []
        assert [path.suffix for path in layout.engines.iterdir()] == [".json"]

        started = time.monotonic()
        for _ in range(100):
            assert probe(connected, base_image, "/not/asked/again", layout) == found
        assert (time.monotonic() - started) / 100 < 0.05

    def test_it_is_tried_again_for_another_user_and_when_told_to_forget(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout
    ) -> None:
        found = probe(connected, base_image, PYTHON, layout)
        forget(connected, layout)
        with pytest.raises(EngineException):
            probe(connected, base_image, "/no/python", layout)
        assert probe(connected, base_image, PYTHON, layout) == found
        (file,) = layout.engines.glob("*.json")
        known = json.loads(file.read_text())
        known["told_for"]["user"] = [4711]
        file.write_text(json.dumps(known))
        with pytest.raises(EngineException):
            probe(connected, base_image, "/no/python", layout)

    def test_a_damaged_memory_is_made_anew(self, connected: Engine, base_image: str, layout: WorkspaceLayout) -> None:
        found = probe(connected, base_image, PYTHON, layout)
        (file,) = layout.engines.glob("*.json")
        file.write_text("{")
        assert probe(connected, base_image, PYTHON, layout) == found

    def test_a_python_or_an_image_that_is_not_there_is_named(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout, label: dict[str, str]
    ) -> None:
        with pytest.raises(EngineRefusedException, match="run /no/python in a container"):
            probe(connected, base_image, "/no/python", layout, label)
        with pytest.raises(EngineRefusedException, match="traindock-test/never:made"):
            probe(connected, "traindock-test/never:made", PYTHON, layout, label)
        assert containers_with(connected, label) == []
        assert list(layout.engines.iterdir()) == []

    def test_an_image_without_a_usable_tmp_is_told(self, connected: Engine, odd_image: Callable[[str], str]) -> None:
        # A workspace in /tmp would bring one along, as the folder that its mount is in.
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            assert not probe(connected, odd_image("no-tmp"), PYTHON, WorkspaceLayout(Path(folder))).tmp_writable

    def test_a_user_who_may_not_work_on_our_files_is_refused(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probing, "_wanted", lambda facts: Probe("4711:4711"))
        with pytest.raises(EngineUnfitException, match=r"cannot work on .* as user 4711:4711: PermissionError"):
            probe(connected, base_image, PYTHON, layout)

    def test_files_that_would_belong_to_somebody_else_are_refused(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = probing._folder

        @contextlib.contextmanager
        def open_to_all(workspace: WorkspaceLayout) -> Iterator[Path]:
            with folder(workspace) as made:
                made.chmod(0o777)
                yield made

        ask = probing._container

        def with_open_files(*arguments: Any) -> Any:
            for path in arguments[4].iterdir():
                path.chmod(0o666)
            return ask(*arguments)

        monkeypatch.setattr(probing, "_wanted", lambda facts: Probe("4711:4711"))
        monkeypatch.setattr(probing, "_folder", open_to_all)
        monkeypatch.setattr(probing, "_container", with_open_files)
        with pytest.raises(EngineUnfitException, match=r"belongs to user \d+, not to you"):
            probe(connected, base_image, PYTHON, layout)
        assert list(layout.engines.iterdir()) == []

    def test_locks_that_do_not_hold_on_both_sides_are_refused(
        self, connected: Engine, base_image: str, layout: WorkspaceLayout, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probing, "_can_lock", lambda path: True)  # no file system here loses locks
        with pytest.raises(EngineUnfitException, match=r"locks on files of .* do not hold"):
            probe(connected, base_image, PYTHON, layout)

    def test_an_engine_that_does_not_see_our_files_is_refused(
        self, connected: Engine, base_image: str, tmp_path: Path
    ) -> None:
        """As in a container with the socket of the machine around it: with a file system of one's own."""
        own_files = tmp_path / "own"
        own_files.mkdir()
        code = f"""
            from pathlib import Path
            from traindock.compute.docker.engine import connect
            from traindock.compute.docker.probe import probe
            from traindock.errors import EngineUnfitException
            from traindock.store.layout import WorkspaceLayout
            try:
                probe(connect({connected.url!r}), {base_image!r}, {PYTHON!r}, WorkspaceLayout(Path({str(own_files)!r})))
            except EngineUnfitException as error:
                print(error)
        """
        mount = f'mount -t tmpfs none {own_files} && exec "$@"'
        apart = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"]), "sh", "-c", mount, "sh"]
        result = subprocess.run(
            [*apart, sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120
        )
        assert "does not see the files of this machine" in result.stdout, result.stderr
        assert "at the very path that it has out there" in result.stdout


@pytest.mark.soak
@pytest.mark.own_engine
def test_that_it_was_stopped_and_started_is_noticed(own_engine: MakeEngine) -> None:
    own = own_engine()
    tried = connect(own.url)
    moment = time.time()
    assert tried.started_after(moment) is False
    with running(tried, own.base_image, "import time; time.sleep(600)") as container:
        for end in (own.stop, own.kill):
            moment = time.time()
            end()
            with pytest.raises(EngineException):
                tried.started_after(moment)
            own.start()
            assert tried.started_after(moment) is True
            assert tried.started_after(time.time()) is False
            container.reload()
            assert container.status == "exited"
            container.start()


@pytest.mark.own_engine
def test_one_that_remaps_users_is_told_not_to(own_engine: MakeEngine, layout: WorkspaceLayout) -> None:
    own = own_engine(f"--userns-remap={mapped_user()}")
    tried = connect(own.url)
    assert tried.facts().kind is EngineKind.USERNS
    found = probe(tried, own.base_image, PYTHON, layout)
    assert found.userns_mode == "host"
    assert found.user == f"{os.getuid()}:{os.getgid()}"


def mapped_user() -> str:
    """Return a user with subordinate ids, for dockerd; its own one where there is none yet."""
    with contextlib.suppress(OSError, IndexError):
        return Path("/etc/subuid").read_text().split(":")[0] or "default"
    return "default"
