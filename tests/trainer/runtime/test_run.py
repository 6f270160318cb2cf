"""The run as its own script sees it, inside a job and outside of one."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import decimal
import enum
import fractions
import inspect
import io
import json
import math
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock import errors
from traindock.interactive import InteractiveRun
from traindock.model import Model as WholeModel
from traindock.runtime import context, requests
from traindock.runtime.context import JobRun, Run
from traindock.runtime.metrics import Metrics
from traindock.runtime.model import Model
from traindock.runtime.offline import OfflineRun
from traindock.store.metrics import MetricReader


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job's working directory, with the run's folders beside it."""
    work = tmp_path / "work"
    for name in ("outputs", "logs"):
        (work / name).mkdir(parents=True)
    (tmp_path / "job.json").write_text(
        json.dumps(
            {
                "display_name": "first try",
                "tags": {"a": "1"},
                "properties": {"p": "1"},
                "arguments": ["--lr", "0.1"],
                "target": "local",
                "snapshot": "5" * 64,
            }
        )
    )
    variables = {
        "RUN_ID": "exp_1700000000_0123abcd",
        "EXPERIMENT": "exp",
        "WORKSPACE": "ws",
        "WORKSPACE_ID": "w-1",
        "RUN_NUMBER": "7",
        "PARENT_RUN_ID": "",
        "METRICS_DIR": tmp_path / "metrics",
        "REQUESTS_DIR": tmp_path / "requests",
        "OUTPUTS_DIR": work / "outputs",
        "LOGS_DIR": work / "logs",
        "UPLOADS_DIR": tmp_path / "uploads",
        "DRIVER_DIR": tmp_path / "driver",
        "RUN_JSON": tmp_path / "job.json",
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"TRAINDOCK_{name}", str(value))
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(work)
    return tmp_path


@pytest.fixture
def job(folder: Path) -> Run:
    return Run.get_context(allow_offline=False)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.delenv("TRAINDOCK_RUN_ID", raising=False)
    monkeypatch.setattr(context, "_current", None)
    monkeypatch.chdir(tmp_path)
    return Run.get_context()


@pytest.fixture(params=["job", "offline"])
def either(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def sent(folder: Path) -> list[dict[str, Any]]:
    """The requests that were made, in order, without their ids and times."""
    found = [json.loads(path.read_text()) for path in (folder / "requests").glob("*.json")]
    found = [one for one in found if "request" in one]  # not the replies
    found.sort(key=lambda one: one["id"])  # the order in which the dispatcher serves them
    return [{key: value for key, value in one.items() if key not in ("id", "t")} for one in found]


def answering(folder: Path, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> threading.Thread:
    """Answer the next request as the dispatcher would."""

    def serve() -> None:
        from traindock.store.watch import Watcher

        asked = folder / "requests"
        with Watcher([asked]) as watcher:
            while not (found := list(asked.glob("*.json")) if asked.exists() else []):
                watcher.wait(10)
        reply = found[0].with_suffix(".reply.json")
        temporary = reply.with_suffix(".tmp")
        temporary.write_text(json.dumps(answer(json.loads(found[0].read_text()))))
        temporary.rename(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


class TestTheOrderOfRequests:
    def test_it_is_that_of_the_calls_also_within_a_tick_of_the_clock(
        self, job: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for now in (1_700_000_000_000_000_000, 1_700_000_000_000_000_000, 1_600_000_000_000_000_000):  # and set back
            monkeypatch.setattr(time, "time_ns", lambda now=now: now)
            for number in range(20):
                job.tag("number", str(number))
        assert [one["tags"]["number"] for one in sent(folder)] == [str(number) for number in range(20)] * 3

    def test_their_ids_are_uuids(self, job: Run, folder: Path) -> None:
        job.tag("a", "b")
        (path,) = (folder / "requests").glob("*.json")
        made = uuid.UUID(path.stem)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert abs((made.int >> 80) / 1000 - path.stat().st_mtime) < 5


def parameters(function: Any) -> list[tuple[str, Any]]:
    """Names and defaults of the parameters, but of those by keyword only, which a ``**`` takes."""
    found = inspect.signature(function).parameters.values()
    return [(one.name, one.default) for one in found if one.kind is one.POSITIONAL_OR_KEYWORD]


class TestContext:
    def test_inside_a_job_it_is_one_object(self, job: Run) -> None:
        assert isinstance(job, JobRun)
        assert Run.get_context() is job

    def test_outside_it_is_one_object_too(self, offline: Run) -> None:
        assert isinstance(offline, OfflineRun)
        assert Run.get_context() is offline

    def test_outside_it_can_be_refused(self, offline: Run) -> None:
        with pytest.raises(errors.RunEnvironmentException, match="submit"):
            Run.get_context(allow_offline=False)

    def test_who_it_is(self, job: Run) -> None:
        assert job.id == "exp_1700000000_0123abcd"
        assert (job.number, job.parent) == (7, None)
        assert (job.experiment.name, job.experiment.workspace.name) == ("exp", "ws")
        assert (job.display_name, job.name, job.description) == ("first try", "first try", "")
        assert str(job).splitlines() == [
            "Run(Experiment: exp,",
            "Id: exp_1700000000_0123abcd,",
            "Type: traindock.scriptrun,",
            "Status: Running)",
        ]
        assert (job.input_datasets, job.output_datasets) == ({}, {})
        details = job.get_details()
        assert (details["runId"], details["status"], details["target"]) == (job.id, "Running", "local")
        assert job.get_snapshot_id() == "5" * 64
        assert job.workspace.name == "ws"
        assert (job.reason, job.get_detailed_status()["status"]) == (None, "Running")
        assert details["runDefinition"] == {"arguments": ["--lr", "0.1"]}

    def test_its_parent_is_known_but_not_written_to(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_PARENT_RUN_ID", "sweep_1")
        parent = Run.get_context().parent
        assert parent is not None
        assert (parent.id, parent.experiment.name) == ("sweep_1", "exp")
        with pytest.raises(errors.UserErrorException, match="only the run of the job itself"):
            parent.log("loss", 1)

    @pytest.mark.parametrize("content", ["", "[]", "{broken", '{"tags": 5}', None])
    def test_a_damaged_record_costs_only_its_names(self, job: Run, folder: Path, content: str | None) -> None:
        path = folder / "job.json"
        path.unlink()
        if content is not None:
            path.write_text(content)
        assert job.get_tags() == {}
        assert job.display_name == job.id
        job.tag("a", 1)
        assert job.get_tags() == {"a": "1"}

    def test_nothing_is_missing_outside_of_a_job(self) -> None:
        def public(kind: type) -> dict[str, Any]:
            found = {name: getattr(kind, name) for name in dir(kind) if not name.startswith("_")}
            return {name: inspect.signature(one) if callable(one) else type(one) for name, one in found.items()}

        assert public(OfflineRun) == public(JobRun) == public(Run)

    def test_nothing_that_runs_have_is_missing_in_their_own_script(self) -> None:
        """Under the same names, with the same parameters: code moves between notebook and script as it is."""
        only_outside = {
            "record": "what the run's folder says",
            "signed": "a job was signed, or it would not run",
            "resources": "what a job uses is looked at from outside of it",
            "get_resources": "as above",
        }

        def public(kind: type) -> dict[str, Any]:
            return {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("_")}

        outside, inside = public(InteractiveRun), public(Run)
        assert set(outside) - set(inside) == set(only_outside)
        for name in outside.keys() & inside.keys():
            assert isinstance(outside[name], property) == isinstance(inside[name], property), name
            assert isinstance(outside[name], staticmethod) == isinstance(inside[name], staticmethod), name
            if not isinstance(outside[name], property):
                wanted = parameters(getattr(InteractiveRun, name))
                assert parameters(getattr(Run, name))[: len(wanted)] == wanted, name
        assert hasattr(Run, "_repr_html_")

    def test_what_only_the_outside_can_do_says_so(self, job: Run) -> None:
        for call in (
            lambda: Run.get(job.workspace, "x"),
            lambda: Run.list(job.experiment, metric="loss", above=1),
            lambda: Run.list_by_compute("local"),
            lambda: job.submit_child("config"),
            lambda: job.restore_snapshot(path="there"),
            lambda: job.delete(),
            lambda: job.resubmit(arguments=["--lr", 1]),
        ):
            with pytest.raises(
                errors.RunEnvironmentException, match=r"not available to a training script: .*(job|outside)"
            ):
                call()
        for call in (
            lambda: job.metrics.since(),
            lambda: job.metrics.buckets("loss"),
            lambda: job.metrics.damaged(),
        ):
            with pytest.raises(errors.RunEnvironmentException, match=r"follows the run from outside.*values\(name\)"):
                call()
        with pytest.raises(AttributeError, match="'record': a run has fewer"):
            job.record  # noqa: B018
        assert not hasattr(job, "_ipython_display_")

    def test_outside_of_a_job_these_are_printed(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        child = offline.submit_child(object(), tags={"a": "1"})
        assert (child.parent, child.get_tags()) == (offline, {"a": "1"})
        assert Path(offline.restore_snapshot(path="there")) == Path.cwd()
        assert (offline.get_snapshot_id(), offline.workspace.name) == ("", "offline")
        assert capsys.readouterr().out.count("Attempted") == 2

    def test_as_html(self, either: Run) -> None:
        assert f"<td>{either.id}</td>" in either._repr_html_()

    def test_its_logs(self, job: Run, folder: Path) -> None:
        Path("logs/own.txt").write_text("mine")
        (folder / "driver").mkdir()
        (folder / "driver" / "stdout.txt").write_text("printed")
        (folder / "driver" / "build.txt").write_text("x" * 2_000_000 + "built")
        names = ["logs/build.txt", "logs/own.txt", "logs/stdout.txt"]
        assert job.get_file_names() == names
        assert job.get_details()["logFiles"]["logs/own.txt"] == str(Path("logs/own.txt").absolute())
        found = job.get_details_with_logs()["logFiles"]
        assert (found["logs/stdout.txt"], found["logs/own.txt"]) == ("printed", "mine")
        assert (len(found["logs/build.txt"]), found["logs/build.txt"][-5:]) == (1_000_000, "built")
        assert job.get_all_logs(folder / "there") == [str(folder / "there" / name) for name in names]
        assert (folder / "there" / "logs" / "stdout.txt").read_text() == "printed"
        job.download_file("azureml-logs/70_driver_log.txt")
        assert Path("70_driver_log.txt").read_text() == "printed"
        for name in ("logs/stdout.txt", "azureml-logs/20_image_build_log.txt"):
            with pytest.raises(errors.UserErrorException, match="already"):
                job.upload_file(name, io.BytesIO(b"forged"))

    def test_a_family_of_this_process(self, offline: Run) -> None:
        first, second = offline.create_children(tag_key="fold", tag_values=[1, 2])
        below = first.child_run("below")
        second.log("loss", 0.5)
        assert list(offline.get_children()) == [second, first]
        assert list(offline.get_children(recursive=True)) == [second, first, below]
        assert list(offline.get_children(tags={"fold": "2"})) == [second]
        assert list(offline.get_children(tags="fold", status="Running", type=first.type)) == [second, first]
        assert list(offline.get_children(status="Failed")) == list(offline.get_children(properties="x")) == []
        assert offline.get_metrics(recursive=True) == {
            offline.id: {},
            second.id: {"loss": 0.5},
            first.id: {},
            below.id: {},
        }
        assert offline.get_metrics("loss", recursive=True, run_type="other") == {}

    def test_what_the_script_says_about_its_end_changes_nothing(
        self, either: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        either.start()
        either.complete()
        either.cancel()
        either.fail("out of patience", 7)
        assert "7: out of patience" in capsys.readouterr().out
        assert either.get_status() == "Running"
        assert either.wait_for_completion(show_output=True)["runId"] == either.id
        assert "cannot wait" in capsys.readouterr().out

    def test_a_with_block_lets_exceptions_through(self, either: Run) -> None:
        with either as inside:
            assert inside is either
        with pytest.raises(ZeroDivisionError), either:
            raise ZeroDivisionError

    def test_its_environment(self, either: Run) -> None:
        found = either.get_environment()
        assert Path(found.python).exists()
        assert found.environment_variables["PATH"] == os.environ["PATH"]


class Half(float):
    """A subclass, as numpy's float64 is one."""


class Level(enum.IntEnum):
    HIGH = 3


class FakeTensor:
    """A tensor of TensorFlow's kind: no item(), but numpy()."""

    ndim = 0

    def numpy(self) -> Any:
        return np.float32(0.5)


class TestValues:
    @pytest.mark.parametrize(
        ("value", "stored"),
        [
            (np.float64(0.1), 0.1),
            (np.float32(0.5), 0.5),
            (np.float16(0.5), 0.5),
            (np.int64(2**62), 2**62),
            (np.int8(-3), -3),
            (np.uint64(2**64 - 1), 2**64 - 1),
            (np.bool_(True), True),
            (np.str_("x"), "x"),
            (np.array(0.25), 0.25),
            (np.array(7), 7),
            (Half(0.5), 0.5),
            (Level.HIGH, 3),
            (fractions.Fraction(1, 4), 0.25),
            (decimal.Decimal("0.5"), 0.5),
            (FakeTensor(), 0.5),
            (True, True),
            (None, None),
            ("text", "text"),
        ],
    )
    def test_scalars_of_all_sorts(self, either: Run, value: Any, stored: Any) -> None:
        either.log("x", value)
        found = either.get_metrics()["x"]
        assert found == stored
        assert type(found) is type(stored)

    @pytest.mark.slow
    def test_tensors(self, either: Run) -> None:
        torch = pytest.importorskip("torch")
        either.log("x", torch.tensor(0.5, requires_grad=True))
        either.log("x", torch.tensor(3))
        either.log("x", torch.tensor(float("inf"), dtype=torch.bfloat16))
        either.log_list("list", torch.tensor([1.0, 2.0]))
        assert either.get_metrics() == {"x": [0.5, 3, math.inf], "list": [1.0, 2.0]}

    @pytest.mark.parametrize(
        "value", [[1], (1, 2), range(3), (n for n in range(2)), {1}, {"a": 1}, np.array([1.0]), b"x", 1j, object(), len]
    )
    def test_what_is_no_scalar_is_refused_with_help(self, either: Run, value: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="metric 'x'"):
            either.log("x", value)
        with pytest.raises(errors.UserErrorException, match=r"metric 'x\.col'"):
            either.log_row("x", col=value)
        assert either.get_metrics() == {}

    def test_a_value_that_cannot_be_shown(self, either: Run) -> None:
        class Shy:
            def __repr__(self) -> str:
                raise RuntimeError

        with pytest.raises(errors.UserErrorException, match="RuntimeError"):
            either.log("x", Shy())

    @pytest.mark.parametrize("name", [None, 3, "", ["x"], b"x"])
    def test_names_are_strings(self, either: Run, name: Any) -> None:
        for value in (1.0, 1):
            with pytest.raises(errors.UserErrorException, match="metric name"):
                either.log(name, value)

    @pytest.mark.parametrize("step", [np.int64(3), 3.0, Level.HIGH, np.array(3)])
    def test_steps_are_whole_numbers(self, job: Run, folder: Path, step: Any) -> None:
        job.log("x", 0.5, step=step)
        points = MetricReader(folder / "metrics").points("x")
        assert points.steps is not None
        assert points.steps.tolist() == [3]

    @pytest.mark.parametrize("step", [0.5, "three", 2**63, [1], math.nan, math.inf])
    def test_other_steps_are_refused(self, either: Run, step: Any) -> None:
        for value in (0.5, 1):
            with pytest.raises(errors.UserErrorException, match="'x'"):
                either.log("x", value, step=step)

    def test_lists(self, either: Run) -> None:
        either.log_list("a", (n / 2 for n in range(3)))
        either.log_list("b", [1, None, True, "x", np.float32(0.5)])
        assert either.get_metrics() == {"a": [0, 0.5, 1.0], "b": [1, None, True, "x", 0.5]}
        for wrong in (1, "text", {"a": 1}, [[1]], np.ones((2, 2))):
            with pytest.raises(errors.UserErrorException):
                either.log_list("c", wrong)

    @pytest.mark.parametrize(
        ("call", "value", "help"),
        [
            ("log_list", np.array(5), r"use log\(\) for a single one"),
            ("log_list", np.float32(5), r"use log\(\) for a single one"),
            ("log_list", np.ones((2, 2)), r"log_list\(\) takes one-dimensional arrays.*2 dimensions.*log_table\(\)"),
            ("log_list", [[1]], r"log_list\(\) takes a list of scalars.*\[1\].*log_table\(\)"),
            ("log_list", [b"x"], r"b'x' of type bytes is no scalar"),
            ("log", np.ones((2, 2)), r"2 dimensions.*log_table\(\)"),
            ("log", np.ones(2), r"use log_list\(\)"),
            ("log", np.array(1j), r"complex is no scalar.*\.real"),
            ("log_table", {"a": np.ones((2, 2))}, r"'x\.a': a column of log_table\(\) takes one-dimensional"),
        ],
    )
    def test_what_does_not_fit_is_told_what_does(self, either: Run, call: str, value: Any, help: str) -> None:  # noqa: A002
        with pytest.raises(errors.UserErrorException, match=f"(?s){help}"):
            getattr(either, call)("x", value)
        assert either.get_metrics() == {}

    @pytest.mark.parametrize("call", ["log", "log_list", "log_table"])
    def test_a_frame_is_a_table_and_says_how(self, either: Run, call: str) -> None:
        """Iterating over one gives the names of its columns, which would be logged without a word."""
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
        with pytest.raises(errors.UserErrorException, match=r'DataFrame; use log_table\(name, frame.to_dict\("list"\)'):
            getattr(either, call)("x", frame)
        either.log_table("x", frame.to_dict("list"))
        either.log_list("column", frame["a"])
        assert either.get_metrics() == {"x": {"a": [1, 2], "b": [0.5, 1.5]}, "column": [1, 2]}

    @pytest.mark.slow
    def test_a_tensor_without_data(self, either: Run) -> None:
        torch = pytest.importorskip("torch")
        for call, value in (
            (either.log, torch.ones((), device="meta")),
            (either.log_list, torch.ones(2, device="meta")),
            (either.log_table, {"a": torch.ones(2, device="meta")}),
        ):
            with pytest.raises(errors.UserErrorException, match=r"metric 'x.*no value can be taken out.*meta"):
                call("x", value)

    def test_tables(self, either: Run) -> None:
        either.log_table("t", {"a": np.array([1, 2]), "b": ["x", None]})
        assert either.get_metrics("t") == {"t": {"a": [1, 2], "b": ["x", None]}}
        for wrong in ([1], {"a": [1], "b": [1, 2]}, {1: [1]}, {"a": [[1]]}):
            with pytest.raises(errors.UserErrorException):
                either.log_table("u", wrong)
        with pytest.raises(errors.UserErrorException, match="columns"):
            either.log_row("u")

    @pytest.mark.parametrize("kind", ["confusion_matrix", "accuracy_table", "residuals", "predictions"])
    def test_schemas(self, either: Run, kind: str) -> None:
        value = {"schema_type": kind, "schema_version": "1.0.0", "data": {"x": np.arange(2), "y": [math.inf, None]}}
        log = getattr(either, f"log_{kind}")
        log("good", value)
        assert either.get_metrics()["good"]["data"] == {"x": [0, 1], "y": [math.inf, None]}
        for wrong in ({**value, "schema_type": "other"}, {"schema_type": kind}, "{broken", [1]):
            with pytest.raises(errors.UserErrorException):
                log("bad", wrong)


class TestImages:
    def test_a_figure_is_saved_and_named_after_its_metric(self, job: Run, folder: Path) -> None:
        class Figure:
            def savefig(self, out: Any, format: str) -> None:  # noqa: A002 - matplotlib's name
                out.write(b"\x89PNG " + format.encode())

        job.log_image("a/b: ü?", plot=Figure())
        job.log_image("a/b: ü?", plot=Figure())
        names = job.get_metrics()["a/b: ü?"]
        assert len(set(names)) == 2
        for name in names:
            assert name.startswith("a_b__ü__")
            assert name.endswith(".png")
            assert (folder / "uploads" / name).read_bytes() == b"\x89PNG png"
        assert set(names) <= set(job.get_file_names())

    def test_a_figure_in_the_place_of_the_path(self, either: Run) -> None:
        class Figure:
            def savefig(self, out: Any, format: str) -> None:  # noqa: A002 - matplotlib's name
                out.write(b"\x89PNG")

        either.log_image("x", Figure())
        assert list(either.get_metrics()) == ["x"]
        with pytest.raises(errors.UserErrorException, match="not a ndarray; a matplotlib figure is plot="):
            either.log_image("x", np.ones((2, 2)))

    @pytest.mark.slow
    def test_matplotlib(self, job: Run, folder: Path) -> None:
        plt = pytest.importorskip("matplotlib.pyplot")
        plt.switch_backend("agg")
        figure = plt.figure()
        figure.gca().plot([1, 2])
        job.log_image("figure", plot=figure)
        job.log_image("pyplot", plot=plt)
        plt.close(figure)
        for name in ("figure", "pyplot"):
            assert (folder / "uploads" / job.get_metrics()[name]).read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(("file", "suffix"), [("x.jpeg", ".jpeg"), ("bare", ".png"), ("odd.p n/g", "")])
    def test_a_file_keeps_its_suffix_or_gets_one(self, job: Run, folder: Path, file: str, suffix: str) -> None:
        path = folder / file.replace("/", "_")
        path.write_bytes(b"\x89PNG")
        job.log_image("x", path=path)
        name = job.get_metrics()["x"]
        assert name.endswith(suffix)
        assert (folder / "uploads" / name).read_bytes() == b"\x89PNG"

    @pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", ".", "..", "x" * 5000, "\0", "ü" * 300])
    def test_no_name_leads_out(self, job: Run, folder: Path, name: str) -> None:
        (folder / "x.png").write_bytes(b"\x89PNG")
        job.log_image(name, path=folder / "x.png")
        assert len(list((folder / "uploads").iterdir())) == 1
        assert len(job.get_file_names()) == 1

    def test_wrong_arguments(self, either: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.UserErrorException, match="exactly one"):
            either.log_image("x")
        with pytest.raises(errors.UserErrorException, match="exactly one"):
            either.log_image("x", path="a", plot="b")
        with pytest.raises(errors.UserErrorException, match="no file"):
            either.log_image("x", path=tmp_path / "missing.png")
        with pytest.raises(errors.UserErrorException, match="figure"):
            either.log_image("x", plot="a plot")

    def test_a_disk_that_refuses_is_counted_and_not_raised(self, job: Run, folder: Path) -> None:
        (folder / "uploads").write_text("in the way")
        (folder / "x.png").write_bytes(b"\x89PNG")
        job.log_image("x", path=folder / "x.png")
        assert job.get_metrics() == {}
        assert MetricReader(folder / "metrics").lost() == 1


class TestTags:
    def test_they_are_requests_and_seen_at_once(self, job: Run, folder: Path) -> None:
        job.tag("b", 2)
        job.set_tags({"c": "é\n", "d": None})
        job.remove_tags(["a", "nothing"])
        job.add_properties({"q": 5})
        job.display_name = "second try"
        job.description = "what it is"
        assert job.get_tags() == job.tags == {"b": "2", "c": "é\n", "d": ""}
        assert job.get_properties() == job.properties == {"p": "1", "q": "5"}
        assert (job.display_name, job.description) == ("second try", "what it is")
        assert sent(folder) == [
            {"request": "tag", "tags": {"b": "2"}},
            {"request": "tag", "tags": {"c": "é\n", "d": ""}},
            {"request": "remove_tags", "keys": ["a", "nothing"]},
            {"request": "properties", "properties": {"q": "5"}},
            {"request": "display_name", "value": "second try"},
            {"request": "description", "value": "what it is"},
        ]

    def test_properties_never_change(self, job: Run, folder: Path) -> None:
        job.add_properties({"p": "1"})
        with pytest.raises(errors.UserErrorException, match="never change"):
            job.add_properties({"p": "2", "new": "x"})
        assert job.get_properties() == {"p": "1"}

    def test_keys_are_strings(self, either: Run) -> None:
        for wrong in ({1: "a"}, {"": "a"}, ["a"]):
            with pytest.raises(errors.UserErrorException):
                either.set_tags(wrong)  # type: ignore[arg-type]

    def test_a_full_disk_is_said_once_and_not_raised(
        self, job: Run, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "requests").write_text("in the way")
        job.tag("x", "1")
        job.tag("x", "2")
        assert capsys.readouterr().out.count("cannot be written") == 1

    def test_outside_of_a_job(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.tag("a", 1)
        offline.remove_tags("a")
        offline.tag("b")
        offline.add_properties({"p": "1"})
        offline.display_name = "x"
        offline.description = "y"
        assert (offline.tags, offline.properties) == ({"b": ""}, {"p": "1"})
        assert (offline.display_name, offline.description) == ("x", "y")
        assert len(capsys.readouterr().out.splitlines()) == 6


class TestFiles:
    def test_uploads_have_a_place_each(self, job: Run, folder: Path) -> None:
        (folder / "x.txt").write_text("x")
        job.upload_file("outputs/a/x.txt", folder / "x.txt")
        job.upload_file("logs/x.txt", str(folder / "x.txt"))
        job.upload_file("plain.txt", io.BytesIO(b"stream"))
        job.upload_file("text.txt", io.StringIO("é"))
        job.upload_files(["many/1", "many/2"], [folder / "x.txt", folder / "x.txt"])
        assert job.get_file_names() == [
            "logs/x.txt",
            "many/1",
            "many/2",
            "outputs/a/x.txt",
            "plain.txt",
            "text.txt",
        ]
        assert Path("outputs/a/x.txt").read_text() == "x"
        assert (folder / "uploads" / "text.txt").read_text() == "é"

    def test_a_stream_gives_bytes_or_text(self, job: Run, folder: Path) -> None:
        class Stream:
            def read(self, size: int) -> Any:
                return [1]

        with pytest.raises(errors.UserErrorException, match="neither bytes nor text, but a list"):
            job.upload_file("x", Stream())
        assert job.get_file_names() == []

    def test_many_at_once(self, job: Run, folder: Path) -> None:
        for name in ("a/1", "a/2", "b"):
            job.upload_file(name, io.BytesIO(name.encode()))
        job.download_files("a/", folder / "there")
        job.download_files("a/", folder / "short", append_prefix=False)
        job.download_files(output_directory=folder / "named", output_paths=["x", "y", "z"])
        found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        expected = {"there/a/1", "there/a/2", "short/1", "short/2", "named/x", "named/y", "named/z"}
        assert {name for name in found if name.startswith(("there", "short", "named"))} == expected
        with pytest.raises(errors.ModelPathNotFoundException, match="a/1"):
            job.download_files("c/")
        with pytest.raises(errors.UserErrorException, match="1 output_paths for 3 files"):
            job.download_files(output_paths=["x"])

    def test_a_folder(self, job: Run, folder: Path) -> None:
        (folder / "data" / "sub").mkdir(parents=True)
        (folder / "data" / "1").write_text("1")
        (folder / "data" / "sub" / "2").write_text("2")
        job.upload_folder("outputs/data/", folder / "data")
        assert job.get_file_names() == ["outputs/data/1", "outputs/data/sub/2"]

    def test_what_is_there_is_not_replaced(self, job: Run, folder: Path) -> None:
        job.upload_file("x", io.BytesIO(b"1"))
        with pytest.raises(errors.UserErrorException, match="already"):
            job.upload_file("x", io.BytesIO(b"2"))
        assert (folder / "uploads" / "x").read_bytes() == b"1"

    def test_no_name_is_given_twice(self, either: Run) -> None:
        either.upload_file("x", io.BytesIO(b"1"))
        with pytest.raises(errors.UserErrorException, match="already"):
            either.upload_file("./x", io.BytesIO(b"2"))

    def test_an_output_under_its_own_name_stays_where_it_is(self, job: Run) -> None:
        Path("outputs/model.pt").write_text("m")
        job.upload_file("outputs/model.pt", "outputs/model.pt")
        assert job.get_file_names() == ["outputs/model.pt"]

    def test_half_a_file_is_never_seen(self, job: Run, folder: Path) -> None:
        class Breaks:
            def read(self, size: int) -> bytes:
                assert job.get_file_names() == []
                raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError):
            job.upload_file("x", Breaks())
        assert list((folder / "uploads").iterdir()) == []

    @pytest.mark.parametrize("name", ["../x", "/etc/x", "outputs/../../x", "", "a\0b", None, "..", "."])
    def test_no_name_leads_out(self, either: Run, name: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="file name"):
            either.upload_file(name, io.BytesIO(b"x"))
        with pytest.raises(errors.UserErrorException, match="file name"):
            either.download_file(name)

    def test_sources_that_are_not_there(self, either: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.UserErrorException, match="no file"):
            either.upload_file("x", tmp_path / "missing")
        with pytest.raises(errors.UserErrorException, match="a path or a stream, not a float"):
            either.upload_file("x", 0.5)
        with pytest.raises(errors.UserErrorException, match="no folder"):
            either.upload_folder("x", tmp_path / "missing")
        with pytest.raises(errors.UserErrorException, match="2 names for 1 paths"):
            either.upload_files(["a", "b"], ["c"])
        with pytest.raises(errors.UserErrorException, match="'a' is given twice"):
            either.upload_files(["a", "a"], ["b", "c"])

    def test_a_disk_that_refuses(self, job: Run, folder: Path) -> None:
        (folder / "uploads").write_text("in the way")
        with pytest.raises(errors.StoreException, match="cannot be stored"):
            job.upload_file("x", io.BytesIO(b"x"))

    def test_downloads(self, job: Run, folder: Path) -> None:
        Path("outputs/model.pt").write_text("m")
        (folder / "there").mkdir()
        job.download_file("outputs/model.pt")
        job.download_file("outputs/model.pt", folder / "there")
        job.download_file("outputs/model.pt", folder / "new" / "name.pt")
        for path in (Path("model.pt"), folder / "there" / "model.pt", folder / "new" / "name.pt"):
            assert path.read_text() == "m"
        with pytest.raises(errors.ModelPathNotFoundException, match=r"outputs/model\.pt"):
            job.download_file("outputs/other.pt")

    def test_outside_of_a_job(self, offline: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        offline.upload_file("x", io.BytesIO(b"x"))
        offline.upload_folder("y", tmp_path)
        offline.download_file("nothing")
        assert list(tmp_path.iterdir()) == []
        assert len(capsys.readouterr().out.splitlines()) == 3
        (tmp_path / "outputs").mkdir()
        (tmp_path / "outputs" / "m").write_text("m")
        assert offline.get_file_names() == ["outputs/m"]


class TestRequests:
    @pytest.mark.parametrize("name", ["a b", "", "-a", "x" * 256, "ä", None, "a\n"])
    def test_models_have_names(self, either: Run, name: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="is no model name: use 1 to 255"):
            either.register_model(name, "outputs/")

    @pytest.mark.parametrize("path", ["../x", "/abs", "outputs/../../x"])
    def test_no_model_lies_outside_of_the_run(self, either: Run, path: str) -> None:
        with pytest.raises(errors.UserErrorException, match=f"model_path '{path}' leads out"):
            either.register_model("net", path)

    def test_a_model_is_registered_by_the_dispatcher(self, job: Run, folder: Path) -> None:
        def answer(request: dict[str, Any]) -> dict[str, Any]:
            return {"ok": True, "result": {"name": request["model_name"], "version": 3, "tags": request["tags"]}}

        thread = answering(folder, answer)
        model = job.register_model(
            "net", "outputs/", tags={"a": 1}, model_framework="PyTorch", datasets=[5, ("training", "ants")]
        )
        thread.join()
        assert (model.name, model.version, model.id, model.tags) == ("net", 3, "net:3", {"a": "1"})
        (request,) = sent(folder)
        assert request["model_path"] == "outputs/"
        assert (request["model_framework"], request["datasets"]) == ("PyTorch", ["5", "ants"])

    def test_the_path_defaults_to_the_name(self, job: Run, folder: Path) -> None:
        thread = answering(folder, lambda request: {"ok": True, "result": {"version": 1, "id": request["model_path"]}})
        assert job.register_model("net").id == "net"
        thread.join()

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("ModelPathNotFoundException", errors.ModelPathNotFoundException),
            ("UserErrorException", errors.UserErrorException),
            ("SomethingNew", errors.TraindockError),
            ("from_reply", errors.TraindockError),
        ],
    )
    def test_a_refusal_is_the_error_it_names(self, job: Run, folder: Path, kind: str, expected: type) -> None:
        refusal = {"ok": False, "error": {"type": kind, "message": "files: outputs/x"}}
        thread = answering(folder, lambda request: refusal)
        with pytest.raises(expected, match="files: outputs/x"):
            job.register_model("net")
        thread.join()

    def test_a_dispatcher_that_is_away_is_named(self, job: Run, folder: Path) -> None:
        with pytest.raises(errors.TraindockError, match="dispatcher"):
            job.register_model("net", timeout_seconds=0.05)
        assert len(sent(folder)) == 1

    def test_a_reply_that_makes_no_sense(self, folder: Path) -> None:
        for reply in ([], {}, {"ok": False}, {"ok": False, "error": "x"}):
            asked = folder / f"requests{len(str(reply))}{type(reply).__name__}"
            asked.mkdir(exist_ok=True)
            thread = answering_in(asked, reply)
            with pytest.raises(errors.TraindockError, match="refused"):
                requests.ask(str(asked), "something", 10)
            thread.join()

    def test_a_child_run_logs_into_its_own_folder(self, job: Run, folder: Path) -> None:
        child_variables = {"TRAINDOCK_RUN_ID": "child_1", "TRAINDOCK_METRICS_DIR": str(folder / "child")}
        child_variables["TRAINDOCK_PARENT_RUN_ID"] = job.id
        thread = answering(folder, lambda request: {"ok": True, "result": {"environment": child_variables}})
        child = job.child_run("a child")
        thread.join()
        child.log("loss", 0.5)
        assert child.id == "child_1"
        assert child.parent is not None
        assert child.parent.id == job.id
        assert MetricReader(folder / "child").as_azure() == {"loss": 0.5}
        assert job.get_metrics() == {}

    def test_requests_are_seen_whole_or_not_at_all(self, folder: Path) -> None:
        for _ in range(20):
            requests.send(str(folder / "requests"), "tag", tags={})
        names = os.listdir(folder / "requests")
        assert len(set(names)) == 20
        assert all(name.endswith(".json") and not name.startswith(".") for name in names)

    def test_a_script_that_awaits_its_own_run_goes_on(self, either: Run) -> None:
        async def wait() -> dict[str, Any]:
            return await either

        assert asyncio.run(wait())["runId"] == either.id

    def test_outside_of_a_job(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        model = offline.register_model("net", "outputs/", tags={"a": "b"})
        assert (model.name, model.version, model.tags) == ("net", None, {"a": "b"})
        child = offline.child_run("child")
        assert (child.display_name, child.parent) == ("child", offline)
        assert len(capsys.readouterr().out.splitlines()) == 2


def answering_in(asked: Path, reply: Any) -> threading.Thread:
    def serve() -> None:
        from traindock.store.watch import Watcher

        with Watcher([asked]) as watcher:
            while not (found := list(asked.glob("*.json"))):
                watcher.wait(10)
        temporary = asked / "reply.tmp"
        temporary.write_text(json.dumps(reply))
        temporary.rename(found[0].with_suffix(".reply.json"))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


class TestOffline:
    """Without Traindock around, nothing that a run is told may hurt the training."""

    @pytest.mark.parametrize("broken", ["full", "closed", "gone", "ascii", "none"])
    def test_wherever_standard_output_leads(
        self, offline: Run, monkeypatch: pytest.MonkeyPatch, broken: str, tmp_path: Path
    ) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        streams: dict[str, Any] = {
            "full": open("/dev/full", "w", buffering=1) if Path("/dev/full").exists() else None,  # noqa: SIM115
            "closed": io.StringIO(),
            "gone": os.fdopen(writer, "w", buffering=1),
            "ascii": io.TextIOWrapper(io.BytesIO(), "ascii", write_through=True),
            "none": None,
        }
        streams["closed"].close()
        (tmp_path / "file").write_text("x")
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", streams[broken])
            offline.log("é", "ü")
            offline.log_list("x", [1, 2])
            offline.tag("é", 1)
            offline.display_name = "é"
            offline.upload_file("é", tmp_path / "file")
            offline.register_model("net", "outputs/")
            offline.create_children(2)
            offline.fail("é")
            offline.wait_for_completion()
        assert offline.get_metrics() == {"é": "ü", "x": [1, 2]}
        if broken == "ascii":
            assert b"metric \\xe9:\n\\xfc\n" in streams["ascii"].buffer.getvalue()
        for name in ("full", "gone"):
            with contextlib.suppress(OSError, AttributeError):
                streams[name].close()

    def test_a_long_training_needs_no_more_memory_than_a_short_one(
        self, offline: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("traindock.runtime.offline.KEPT", 20_000)
        for n in range(1000):
            offline.log("loss", n)
            offline.log_list("list", [n, n])
        kept = offline.get_metrics()["loss"]
        assert kept == list(range(1000))[-len(kept) :]
        assert 10 < len(kept) < 100
        offline.log_list("long", ["x" * 30_000])
        assert list(offline.get_metrics()) == ["long"]

    def test_integers_of_any_length(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.log("h", -(10**5000))
        offline.log_list("list", [10**5000])
        assert offline.get_metrics() == {"h": -(10**5000), "list": [10**5000]}
        assert "-0x" in capsys.readouterr().out

    def test_a_model_that_is_not_there_is_said_and_not_raised(
        self, offline: Run, capsys: pytest.CaptureFixture[str]
    ) -> None:
        offline.register_model("net", "outputs/net.pt")
        offline.upload_file("nets/net.pt", io.BytesIO(b"x"))
        offline.register_model("net", "nets/")
        lines = capsys.readouterr().out.splitlines()
        assert [line.endswith("where no file lies here") for line in lines] == [True, False, False]

    def test_files_that_are_not_there(self, offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
        offline.download_files("outputs/", "there")
        assert "Attempted to download" in capsys.readouterr().out
        assert (offline.get_all_logs("there"), os.listdir()) == ([], [])


class TestReadingBack:
    """The script reads what it has logged by the names that readers outside have, without numpy."""

    @staticmethod
    def log_all_sorts(run: Run) -> None:
        run.log("loss", 0.5, description="of the batch")
        run.log("loss", math.nan)
        run.log("loss", 0.25, step=7)
        run.log("epoch", 1)
        run.log("epoch", True)
        run.log("word", "best")
        run.log("huge", 2**70)
        run.log_list("list", [1, 2])
        run.log_row("row", a=1)

    def test_it_has_the_methods_of_readers_outside(self) -> None:
        for_servers = {"blocks", "held_bytes"}  # which read more than fits into memory, and count what they hold
        public = {
            name: one
            for name, one in vars(MetricReader).items()
            if not name.startswith("_") and name not in for_servers
        }
        assert set(public) == {name for name in vars(Metrics) if not name.startswith("_")}
        for name, one in public.items():
            assert parameters(getattr(Metrics, name)) == parameters(one), name

    def test_it_finds_what_readers_outside_find(self, job: Run, folder: Path) -> None:
        self.log_all_sorts(job)
        ours, reader = job.metrics, MetricReader(folder / "metrics")
        names = [info.name for info in reader.names()]
        assert [tuple(info) for info in ours.names()] == [dataclasses.astuple(info) for info in reader.names()]
        assert repr(ours.as_azure()) == repr(reader.as_azure())
        assert ours.as_azure("no such metric") == {}
        assert ours.lost() == reader.lost() == 0
        for name in [*names, "no such metric"]:
            assert repr(ours.values(name)) == repr(reader.values(name)), name
            mine, theirs = ours.points(name), reader.points(name)
            np.testing.assert_equal(mine.times, theirs.times)
            np.testing.assert_equal(mine.values, theirs.values)
            np.testing.assert_equal(mine.has_step, theirs.has_step)
            if theirs.steps is not None and theirs.has_step is not None:
                np.testing.assert_equal(np.array(mine.steps)[mine.has_step], theirs.steps[theirs.has_step])
            else:
                assert mine.steps is None
        summed = reader.summary()
        assert set(ours.summary()) == set(summed)
        for name, summary in ours.summary().items():
            np.testing.assert_equal(tuple(summary), dataclasses.astuple(summed[name]))
        np.testing.assert_equal(ours.to_frame_columns(), reader.to_frame_columns())
        np.testing.assert_equal(ours.to_frame_columns(["epoch"]), reader.to_frame_columns(["epoch"]))

    def test_points_that_the_disk_did_not_take_are_counted(self, job: Run, folder: Path) -> None:
        job.log("loss", 0.5)
        [writer] = (folder / "metrics").iterdir()
        (writer / "lost").write_bytes((3).to_bytes(8, "little"))
        assert job.metrics.lost() == MetricReader(folder / "metrics").lost() == 3

    def test_a_parents_metrics_are_not_to_be_had(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TRAINDOCK_PARENT_RUN_ID", "sweep_1")
        parent = Run.get_context().parent
        for read in (lambda: parent.metrics, lambda: parent.path, lambda: parent.to_pandas()):
            with pytest.raises(errors.UserErrorException, match="only the run of the job itself"):
                read()

    def test_outside_of_a_job_it_is_what_this_object_keeps(self, offline: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        assert (offline.metrics.names(), offline.metrics.summary(), offline.metrics.lost()) == ([], {}, 0)
        self.log_all_sorts(offline)
        kinds = {info.name: (info.kind, info.count, info.stepped) for info in offline.metrics.names()}
        assert kinds["loss"] == ("scalar", 3, True)
        assert kinds["row"] == ("row", 1, False)
        assert [info.description for info in offline.metrics.names() if info.name == "loss"] == ["of the batch"]
        assert offline.metrics.values("list") == [[1, 2]]
        loss = offline.metrics.points("loss")
        assert (loss.steps, loss.has_step) == ([0, 0, 7], [False, False, True])
        assert loss.times == sorted(loss.times)
        assert abs(loss.times[0] - time.time()) < 60
        assert offline.metrics.summary()["loss"] == (0.25, 0.25, 0.5, 3)
        assert offline.metrics.as_azure("epoch") == offline.get_metrics("epoch") == {"epoch": [1, True]}
        monkeypatch.setattr("traindock.runtime.offline.KEPT", 1000)
        for number in range(1000):
            offline.log("long", number)
        assert [info.name for info in offline.metrics.names()] == ["long"], "no more than get_metrics has"

    def test_a_table_is_made_by_pandas(self, either: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        class Frames:
            DataFrame = dict

        either.log("loss", 0.5)
        either.log("loss", 0.25, step=1)
        either.log("word", "best")
        monkeypatch.setitem(sys.modules, "pandas", Frames)  # type: ignore[arg-type]  # a stand-in, heavy as it is
        table = either.to_pandas()
        assert (table["name"], table["value"]) == (["loss", "loss"], [0.5, 0.25])
        assert repr(table["step"]) == "[nan, 1.0]"
        monkeypatch.setitem(sys.modules, "pandas", None)  # type: ignore[arg-type]
        with pytest.raises(errors.UserErrorException, match=r"needs pandas.*: pip install pandas, or, for a job"):
            either.to_pandas()

    def test_its_folder_is_the_one_of_its_outputs(self, either: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        began = Path.cwd()
        monkeypatch.chdir("/")
        assert either.path == began, "wherever the script has gone since"
        (either.path / "outputs").mkdir(exist_ok=True)
        (either.path / "outputs" / "model.pt").touch()
        assert either.get_file_names() == ["outputs/model.pt"]


def test_offline_calls_print_what_they_would_do(offline: Run, capsys: pytest.CaptureFixture[str]) -> None:
    offline.log("loss", 0.5, step=3)
    offline.log("loss", np.float32(0.25))
    assert capsys.readouterr().out.splitlines() == [
        "Attempted to log scalar metric loss (step 3):",
        "0.5",
        "Attempted to log scalar metric loss:",
        "0.25",
    ]
    assert offline.get_metrics() == {"loss": [0.5, 0.25]}
    assert offline.id.startswith("OfflineRun_")
    assert (offline.number, offline.parent, offline.experiment.name) == (0, None, "offline")
    offline.flush()


class TestModels:
    def test_outside_of_a_job_they_lie_below_the_current_folder(self, offline: Run, tmp_path: Path) -> None:
        with pytest.raises(errors.ModelNotFoundException, match="'net' was found neither in 'azureml-models/net'"):
            Model.get_model_path("net")
        for version in ("2", "10"):
            (tmp_path / "azureml-models/net" / version).mkdir(parents=True)
            (tmp_path / "azureml-models/net" / version / "net.pt").write_text(version)
        assert Model.get_model_path("net") == "azureml-models/net/10/net.pt"
        assert Model.get_model_path("net", 2) == "azureml-models/net/2/net.pt"
        (tmp_path / "azureml-models/net/10/other").write_text("")
        with pytest.raises(errors.ModelNotFoundException, match="2 entries"):
            Model.get_model_path("net")

    def test_the_rest_is_for_the_outside(self) -> None:
        for call in (lambda: Model("workspace", "net"), Model.list, lambda: Model.register(model_path="x")):
            with pytest.raises(errors.RunEnvironmentException, match="not available inside a job"):
                call()
        for wrong in ("a b", "../net", ""):
            with pytest.raises(errors.UserErrorException, match="model name"):
                Model.get_model_path(wrong)
        with pytest.raises(errors.UserErrorException, match="is no version"):
            Model.get_model_path("net", "newest")
        assert {name: value for name, value in vars(Model.Framework).items() if name.isupper()} == {
            name: value for name, value in vars(WholeModel.Framework).items() if name.isupper()
        }
