"""Aliases of models: names that stand for a version, with who moved them when, and the way back."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from traindock import run_details
from traindock.errors import ModelAliasException, ModelNotFoundException, UserErrorException
from traindock.model import Model
from traindock.store import events, model_aliases, model_records
from traindock.store.changes import Changes
from traindock.store.layout import WorkspaceLayout


@dataclass(frozen=True)
class Workspace:
    """As much of a workspace as models need."""

    layout: WorkspaceLayout
    name: str = "ws"


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    (tmp_path / "ws").mkdir()
    return Workspace(WorkspaceLayout(tmp_path / "ws"))


@pytest.fixture
def three(ws: Workspace, tmp_path: Path) -> list[Model]:
    """Versions 1, 2 and 3 of the model "net", with place 0 left empty."""
    (tmp_path / "net.pt").write_bytes(b"weights")
    made = [Model.register(ws, tmp_path / "net.pt", "net") for _ in range(3)]
    return [made[0], *made]


def at(ws: Workspace, alias: str = "production") -> int:
    return Model(ws, "net", alias=alias).version


def told(ws: Workspace, alias: str | None = None) -> list[tuple[str, int | None, int | None, bool]]:
    moves = Model(ws, "net").alias_history(alias)
    return [(move.alias, move.previous, move.version, move.rolled_back) for move in moves]


class TestMoving:
    def test_a_version_is_had_by_its_alias(self, ws, three):
        three[2].set_alias("production")
        assert at(ws) == 2
        assert Model(ws, id="net:2", alias="production").version == 2
        assert three[2].aliases == ["production"]
        assert three[2].serialize()["aliases"] == ["production"]
        assert "production" in three[2]._repr_html_()

    def test_an_alias_stands_for_one_version_and_a_version_has_several(self, ws, three):
        for alias in ("staging", "production"):
            three[1].set_alias(alias)
        three[3].set_alias("production")
        assert [Model(ws, "net", version=number).aliases for number in (1, 2, 3)] == [["staging"], [], ["production"]]
        assert [model.aliases for model in Model.list(ws)] == [["production"], [], ["staging"]]

    def test_registering_moves_it_in_the_same_step(self, ws, three, tmp_path):
        made = Model.register(ws, tmp_path / "net.pt", "net", alias="production")
        assert made.aliases == ["production"]
        assert at(ws) == 4

    def test_other_changes_leave_it_where_it_is(self, ws, three):
        three[2].set_alias("production")
        three[2].add_tags({"a": 1})
        three[2].update(description="better")
        assert (three[2].aliases, at(ws)) == (["production"], 2)

    def test_it_is_announced_and_synced(self, ws, three, monkeypatch):
        seen = []
        monkeypatch.setattr(events.os, "fsync", seen.append)
        _, before = Changes(ws.layout).read(0)
        three[1].set_alias("production")
        assert Changes(ws.layout).read(before)[0] == ["model/net"]
        assert len(seen) == 1

    def test_of_a_deleted_version_none_can_be_made(self, ws, three):
        three[3].delete()
        with pytest.raises(ModelNotFoundException, match="version 3"):
            three[3].set_alias("production")
        assert told(ws) == []

    @pytest.mark.parametrize(
        "alias", ["latest", "Latest", "v1", "V12", "1", "", "a b", "a/b", "-a", "x" * 256, None, 3]
    )
    def test_what_can_be_no_alias(self, ws, three, tmp_path, alias):
        with pytest.raises(UserErrorException, match="no alias name"):
            three[1].set_alias(alias)
        if alias is not None:
            with pytest.raises(UserErrorException, match="no alias name"):
                Model(ws, "net", alias=alias)
            with pytest.raises(UserErrorException, match="no alias name"):
                Model.register(ws, tmp_path / "net.pt", "net", alias=alias)
        assert len(Model.list(ws)) == 3

    @pytest.mark.parametrize("alias", ["v", "vx", "v1a", "latest-good", "Champion_2", "x" * 255])
    def test_what_can_be_one(self, ws, three, alias):
        three[1].set_alias(alias)
        assert at(ws, alias) == 1


class TestHistory:
    def test_says_who_moved_what_when_and_from_where(self, ws, three, monkeypatch):
        before = time.time()
        for name, model in (("ann", three[1]), ("bob", three[3])):
            monkeypatch.setattr(run_details, "user_name", lambda name=name: name)
            model.set_alias("production")
        last, first = three[1].alias_history()
        assert (first.previous, first.version, first.by) == (None, 1, "ann")
        assert (last.previous, last.version, last.by) == (1, 3, "bob")
        assert before <= first.time <= last.time <= time.time()

    def test_what_moves_nothing_is_no_part_of_it(self, ws, three):
        for _ in range(2):
            three[1].set_alias("production")
        assert told(ws) == [("production", None, 1, False)]

    def test_of_one_alias(self, ws, three):
        three[1].set_alias("production")
        three[2].set_alias("staging")
        assert told(ws, "staging") == [("staging", None, 2, False)]
        assert told(ws, "other") == []

    def test_outlives_a_removed_alias(self, ws, three):
        three[1].set_alias("production")
        three[1].remove_alias("production")
        assert told(ws) == [("production", 1, None, False), ("production", None, 1, False)]
        assert three[1].aliases == []

    def test_lines_that_make_no_sense_are_passed_over(self, ws, three):
        three[2].set_alias("production")
        with open(ws.layout.model_events("net"), "a") as file:
            for wrong in (
                {}, {"alias": "production"}, {"alias": "production", "version": "3"}, {"alias": "latest", "version": 3},
                {"alias": 7, "version": 3}, {"alias": ["production"], "version": 3},
                {"alias": "production", "version": True}, {"alias": "production", "version": 0},
                {"alias": "production", "version": 3, "t": "now"},
            ):  # fmt: skip
                file.write(json.dumps({"t": 1.0, "type": "alias", **wrong}) + "\n")
        assert at(ws) == 2
        assert told(ws) == [("production", None, 2, False)]

    def test_a_damaged_line_may_have_been_a_move_and_is_told(self, ws, three):
        three[2].set_alias("production")
        path = ws.layout.model_events("net")
        path.write_bytes(path.read_bytes()[:-10] + b"\n")
        assert "moves of aliases" in model_records.damaged(ws.layout, "net")
        assert told(ws) == []

    def test_a_damaged_line_costs_no_version_its_number(self, ws, three, tmp_path):
        three[2].set_alias("production")
        path = ws.layout.model_events("net")
        path.write_bytes(path.read_bytes()[:-60])
        assert Model.register(ws, tmp_path / "net.pt", "net").version == 4


class TestRollingBack:
    def move(self, three, *versions):
        for number in versions:
            three[number].set_alias("production")

    def test_goes_to_the_version_it_stood_for_before(self, ws, three):
        self.move(three, 1, 3)
        assert three[3].roll_back_alias("production") == three[1]
        assert (at(ws), three[3].aliases) == (1, [])
        assert told(ws)[0] == ("production", 3, 1, True)

    def test_twice_goes_back_twice_and_not_to_and_fro(self, ws, three):
        self.move(three, 1, 2, 3)
        model = three[3].roll_back_alias("production").roll_back_alias("production")
        assert model == three[1]
        with pytest.raises(ModelAliasException, match="before version 1 it had none"):
            model.roll_back_alias("production")

    def test_after_a_new_move_goes_to_where_it_was_rolled_back_to(self, ws, three):
        self.move(three, 1, 2)
        three[2].roll_back_alias("production")
        self.move(three, 3)
        assert three[3].roll_back_alias("production") == three[1]

    def test_passes_over_versions_that_were_deleted(self, ws, three):
        self.move(three, 1, 2, 3)
        three[2].delete()
        assert model_aliases.load(ws.layout, "net")["production"].previous == 1
        assert three[3].roll_back_alias("production") == three[1]

    def test_says_before_where_it_goes(self, ws, three):
        self.move(three, 2)
        assert model_aliases.load(ws.layout, "net")["production"].previous is None
        self.move(three, 3, 2)
        assert model_aliases.load(ws.layout, "net")["production"].previous == 3

    def test_knows_where_it_was_before_it_was_removed(self, ws, three):
        self.move(three, 1)
        three[1].remove_alias("production")
        self.move(three, 2)
        assert three[2].roll_back_alias("production") == three[1]

    def test_of_what_somebody_has_moved_meanwhile_is_refused(self, ws, three):
        self.move(three, 1, 2)
        mine = Model(ws, "net", alias="production")
        self.move(three, 3)
        with pytest.raises(ModelAliasException, match=f"version 3, by {run_details.user_name()}, and no longer"):
            mine.roll_back_alias("production")
        with pytest.raises(ModelAliasException, match="no longer for version 2"):
            mine.remove_alias("production")
        assert at(ws) == 3


class TestWhatIsNotThere:
    def test_an_unknown_alias_names_those_there_are(self, ws, three):
        three[2].set_alias("staging")
        for wrong in (
            lambda: Model(ws, "net", alias="production"),
            lambda: three[2].remove_alias("production"),
            lambda: three[2].roll_back_alias("production"),
        ):
            with pytest.raises(
                ModelNotFoundException, match=r"no alias 'production'. Its aliases: staging \(version 2\)"
            ):
                wrong()

    def test_a_removed_one_says_by_whom(self, ws, three):
        three[1].set_alias("production")
        three[1].remove_alias("production")
        with pytest.raises(ModelNotFoundException, match=f"any more: {run_details.user_name()} removed it"):
            Model(ws, "net", alias="production")

    def test_one_that_does_not_fit_the_rest_is_named(self, ws, three):
        three[1].set_alias("production")
        with pytest.raises(ModelNotFoundException, match="net:2 does not fit alias='production'"):
            Model(ws, "net", version=2, alias="production")

    def test_of_an_unknown_model(self, ws, three):
        with pytest.raises(ModelNotFoundException, match="registered are: net"):
            Model(ws, "other", alias="production")
        with pytest.raises(ModelNotFoundException, match="no model 'other'"):
            model_aliases.move(ws.layout, "other", "production", 1, "ann")
        assert not ws.layout.model_events("other").parent.exists()


class TestDeletedVersions:
    def test_a_version_that_an_alias_stands_for_is_not_deleted(self, ws, three, tmp_path):
        three[2].set_alias("production")
        with pytest.raises(ModelAliasException, match="'production' would stand for nothing"):
            three[2].delete()
        assert Path(Model(ws, "net", alias="production").download(tmp_path / "got")).read_bytes() == b"weights"
        three[3].set_alias("production")
        three[2].delete()
        assert at(ws) == 3

    def test_one_that_was_deleted_all_the_same_leaves_its_alias_standing_for_nothing(self, ws, three):
        for number in (1, 3):
            three[number].set_alias("production")
        events.append(
            ws.layout.model_events("net"), {"type": "deleted", "version": 3}
        )  # as versions before aliases did
        assert model_aliases.load(ws.layout, "net") == {}
        assert [model.aliases for model in Model.list(ws)] == [[], []]
        with pytest.raises(ModelNotFoundException, match="version 3, for which it stood, was deleted"):
            Model(ws, "net", alias="production")
        three[2].set_alias("production")
        assert three[2].roll_back_alias("production") == three[1]


def _move_often(root: Path, version: int, start) -> None:
    layout = WorkspaceLayout(root)
    start.wait()
    for _ in range(20):
        model_aliases.move(layout, "net", "production", version, f"mover {version}")


def test_two_who_move_it_at_once_leave_one_history_without_a_gap(ws, three):
    context = multiprocessing.get_context("fork")
    start = context.Event()
    movers = [context.Process(target=_move_often, args=(ws.layout.root, number, start)) for number in (1, 2)]
    for mover in movers:
        mover.start()
    start.set()
    for mover in movers:
        mover.join()
    moves = model_aliases.history(ws.layout, "net")
    assert [move.previous for move in moves] == [*[move.version for move in moves[1:]], None]
    assert all(move.by == f"mover {move.version}" for move in moves)
    assert at(ws) == moves[0].version
