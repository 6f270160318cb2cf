"""Scripts that read what they have logged."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.trainer.runtime.run.conftest import parameters

from traindock import errors
from traindock.runtime.context import Run
from traindock.runtime.metrics import Metrics
from traindock.store.metrics import MetricReader


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
        only_outside = {
            "blocks",  # servers read more than fits into memory,
            "held_bytes",  # and count what they hold
            "of_run",  # what a dispatcher has read out of a job's files is beside what the job logs
        }
        public = {
            name: one
            for name, one in vars(MetricReader).items()
            if not name.startswith("_") and name not in only_outside
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
