"""Workspaces with many runs are what they would be if the runs had been submitted."""

from __future__ import annotations

from benchmarks.seeding import PARTS, POINTS, SWEEP, seed

from traindock import Run, Workspace
from traindock.store.index import RunQuery


def test_the_index_made_anew_from_the_folders_is_the_same(workspace: Workspace) -> None:
    seed(workspace, 2 * SWEEP)
    rows = workspace.index.runs(RunQuery())
    metrics = workspace.index.metrics([row.id for row in rows])

    assert len(rows) == workspace.rebuild_index() == 2 * SWEEP
    assert workspace.index.runs(RunQuery()) == rows
    assert workspace.index.metrics([row.id for row in rows]) == metrics
    assert sorted(row.children for row in rows)[-3:] == [0, PARTS, PARTS]
    assert not workspace.index.unfinished()


def test_a_run_can_be_looked_at_and_deleted(workspace: Workspace) -> None:
    seed(workspace, 3)
    run, *_, kept = Run.list(workspace, include_children=True, order="created")
    assert len(run.get_metrics("loss")["loss"]) == POINTS
    assert run.get_file_names() == ["logs/stdout.txt"]
    assert run.record.signature.value == "valid"

    run.delete()

    assert len(kept.get_metrics("loss")["loss"]) == POINTS
