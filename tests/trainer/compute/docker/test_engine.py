"""Whatever stands at an engine's address, whoever asks is told what is wrong and what to do."""

from __future__ import annotations

import grp
import json
import os
import pwd
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from traindock.compute.docker import engine, socket_faults
from traindock.errors import (
    EngineException,
    EngineNotFoundException,
    EnginePermissionException,
    EngineRefusedException,
    EngineTooOldException,
    EngineUnreachableException,
    NotAnEngineException,
    RemoteEngineException,
)

VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12", "Components": []}
Answer = Callable[[str], bytes | None]


def http(content: Any, status: str = "200 OK") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status.encode(), len(body), body)


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Callable[[Answer], str]]:
    """Have something listen at a socket that answers each request as told; None for silence."""
    server = socket.socket(socket.AF_UNIX)
    over = threading.Event()
    held: list[socket.socket] = []

    def serve(answer: Answer) -> None:
        while True:
            connection, _ = server.accept()
            if over.is_set():
                connection.close()
                return
            held.append(connection)
            request = connection.recv(65536)
            if not request:
                continue
            said = answer(request.split()[1].decode())
            if said is not None:
                connection.sendall(said)
                connection.shutdown(socket.SHUT_RDWR)

    def stand(answer: Answer) -> str:
        path = tmp_path / "engine.sock"
        server.bind(str(path))
        server.listen()
        threads.append(threading.Thread(target=serve, args=(answer,)))
        threads[0].start()
        return f"unix://{path}"

    threads: list[threading.Thread] = []
    yield stand
    over.set()
    if threads:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(tmp_path / "engine.sock"))
        threads[0].join()
    for each in (server, *held):
        each.close()


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineNotFoundException, match=r"gone\.sock: no such socket.*systemctl start docker"):
        engine.connect(f"unix://{tmp_path}/gone.sock")


def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(NotAnEngineException, match=f"{path} is no socket"):
            engine.connect(f"unix://{path}")


def test_a_socket_that_an_engine_left_behind(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))
    with pytest.raises(EngineUnreachableException, match="nobody listens"):
        engine.connect(f"unix://{tmp_path}/left.sock")


def test_an_address_of_another_machine() -> None:
    with pytest.raises(RemoteEngineException, match="ssh://far"):
        engine.connect("ssh://far")


def test_something_that_never_answers(standing: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_HELLO_SECONDS", 0.2)
    url = standing(lambda _: None)
    with pytest.raises(EngineUnreachableException, match="did not answer in time"):
        engine.connect(url)


@pytest.mark.parametrize(
    "answer",
    [
        http({"message": "page not found"}, "404 Not Found"),
        http(b"<html>welcome</html>"),
        http(["a", "list"]),
        http({"version": 3}),
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
    ],
)
def test_something_else_than_an_engine(standing: Callable[[Answer], str], answer: bytes) -> None:
    url = standing(lambda _: answer)
    with pytest.raises(NotAnEngineException, match="is no container engine"):
        engine.connect(url)


@pytest.mark.parametrize("api", ["1.24", "1.40"])
def test_an_engine_that_is_too_old(standing: Callable[[Answer], str], api: str) -> None:
    url = standing(lambda _: http({**VERSION, "Version": "19.03", "ApiVersion": api}))
    with pytest.raises(
        EngineTooOldException, match=rf"19\.03 with API {api}; Traindock needs API 1\.41 \(Docker 20\.10"
    ):
        engine.connect(url)


def test_an_engine_that_fails(standing: Callable[[Answer], str]) -> None:
    url = standing(lambda _: http({"message": "disk on fire"}, "500 Internal Server Error"))
    with pytest.raises(EngineRefusedException, match="could not say its version: disk on fire") as caught:
        engine.connect(url)
    assert caught.value.status == 500


def test_an_engine_that_is_met_by_many_threads_at_once_is_one(standing: Callable[[Answer], str]) -> None:
    url = standing(lambda _: http(VERSION))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(engine.connect, [url] * 16))
    assert len({id(each) for each in found}) == 1
    assert found[0].url == url


@pytest.mark.parametrize(
    ("newest", "oldest", "spoken"), [("1.41", "1.12", "1.41"), ("1.99", "1.24", "1.45"), ("1.99", "1.50", "1.50")]
)
def test_the_version_spoken_is_one_that_both_sides_know(
    standing: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch, newest: str, oldest: str, spoken: str
) -> None:
    monkeypatch.setattr("docker.constants.DEFAULT_DOCKER_API_VERSION", "1.45")
    url = standing(lambda _: http({**VERSION, "ApiVersion": newest, "MinAPIVersion": oldest}))
    assert engine.connect(url).api_version == spoken


class TestAnEngineThatWasMet:
    @pytest.fixture
    def later(self) -> dict[str, bytes | None]:
        """What it answers to all but its version."""
        return {"answer": None}

    @pytest.fixture
    def met(self, standing: Callable[[Answer], str], later: dict[str, bytes | None]) -> engine.Engine:
        return engine.connect(standing(lambda path: http(VERSION) if path == "/version" else later["answer"]))

    def test_its_refusals_have_its_words(self, met: engine.Engine, later: dict[str, bytes | None]) -> None:
        later["answer"] = http({"message": "Conflict. The name is in use"}, "409 Conflict")
        with (
            pytest.raises(
                EngineRefusedException, match=r"the container engine could not start a container: Conflict\. The name"
            ) as caught,
            met.translated("start a container"),
        ):
            met.api.start("some")
        assert caught.value.status == 409
        assert caught.value.explanation == "Conflict. The name is in use"

    def test_what_its_user_catches_within_is_left_to_them(
        self, met: engine.Engine, later: dict[str, bytes | None]
    ) -> None:
        import docker.errors

        later["answer"] = http({"message": "No such container: some"}, "404 Not Found")
        with met.translated("look"), pytest.raises(docker.errors.NotFound):
            met.api.inspect_container("some")

    def test_what_is_no_error_of_the_engine_passes(self, met: engine.Engine) -> None:
        with pytest.raises(ZeroDivisionError), met.translated("divide"):
            1 / 0  # noqa: B018

    def test_it_broke_off(self, met: engine.Engine, later: dict[str, bytes | None]) -> None:
        later["answer"] = b""
        broke_off = pytest.raises(EngineUnreachableException, match="broke off as it was to list containers")
        with broke_off, met.translated("list containers"):
            met.api.containers()

    def test_it_was_stopped(self, met: engine.Engine, tmp_path: Path) -> None:
        (tmp_path / "engine.sock").rename(tmp_path / "moved.sock")
        try:
            with pytest.raises(EngineNotFoundException, match="no such socket"), met.translated("list containers"):
                met.api.containers()
        finally:
            (tmp_path / "moved.sock").rename(tmp_path / "engine.sock")


class TestPermission:
    """The socket's own rights are made up: whoever runs the tests may be root, to whom everything is open."""

    @pytest.fixture
    def denied(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int, int], str]]:
        server = socket.socket(socket.AF_UNIX)
        path = tmp_path / "engine.sock"
        server.bind(str(path))
        real = Path.stat

        def told(mode: int, uid: int, gid: int) -> str:
            def fake(self: Path, **options: bool) -> os.stat_result:
                found = list(real(self, **options))
                if self == path:
                    found[stat.ST_MODE] = stat.S_IFSOCK | mode
                    found[stat.ST_UID], found[stat.ST_GID] = uid, gid
                return os.stat_result(found)

            monkeypatch.setattr(Path, "stat", fake)
            error = socket_faults.fault(path, PermissionError(13, "Permission denied"))
            assert isinstance(error, EnginePermissionException)
            assert str(path) in str(error)
            return str(error)

        yield told
        server.close()

    @pytest.fixture
    def group(self) -> grp.struct_group:
        """A group of this machine that nobody is in."""
        mine = os.getgrouplist(pwd.getpwuid(os.getuid()).pw_name, os.getgid())
        return next(each for each in grp.getgrall() if each.gr_gid not in (0, *mine) and not each.gr_mem)

    def test_a_group_that_the_user_is_not_in_is_named_with_how_to_join_it(
        self, denied: Callable[[int, int, int], str], group: grp.struct_group
    ) -> None:
        text = denied(0o660, 0, group.gr_gid)
        assert f"not in the group {group.gr_name}" in text
        assert f"`sudo usermod -aG {group.gr_name} $USER` and log in again" in text

    def test_whoever_joined_the_group_a_moment_ago_has_to_log_in_again(
        self, denied: Callable[[int, int, int], str], group: grp.struct_group, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "getgrouplist", lambda user, gid: [gid, group.gr_gid])
        text = denied(0o660, 0, group.gr_gid)
        assert "were added after this session began. Log out and in again" in text

    def test_nobody_is_told_to_join_the_group_of_root(self, denied: Callable[[int, int, int], str]) -> None:
        text = denied(0o660, 0, 0)
        assert "`sudo groupadd --force docker`" in text
        assert "usermod -aG root" not in text

    def test_a_socket_without_a_group_is_its_owners(self, denied: Callable[[int, int, int], str]) -> None:
        assert "only root may use its socket" in denied(0o600, 0, 0)

    def test_a_folder_that_is_closed_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        closed = tmp_path / "closed"
        closed.mkdir()
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed)
        error = socket_faults.fault(closed / "engine.sock", PermissionError(13, "Permission denied"))
        assert f"you may not look into {closed}" in str(error)


def test_the_permission_of_a_real_socket_is_what_counts(tmp_path: Path) -> None:
    """As another user where this one is root, else with all rights taken away."""
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0)
        if os.getuid() != 0:
            with pytest.raises(EnginePermissionException):
                engine.connect(f"unix://{path}")
            return
        reader, writer = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
                engine.connect(f"unix://{path}")
            except EngineException as error:
                os.write(writer, type(error).__name__.encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader, "rb") as said:
            assert said.read() == b"EnginePermissionException"
