"""TensorBoard of a run, through the Jupyter server."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import psutil
import pytest
from tests.conftest import Submit, wait_for
from tests.event_writer import EventWriter
from tests.jupyter_ext.conftest import Ask, Fetch
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from jupyterlab_traindock.errors import ApiError
from jupyterlab_traindock.managers import tensorboards
from jupyterlab_traindock.managers.tensorboards import TensorBoardManager
from traindock import Run, Workspace
from traindock.dispatcher import start
from traindock.dispatcher.importing import EventFileImporter

Open = Callable[..., Awaitable[HTTPResponse]]

needs_tensorboard = pytest.mark.skipif(not tensorboards.installed(), reason="TensorBoard is not installed")


@pytest.fixture
def run(workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has event files, and that no dispatcher takes up."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    run = submit("pass")
    write(run, "logs", "loss", 0.5)
    return run


@pytest.fixture
def bare(workspace: Workspace, submit: Submit, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run without event files."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    return submit("pass")


def write(run: Run, folder: str, tag: str, value: float) -> None:
    EventWriter(run.path / folder).scalar(tag, value, 1)
    EventFileImporter(run.workspace.run_folder(run.id)).look()


@pytest.fixture
def open_board(jp_fetch: Fetch, jp_serverapp: Any, jp_http_port: int, jp_base_url: str) -> Open:
    """Ask for a path of a run's TensorBoard, and return the answer, whatever its status. (jp_fetch has it listen.)"""
    token = jp_serverapp.identity_provider.token

    async def ask(run: Run, path: str = "/", **options: Any) -> HTTPResponse:
        url = f"http://127.0.0.1:{jp_http_port}{jp_base_url}{tensorboards.PREFIX}/{run.workspace.id}/{run.id}{path}"
        headers = options.pop("headers", {"Authorization": f"token {token}"})
        return await AsyncHTTPClient().fetch(url, headers=headers, raise_error=False, request_timeout=60, **options)

    return ask


@needs_tensorboard
class TestWhatIsShown:
    async def test_the_page_and_what_it_asks_for(self, open_board: Open, run: Run) -> None:
        page = await open_board(run)
        assert page.code == 200
        assert b"TensorBoard" in page.body
        assert json.loads((await open_board(run, "/data/runs")).body) == [run.id]
        asked = {"requests": json.dumps([{"plugin": "scalars", "tag": "loss"}])}
        series = await open_board(run, "/data/plugin/timeseries/timeSeries", method="POST", body=urlencode(asked))
        (told,) = json.loads(series.body)
        ((point,),) = told["runToSeries"].values()
        assert (point["step"], point["value"]) == (1, 0.5)

    async def test_answers_are_compressed_for_those_who_want_that(
        self, open_board: Open, run: Run, jp_serverapp: Any
    ) -> None:
        page = (await open_board(run)).body.decode()
        (script,) = re.findall(r'src="(index\.js[^"]*)"', page)
        token = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}
        answer = await open_board(
            run, f"/{script}", headers={**token, "Accept-Encoding": "gzip"}, decompress_response=False
        )

        assert answer.headers["Content-Encoding"] == "gzip"
        assert len(gzip.decompress(answer.body)) > 2 * len(answer.body)

    async def test_the_page_has_all_its_parts_beside_it(self, open_board: Open, run: Run) -> None:
        page = (await open_board(run)).body.decode()
        (font, *_) = re.findall(r"url\((/?font-roboto/[^)]*)\)", page)

        assert not font.startswith("/")
        assert (await open_board(run, f"/{font}")).headers["Content-Type"] == "font/woff2"

    @pytest.mark.slow
    async def test_what_a_run_writes_meanwhile(self, open_board: Open, run: Run) -> None:
        await open_board(run)
        write(run, "logs/later", "loss", 0.25)

        async def runs() -> list[str]:
            return list(json.loads((await open_board(run, "/data/runs")).body))

        deadline = time.monotonic() + 60
        while len(found := await runs()) < 2 and time.monotonic() < deadline:
            pass
        assert sorted(found) == [run.id, f"{run.id}/later"]

    @pytest.mark.slow
    async def test_logs_and_outputs_together(self, open_board: Open, run: Run) -> None:
        await open_board(run)
        write(run, "outputs/tb", "loss", 0.25)
        await open_board(run)

        assert sorted(json.loads((await open_board(run, "/data/runs")).body)) == [
            f"{run.id}/logs",
            f"{run.id}/outputs/tb",
        ]

    @pytest.mark.slow
    async def test_several_runs_at_once(self, open_board: Open, run: Run, bare: Run, submit: Submit) -> None:
        other = submit("pass")
        write(other, "logs", "loss", 0.25)
        write(other, "outputs/tb", "loss", 0.125)
        together = Mock(workspace=run.workspace, id=f"{run.id},{bare.id},{other.id}")
        await open_board(together)

        assert sorted(json.loads((await open_board(together, "/data/runs")).body)) == sorted(
            [run.id, f"{other.id}/logs", f"{other.id}/outputs/tb"]
        )

    async def test_no_link_leads_out_of_the_logs(self, open_board: Open, run: Run, tmp_path: Path) -> None:
        EventWriter(tmp_path / "elsewhere").scalar("secret", 1, 1)
        (elsewhere,) = (tmp_path / "elsewhere").iterdir()
        logs = run.path / "logs"
        (logs / "all").symlink_to(tmp_path)
        (logs / "round").symlink_to(logs)
        (logs / "taken").mkdir()
        (logs / "taken" / elsewhere.name).symlink_to(elsewhere)

        await open_board(run)
        assert json.loads((await open_board(run, "/data/runs")).body) == [run.id]

    async def test_the_page_may_load_nothing_from_elsewhere_and_be_framed_here_alone(
        self, open_board: Open, run: Run
    ) -> None:
        page = await open_board(run)

        ours, theirs = page.headers.get_list("Content-Security-Policy")
        assert "frame-ancestors 'self'" in ours
        assert "default-src 'self'" in theirs
        assert page.headers["X-Content-Type-Options"] == "nosniff"

    async def test_an_address_without_its_slash_leads_to_the_page(self, open_board: Open, run: Run) -> None:
        answer = await open_board(run, "", follow_redirects=False)

        assert (answer.code, answer.headers["Location"][-len(run.id) - 1 :]) == (302, f"{run.id}/")


@needs_tensorboard
class TestWhoMay:
    async def test_nobody_who_is_not_signed_in(self, open_board: Open, run: Run) -> None:
        for method, body in (("GET", None), ("POST", "")):
            answer = await open_board(run, "/data/runs", method=method, body=body, headers={}, follow_redirects=False)
            assert answer.code in (302, 403)

    async def test_no_page_of_another_server(self, signed_in: Callable[..., Awaitable[HTTPResponse]]) -> None:
        assert (await signed_in("http://elsewhere.example")).code in (403, 404)
        assert (await signed_in(None)).code == 403

    async def test_pages_of_this_one_without_the_cookie_told_again(
        self, signed_in: Callable[..., Awaitable[HTTPResponse]], jp_http_port: int
    ) -> None:
        assert (await signed_in(f"http://127.0.0.1:{jp_http_port}")).code == 200

    @pytest.fixture
    def signed_in(
        self, jp_serverapp: Any, open_board: Open, jp_http_port: int, jp_base_url: str, run: Run
    ) -> Callable[[str | None], Awaitable[HTTPResponse]]:
        """Ask by POST with the cookie of somebody who has signed in, as a page of some server."""
        token = jp_serverapp.identity_provider.token
        login = f"http://127.0.0.1:{jp_http_port}{jp_base_url}login?token={token}"

        async def ask(origin: str | None) -> HTTPResponse:
            page = await AsyncHTTPClient().fetch(login, raise_error=False, follow_redirects=False)
            cookies = "; ".join(one.partition(";")[0] for one in page.headers.get_list("Set-Cookie"))
            headers = {"Cookie": cookies} | ({} if origin is None else {"Origin": origin})
            body = urlencode({"requests": "[]"})
            return await open_board(
                run, "/data/plugin/timeseries/timeSeries", method="POST", body=body, headers=headers
            )

        return ask

    async def test_nobody_else_on_the_machine(self, open_board: Open, jp_serverapp: Any, run: Run) -> None:
        await open_board(run)
        board = extension_of(jp_serverapp).tensorboards.board(run.workspace.id, run.id)
        process = psutil.Process(board.process.pid)

        assert stat.S_IMODE(board.place.stat().st_mode) == 0o700
        assert [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN] == []
        assert process.children(recursive=True) == []


def extension_of(jp_serverapp: Any) -> Any:
    (extension,) = jp_serverapp.extension_manager.extension_apps["jupyterlab_traindock"]
    return extension


class TestWhatIsWrong:
    async def test_where_it_is_not_installed_the_page_says_what_to_do(
        self, open_board: Open, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tensorboards, "installed", lambda: False)
        page = await open_board(run)

        assert (page.code, page.headers["Content-Type"]) == (501, "text/html; charset=utf-8")
        assert "pip install tensorboard" in page.body.decode()

    async def test_a_run_without_event_files(self, open_board: Open, bare: Run) -> None:
        page = await open_board(bare)

        assert page.code == 404
        assert f"run {bare.id} has no TensorBoard event files so far" in page.body.decode()

    async def test_a_run_whose_record_names_a_folder_that_is_none_of_its_own(self, open_board: Open, bare: Run) -> None:
        bare.workspace.run_folder(bare.id).append({"type": "event_files", "value": ["..", "../other_1_00000000/logs"]})

        assert (await open_board(bare)).code == 404

    async def test_several_runs_of_which_none_has_event_files_or_too_many(
        self, open_board: Open, run: Run, bare: Run, submit: Submit
    ) -> None:
        others = [bare, submit("pass")]
        page = await open_board(Mock(workspace=run.workspace, id=",".join(one.id for one in others)))
        assert page.code == 404
        assert f"none of the runs {', '.join(sorted(one.id for one in others))} has" in page.body.decode()

        page = await open_board(Mock(workspace=run.workspace, id=",".join(f"tests_{number}_0" for number in range(11))))
        assert page.code == 400
        assert "10 runs at most" in page.body.decode()

    async def test_a_run_that_is_not_there(self, open_board: Open, run: Run) -> None:
        for ids in ((run.workspace.id, "tests_1_00000000"), ("0" * 32, run.id)):
            page = await open_board(Mock(workspace=Mock(id=ids[0]), id=ids[1]))
            assert page.code == 404
            assert "there is no" in page.body.decode()

    async def test_a_tensorboard_that_cannot_begin_says_why_and_the_next_question_tries_again(
        self, open_board: Open, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken"
        broken.mkdir()
        (broken / "tensorboard.py").write_text("raise ImportError('no <b>protobuf</b>')")
        monkeypatch.setattr(tensorboards, "installed", lambda: True)
        monkeypatch.setenv("PYTHONPATH", str(broken))
        page = await open_board(run)

        assert page.code == 502
        assert "no &lt;b&gt;protobuf&lt;/b&gt;" in page.body.decode()
        if importlib.util.find_spec("tensorboard") is not None:
            monkeypatch.delenv("PYTHONPATH")
            assert (await open_board(run)).code == 200


async def test_the_runs_document_says_where_it_is(ask: Ask, run: Run, bare: Run) -> None:
    document = await ask("workspaces", run.workspace.id, "runs", run.id)
    assert document["event_files"] == ["logs"]
    assert document["tensorboard"] == {"url": f"traindock/tensorboard/{run.workspace.id}/{run.id}/"}
    assert (await ask("workspaces", bare.workspace.id, "runs", bare.id))["tensorboard"] is None


@needs_tensorboard
@pytest.mark.slow
class TestProcesses:
    @pytest.fixture
    def manager(self, workspace: Workspace) -> Iterator[TensorBoardManager]:
        class Opened:
            def get(self, _: str) -> Workspace:
                return workspace

        manager = TensorBoardManager(Opened(), most=2)  # type: ignore[arg-type]
        yield manager
        manager.close()

    def ids(self, run: Run) -> tuple[str, str]:
        return run.workspace.id, run.id

    def test_a_run_has_one_and_another_one_after_it_was_killed(self, manager: TensorBoardManager, run: Run) -> None:
        board = manager.board(*self.ids(run))
        assert manager.board(*self.ids(run)) is board
        wait_for(board.answers, "it to answer")
        board.process.kill()
        board.process.wait()
        with pytest.raises(ApiError, match="exit code -9"):
            board.answers()

        again = manager.board(*self.ids(run), anew=False)
        assert again is not board
        wait_for(lambda: not board.place.exists(), "what it left to be removed")

    def test_of_too_many_the_one_that_was_asked_longest_ago_ends(
        self, manager: TensorBoardManager, run: Run, submit: Submit
    ) -> None:
        runs = [run, submit("pass"), submit("pass")]
        for each in runs[1:]:
            write(each, "logs", "loss", 0.5)
        first, second = (manager.board(*self.ids(each)) for each in runs[:2])
        manager.board(*self.ids(runs[0]))
        third = manager.board(*self.ids(runs[2]))

        wait_for(lambda: second.process.poll() is not None, "the second to end")
        assert [board.process.poll() is None for board in (first, third)] == [True, True]

    def test_runs_share_one_in_whichever_order_they_are_named(
        self, manager: TensorBoardManager, run: Run, submit: Submit
    ) -> None:
        other = submit("pass")
        write(other, "logs", "loss", 0.5)
        board = manager.board(run.workspace.id, f"{run.id},{other.id}")

        assert manager.board(run.workspace.id, f"{other.id},{run.id}") is board
        assert manager.board(*self.ids(run)) is not board

    def test_nobody_waits_for_one_that_does_not_end(
        self, manager: TensorBoardManager, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ended = threading.Event()
        board = manager.board(*self.ids(run))
        end = board.end
        monkeypatch.setattr(board, "end", lambda: (ended.wait(60), end()))
        manager.failed(*self.ids(run), board)

        assert manager.board(*self.ids(run)) is not board
        assert board.place.exists()
        ended.set()
        manager.close()
        assert not board.place.exists()

    def test_it_ends_when_nobody_asks(self, workspace: Workspace, run: Run) -> None:
        class Opened:
            def get(self, _: str) -> Workspace:
                return workspace

        manager = TensorBoardManager(Opened(), idle_seconds=1)  # type: ignore[arg-type]
        board = manager.board(*self.ids(run))

        assert board.process.wait(60) == 0
        manager.close()
        assert not board.place.exists()

    def test_it_ends_with_the_server_however_that_ends(self, run: Run, tmp_path: Path) -> None:
        script = (
            "import os, sys, time; from pathlib import Path\n"
            "from jupyterlab_traindock.managers.tensorboards import TensorBoardManager\n"
            "from traindock import Workspace\n"
            f"workspace = Workspace({str(run.workspace.layout.root)!r})\n"
            "class Opened:\n    def get(self, _): return workspace\n"
            f"board = TensorBoardManager(Opened()).board('', {run.id!r})\n"
            "print(board.process.pid, board.place, flush=True)\ntime.sleep(600)\n"
        )
        server = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        pid, place = server.stdout.readline().split()
        process = psutil.Process(int(pid))
        wait_for(lambda: (Path(place) / "socket").exists(), "it to answer")
        server.kill()
        server.wait()
        server.stdout.close()

        psutil.wait_procs([process], timeout=30)
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    def test_a_long_name_of_the_folder_for_temporary_files(
        self, manager: TensorBoardManager, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deep = tmp_path / ("x" * 100)
        deep.mkdir()
        monkeypatch.setattr(tensorboards.tempfile, "tempdir", str(deep))
        board = manager.board(*self.ids(run))

        wait_for(board.answers, "it to answer")
        assert os.listdir(deep) == []
