"""What TensorBoard is shown of a run's folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jupyterlab_traindock.tensorboard_folder import MOST_OTHERS, ShownFolder

EVENTS = "events.out.tfevents.1.host"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """The folder of a run."""
    folder = tmp_path / "run" / "logs"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / EVENTS).write_text("points")
    return folder


@pytest.fixture
def shown(tmp_path: Path, logs: Path) -> ShownFolder:
    """It, as TensorBoard sees it below ``shown``."""
    return ShownFolder(tmp_path / "shown" / "a", logs.parent, logs.name)


def seen(tmp_path: Path) -> dict[str, str]:
    """Return what one who goes through all links sees: the content of files by their path."""
    top = tmp_path / "shown" / "a"
    paths = [Path(folder, name) for folder, _, names in os.walk(top, followlinks=True) for name in names]
    return {str(path.relative_to(top)): path.read_text() for path in paths}


def test_what_grows_and_what_is_new_is_seen(tmp_path: Path, logs: Path, shown: ShownFolder) -> None:
    shown.refresh()
    assert seen(tmp_path) == {f"train/{EVENTS}": "points"}
    (logs / "train" / EVENTS).write_text("more points")
    (logs / "validation").mkdir()
    (logs / "validation" / EVENTS).write_text("others")
    shown.refresh()
    assert seen(tmp_path) == {f"train/{EVENTS}": "more points", f"validation/{EVENTS}": "others"}


def test_what_is_gone_leaves_nothing(tmp_path: Path, logs: Path, shown: ShownFolder) -> None:
    shown.refresh()
    (logs / "train" / EVENTS).unlink()
    (logs / "train").rmdir()
    (logs / "train").write_text("a file by now")
    shown.refresh()
    assert seen(tmp_path) == {"train": "a file by now"}


def test_links_are_followed_to_files_of_the_folder_alone(tmp_path: Path, logs: Path, shown: ShownFolder) -> None:
    (tmp_path / "run" / "secret").write_text("secret")
    (logs / EVENTS).symlink_to(Path("train", EVENTS))
    (logs / "file").symlink_to(tmp_path / "run" / "secret")
    (logs / "up").symlink_to("../secret")
    (logs / "folder").symlink_to(tmp_path)
    (logs / "round").symlink_to(logs)
    (logs / "broken").symlink_to(logs / "nowhere")
    shown.refresh()
    assert seen(tmp_path) == {EVENTS: "points", f"train/{EVENTS}": "points"}


def test_a_file_that_becomes_a_link_is_shown_no_more(tmp_path: Path, logs: Path, shown: ShownFolder) -> None:
    shown.refresh()
    (tmp_path / "secret").write_text("secret")
    (logs / "train" / EVENTS).unlink()
    (logs / "train" / EVENTS).symlink_to(tmp_path / "secret")
    shown.refresh()
    assert seen(tmp_path) == {}


def test_the_folder_itself_may_be_in_the_working_directory_and_nowhere_else(tmp_path: Path, logs: Path) -> None:
    work = tmp_path / "run" / "work"
    work.mkdir()
    logs.rename(work / "logs")
    logs.symlink_to(work / "logs")
    shown = ShownFolder(tmp_path / "shown" / "a", logs.parent, logs.name)  # whose job is at work
    shown.refresh()
    assert seen(tmp_path) == {f"train/{EVENTS}": "points"}
    # the end of the run moves it, and what is open stays what it is
    logs.unlink()
    (work / "logs").rename(logs)
    assert seen(tmp_path) == {f"train/{EVENTS}": "points"}
    shown.refresh()
    assert seen(tmp_path) == {f"train/{EVENTS}": "points"}
    logs.rename(tmp_path / "elsewhere")
    logs.symlink_to(tmp_path / "elsewhere")
    shown.refresh()
    assert seen(tmp_path) == {}


def test_a_job_that_leads_its_folder_elsewhere_shows_nothing_of_that(tmp_path: Path, logs: Path) -> None:
    work = tmp_path / "run" / "work"
    work.mkdir()
    logs.rename(tmp_path / "elsewhere")
    (work / "logs").symlink_to(tmp_path / "elsewhere")
    logs.symlink_to(work / "logs")
    ShownFolder(tmp_path / "shown" / "a", logs.parent, logs.name).refresh()
    assert seen(tmp_path) == {}


def test_of_other_files_some_are_seen_and_of_event_files_all(tmp_path: Path, logs: Path, shown: ShownFolder) -> None:
    for number in range(MOST_OTHERS + 1):
        (logs / f"picture{number}").touch()
    (logs / f"z-{EVENTS}").touch()
    shown.refresh()
    assert len(seen(tmp_path)) == MOST_OTHERS + 2
    assert f"z-{EVENTS}" in seen(tmp_path)
