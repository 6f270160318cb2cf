"""Scalars of a run's TensorBoard files become its metrics."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Submit, dispatcher_of, kill, wait_for
from tests.event_writer import EventWriter
from tests.trainer.dispatcher.conftest import Drive

from traindock import Run, Workspace
from traindock.dispatcher import importing, start
from traindock.dispatcher.importing import EventFileImporter
from traindock.errors import StoreException
from traindock.runtime.metric_log import MetricLog
from traindock.store.layout import RunLayout

#: Writes event files as tests do, in a job: PyTorch would take seconds to import.
WRITING = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
sys.path.insert(0, {str(Path(importing.__file__).parents[2])!r})
sys.modules.pop("traindock", None)
from tests.event_writer import EventWriter
writer = EventWriter(Path("logs"))
"""


@pytest.fixture
def run(submit: Submit, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that no dispatcher takes up, with folders as its job would have them."""
    monkeypatch.setattr(start, "ensure", lambda *_: None)
    run = submit("pass")
    layout = layout_of(run)
    for folder, link in ((layout.work / "logs", layout.logs), (layout.work / "outputs", layout.outputs)):
        folder.mkdir(parents=True)
        link.symlink_to(folder.relative_to(layout.root))
    return run


@pytest.fixture
def logs(run: Run) -> Path:
    return layout_of(run).work / "logs"


def layout_of(run: Run) -> RunLayout:
    return run.workspace.layout.run(run.id)


def importer_of(run: Run) -> EventFileImporter:
    return EventFileImporter(run.workspace.run_folder(run.id))


def finish(importer: EventFileImporter) -> list[str]:
    return [event["text"] for event in importer.finish()]


def names(run: Run) -> list[str]:
    return [info.name for info in run.metrics.names()]


class TestNames:
    def test_a_metric_is_called_as_its_tag(self, run: Run, logs: Path) -> None:
        EventWriter(logs / "some" / "folder").scalar("loss/train", 0.5, 3)
        importer_of(run).look()

        assert run.get_metrics() == {"loss/train": 0.5}
        assert run.metrics.points("loss/train").steps.tolist() == [3]  # type: ignore[union-attr]

    def test_of_several_folders_the_one_begun_first_keeps_its_names(self, run: Run, logs: Path) -> None:
        EventWriter(logs / "validation", begun=1_700_000_002).scalar("loss", 0.25)
        EventWriter(logs / "train", begun=1_700_000_001).scalar("loss", 0.5)
        EventWriter(layout_of(run).work / "outputs" / "tb", begun=1_700_000_003).scalar("loss", 0.75)
        importer_of(run).look()

        assert run.get_metrics() == {"loss": 0.5, "validation/loss": 0.25, "outputs/tb/loss": 0.75}

    def test_folders_below_the_first_one_have_their_path_from_there(self, run: Run, logs: Path) -> None:
        EventWriter(logs / "first", begun=1_700_000_001).scalar("loss", 1.0)
        EventWriter(logs / "first" / "loss_test", begun=1_700_000_002).scalar("loss", 2.0)
        EventWriter(logs, begun=1_700_000_003).scalar("loss", 3.0)
        EventWriter(logs / "loss_test", begun=1_700_000_004).scalar("loss", 4.0)
        importer_of(run).look()

        assert run.get_metrics() == {"loss": 1.0, "loss_test/loss": 2.0, "logs/loss": 3.0, "logs/loss_test/loss": 4.0}

    def test_figures_of_hyperparameters_have_the_same_name_in_each_run(self, run: Run, logs: Path) -> None:
        EventWriter(logs, begun=1_700_000_001).scalar("loss", 1.0)
        EventWriter(logs / "1795945563.3324583", begun=1_700_000_002).scalar("accuracy", 0.5)
        importer_of(run).look()

        assert run.get_metrics() == {"hparams/accuracy": 0.5, "loss": 1.0}

    def test_files_of_one_folder_are_one_series(self, run: Run, logs: Path) -> None:
        for number in (1, 2):
            writer = EventWriter(logs, begun=1_700_000_000 + number, name=f"events.out.tfevents.{number}")
            writer.scalar("loss", float(number), number, time=1_700_000_010 + number)
        importer_of(run).look()

        assert run.get_metrics() == {"loss": [1.0, 2.0]}

    def test_what_the_script_logs_itself_keeps_its_name(self, run: Run, logs: Path) -> None:
        MetricLog(str(layout_of(run).metrics)).number("loss", 0.125)
        EventWriter(logs).scalar("loss", 0.5)
        importer_of(run).look()

        assert run.get_metrics() == {"loss": 0.125, "tensorboard/loss": 0.5}

    def test_names_that_no_line_can_hold(self, run: Run, logs: Path) -> None:
        EventWriter(logs, begun=1_700_000_001).scalar("two\nlines", 1.0)
        EventWriter(logs / "a\nb", begun=1_700_000_002).scalar("x", 2.0)
        importer_of(run).look()

        assert run.get_metrics() == {"two\nlines": 1.0, r"'a\nb'/x": 2.0}
        assert run.record.event_files == [r"'logs/a\nb'", "logs"]


class TestFollowing:
    def test_what_is_written_meanwhile_comes_with_the_next_look(self, run: Run, logs: Path) -> None:
        importer, seen = importer_of(run), []
        importer.look()
        writer = EventWriter(logs)
        for step in range(3):
            writer.scalar("loss", float(step), step)
            importer.look()
            seen.append(run.get_metrics("loss"))

        assert seen == [{"loss": 0.0}, {"loss": [0.0, 1.0]}, {"loss": [0.0, 1.0, 2.0]}]

    def test_another_dispatcher_goes_on_with_the_same_names(self, run: Run, logs: Path) -> None:
        second = EventWriter(logs / "test", begun=1_700_000_002)
        second.scalar("loss", 1.0)
        importer_of(run).look()
        first = EventWriter(logs / "train", begun=1_700_000_001)  # seen later, though begun before
        first.scalar("loss", 2.0)
        second.scalar("loss", 3.0)
        importer_of(run).look()
        importer_of(run).look()

        assert run.get_metrics() == {"loss": [1.0, 3.0], "train/loss": 2.0}

    def test_a_file_that_is_made_anew_is_another_one(self, run: Run, logs: Path) -> None:
        importer = importer_of(run)
        writer = EventWriter(logs, begun=1_700_000_001)
        writer.scalar("loss", 1.0)
        importer.look()
        writer.path.unlink()
        EventWriter(logs, begun=1_700_000_002).scalar("loss", 2.0, time=1_700_000_003)
        finish(importer)

        assert run.get_metrics() == {"loss": [1.0, 2.0]}

    def test_the_record_tells_where_event_files_are(self, run: Run, logs: Path) -> None:
        importer = importer_of(run)
        EventWriter(logs / "a").scalar("loss", 1.0)
        importer.look()
        EventWriter(logs / "b")
        importer.look()
        importer.look()

        assert run.record.event_files == ["logs/a", "logs/b"]

    def test_a_run_without_any_gets_nothing(self, run: Run, logs: Path) -> None:
        (logs / "notes.txt").write_text("none")
        before = layout_of(run).events.read_bytes()

        assert finish(importer_of(run)) == []
        assert layout_of(run).events.read_bytes() == before
        assert not layout_of(run).imported.exists()


class TestWhatAJobMayHaveMade:
    def test_links_are_not_followed(self, run: Run, logs: Path, tmp_path: Path) -> None:
        EventWriter(tmp_path / "outside").scalar("loss", 1.0)
        (logs / "events.out.tfevents.1").symlink_to(tmp_path / "outside" / "events.out.tfevents.1")
        (logs / "folder").symlink_to(tmp_path / "outside")
        finish(importer_of(run))

        assert run.get_metrics() == {}

    def test_nor_is_a_link_in_place_of_the_logs(self, run: Run, logs: Path, tmp_path: Path) -> None:
        EventWriter(tmp_path / "outside").scalar("loss", 1.0)
        logs.rmdir()
        logs.symlink_to(tmp_path / "outside")
        finish(importer_of(run))

        assert run.get_metrics() == {}

    def test_a_fifo_holds_nobody(self, run: Run, logs: Path) -> None:
        os.mkfifo(logs / "events.out.tfevents.1")
        assert finish(importer_of(run)) == []

    def test_a_damaged_file_is_told_of_at_the_end(self, run: Run, logs: Path) -> None:
        writer = EventWriter(logs)
        writer.scalar("loss", 1.0)
        size = writer.path.stat().st_size
        writer.append(b"x" * 100)
        (warning,) = finish(importer_of(run))

        assert warning == (f"logs/events.out.tfevents.1 is damaged at byte {size}: scalars behind it were not read")
        assert run.get_metrics() == {"loss": 1.0}

    def test_more_files_and_series_than_are_read(self, run: Run, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(importing, "MOST_FILES", 2)
        monkeypatch.setattr(importing, "MOST_SERIES", 3)
        for number in range(3):
            writer = EventWriter(logs / str(number), begun=1_700_000_000 + number)
            for tag in "ab":
                writer.scalar(tag, 1.0)
        warnings = finish(importer_of(run))

        assert len(names(run)) == 3
        assert ["2 were read" in warnings[0], "3 series" in warnings[1]] == [True, True]


class TestTheEnd:
    def test_a_full_disk_makes_the_end_wait(self, run: Run, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        EventWriter(logs).scalar("loss", 1.0)

        def refuse(*_: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "pwrite", refuse)
        with pytest.raises(StoreException, match="full"):
            importer_of(run).finish()
        monkeypatch.undo()
        finish(importer_of(run))

        assert run.get_metrics() == {"loss": 1.0}

    def test_a_folder_that_is_gone_is_not_made_anew(self, run: Run, logs: Path) -> None:
        EventWriter(logs).scalar("loss", 1.0)
        importer = importer_of(run)
        layout_of(run).events.unlink()
        importer.finish()

        assert not layout_of(run).imported.exists()

    def test_a_fault_of_ours_ends_no_run(self, run: Run, logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        EventWriter(logs).scalar("loss", 1.0)
        monkeypatch.setattr(importing, "begun", lambda _: 1 / 0)

        (warning,) = finish(importer_of(run))
        assert "dispatcher.log" in warning


def test_a_run_that_writes_event_files_has_metrics_while_it_goes_on_and_all_at_its_end(
    drive: Drive, workspace: Workspace
) -> None:
    driver = drive(
        WRITING + "writer.scalar('loss', 1.0, 1)\n"
        "while not Path('outputs/go').exists(): time.sleep(0.01)\n"
        "for step in range(2, 5): writer.scalar('loss', float(step), step)\n"
    )
    run = Run.get(workspace, driver.folder.id)
    wait_for(lambda: run.get_metrics() == {"loss": 1.0}, "the first scalar")
    wait_for(lambda: workspace.index.metrics([run.id])[run.id], "the index to know it")
    (layout_of(run).work / "outputs" / "go").touch()
    wait_for(lambda: run.get_status() == "Completed", "its end")

    assert run.get_metrics() == {"loss": [1.0, 2.0, 3.0, 4.0]}
    assert workspace.index.metrics([run.id])[run.id]["loss"] == (4.0, 1.0, 4.0, 4)
    assert run.record.event_files == ["logs"]
    assert run.record.warnings == []


@pytest.mark.slow
def test_a_dispatcher_that_is_killed_loses_nothing_and_doubles_nothing(workspace: Workspace, submit: Submit) -> None:
    run = submit(
        WRITING + "step = 0\n"
        "while not Path('outputs/go').exists():\n"
        "    step += 1\n"
        "    writer.scalar('loss', float(step), step)\n"
        "    time.sleep(0.002)\n"
        "Path('outputs/steps').write_text(str(step))\n"
    )
    for _ in range(2):
        seen = len(run.get_metrics().get("loss", ()) or ())
        wait_for(lambda seen=seen: len(run.metrics.points("loss").values) > seen + 50, "more of it")
        kill(dispatcher_of(workspace))
        start.ensure(workspace.layout)
    (layout_of(run).work / "outputs" / "go").touch()
    run.wait_for_completion()

    steps = int((layout_of(run).outputs / "steps").read_text())
    assert run.metrics.points("loss").steps.tolist() == list(range(1, steps + 1))  # type: ignore[union-attr]
