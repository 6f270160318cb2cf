"""A child's folders lie with its job until it ends, and whatever the job does there, only folders come back."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from traindock.store.child_folders import hand_out, present, take_back
from traindock.store.layout import RunLayout

PARTS = ["driver", "logs", "metrics", "outputs", "uploads"]


@pytest.fixture
def job(tmp_path: Path) -> RunLayout:
    layout = RunLayout(tmp_path / "runs" / "job")
    layout.children.mkdir(parents=True)
    return layout


@pytest.fixture
def child(tmp_path: Path, job: RunLayout) -> RunLayout:
    layout = RunLayout(tmp_path / "runs" / "child")
    for part in PARTS:
        (layout.root / part).mkdir(parents=True)
        (layout.root / part / "before").write_text(part)
    hand_out(layout, job, "child")
    return layout


def content(child: RunLayout) -> dict[str, list[str]]:
    assert sorted(os.listdir(child.root)) == PARTS
    assert all((child.root / part).is_dir() and not (child.root / part).is_symlink() for part in PARTS)
    return {part: sorted(os.listdir(child.root / part)) for part in PARTS}


def test_what_the_job_writes_is_seen_at_once_and_comes_back(job: RunLayout, child: RunLayout) -> None:
    """By way of links, and then as folders."""
    place = job.child("child")
    assert present(child).root == place.root
    (place.outputs / "model").write_text("weights")
    assert (child.outputs / "model").read_text() == "weights"
    take_back(child)
    assert content(child) == {**{part: ["before"] for part in PARTS}, "outputs": ["before", "model"]}
    assert present(child).root == child.root
    take_back(child)
    assert (child.outputs / "model").read_text() == "weights"


@pytest.mark.parametrize(
    "replace",
    [
        lambda place, secret: place.symlink_to(secret),
        lambda place, secret: place.write_text("a file"),
        lambda place, secret: os.mkfifo(place),
        lambda place, secret: None,
    ],
    ids=["link", "file", "fifo", "nothing"],
)
def test_what_is_no_folder_is_left_out(
    job: RunLayout, child: RunLayout, tmp_path: Path, replace: Callable[[Path, Path], None]
) -> None:
    """An empty one comes in its place."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    place = job.child("child").outputs
    place.rename(tmp_path / "aside")
    replace(place, secret)
    take_back(child)
    assert content(child) == {**{part: ["before"] for part in PARTS}, "outputs": []}
    assert (secret / "key").read_text() == "secret"


def test_a_link_in_the_place_of_them_all_is_not_followed(job: RunLayout, child: RunLayout, tmp_path: Path) -> None:
    """Nothing is moved away from where it leads."""
    secret = tmp_path / "secret"
    for part in PARTS:
        (secret / part).mkdir(parents=True)
    place = job.child("child").root
    place.rename(tmp_path / "aside")
    place.symlink_to(secret)
    take_back(child)
    assert content(child) == {part: [] for part in PARTS}
    assert sorted(os.listdir(secret)) == PARTS


def test_what_lies_in_the_way_of_a_new_child_is_removed(tmp_path: Path, job: RunLayout) -> None:
    """Its id can be foreseen, and where a link leads nothing may be written."""
    (tmp_path / "elsewhere").mkdir()
    job.child("child").root.symlink_to(tmp_path / "elsewhere")
    layout = RunLayout(tmp_path / "runs" / "child")
    for part in PARTS:
        (layout.root / part).mkdir(parents=True)
    hand_out(layout, job, "child")
    assert not os.listdir(tmp_path / "elsewhere")
    assert not job.child("child").root.is_symlink()


def test_it_goes_on_after_an_interruption_at_any_step(
    job: RunLayout, child: RunLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost."""

    class Interrupted(Exception):
        pass

    steps = ["rename", "unlink"]
    for budget in range(30):
        left = [budget]
        with monkeypatch.context() as patch:
            for step in steps:
                real = getattr(Path, step)

                def limited(
                    path: Path,
                    *arguments: object,
                    real: Callable[..., object] = real,
                    left: list[int] = left,
                    **options: object,
                ) -> object:
                    left[0] -= 1
                    if left[0] < 0:
                        raise Interrupted
                    return real(path, *arguments, **options)

                patch.setattr(Path, step, limited)
            try:
                take_back(child)
            except Interrupted:
                continue
        break
    assert content(child) == {part: ["before"] for part in PARTS}


def test_a_run_that_is_no_such_child_stays_as_it_is(tmp_path: Path) -> None:
    """Of a job on this machine, or with links of somebody else's making."""
    layout = RunLayout(tmp_path / "runs" / "plain")
    (layout.root / "uploads").mkdir(parents=True)
    (layout.root / "outputs").symlink_to(tmp_path)
    take_back(layout)
    assert (layout.root / "outputs").is_symlink()
    assert present(layout).root == layout.root
