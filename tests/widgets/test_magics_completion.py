"""Completion of the magics' lines, as a page asks for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from tests.conftest import locked_index
from tests.recorded_runs import Record
from tests.widgets.conftest import Shell

from traindock import Model, Workspace
from traindock.store import index_file


def completed(shell: Shell, text: str) -> list[str]:
    """Return what the text at the cursor may become, as a page would put it."""
    with provisionalcompleter():
        found = list(shell.it.Completer.completions(text, len(text)))
    return [text[: one.start] + one.text for one in found]


def offered(shell: Shell, text: str) -> list[str]:
    """Return what is offered for the last word."""
    return [each.split()[-1] for each in completed(shell, text)]


class TestVerbs:
    def test_are_offered_first(self, shell: Shell) -> None:
        found = offered(shell, "%traindock ")
        assert found[0] == "runs"
        assert {"show", "logs", "cancel", "models", "register", "compute", "compare", "help"} <= set(found)
        assert "print" not in found

    def test_are_completed(self, shell: Shell) -> None:
        assert completed(shell, "x = 1\n%traindock ru") == ["x = 1\n%traindock runs"]
        assert completed(shell, "%traindock --workspace x co") == [
            "%traindock --workspace x compare",
            "%traindock --workspace x compute",
        ]
        assert completed(shell, "%traindock compute cr") == ["%traindock compute create"]
        assert "logs" in offered(shell, "%traindock help ")


class TestOptions:
    def test_are_those_of_the_verb(self, shell: Shell) -> None:
        assert offered(shell, "%traindock runs --st") == ["--state", "--statistic"]
        assert offered(shell, "%traindock compute create --max") == ["--max-nodes"]
        assert offered(shell, "%%traindock --ex") == ["--experiment"]
        assert "--workspace" in offered(shell, "%traindock --")

    def test_have_values_that_they_may_have(self, shell: Shell) -> None:
        assert offered(shell, "%traindock runs --state fa") == ["failed"]
        assert offered(shell, "%traindock runs --statistic=m") == ["--statistic=min", "--statistic=max"]


class TestWorkspace:
    def test_gives_runs_by_the_ways_to_name_them(self, shell: Shell, record: Record) -> None:
        first, second = record(), record(experiment="bees")
        assert offered(shell, "%traindock show ") == ["last", "bees:1", "digits:1", second, first]
        assert completed(shell, "%traindock logs digits:") == ["%traindock logs digits:1"]
        assert completed(shell, f"%traindock compare last {first[:8]}") == [f"%traindock compare last {first}"]

    def test_gives_experiments_and_metrics(self, shell: Shell, record: Record) -> None:
        record(metrics={"val_loss": [1.0]})
        record(experiment="bees")
        assert offered(shell, "%traindock runs --experiment ") == ["bees", "digits"]
        assert offered(shell, "%%traindock --experiment di") == ["digits"]
        assert offered(shell, "%traindock runs --metric v") == ["val_loss"]

    def test_gives_no_run_and_holds_nobody_up_while_another_program_has_the_index_locked(
        self, shell: Shell, workspace: Workspace, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shell.it.Completer, "use_jedi", False)  # which has words for anything, and takes long
        record()
        assert offered(shell, "%traindock show ")
        with locked_index(workspace):
            run = record()
            began = time.monotonic()
            assert run not in offered(shell, "%traindock show ")
            assert time.monotonic() - began < index_file._PATIENCE_SECONDS / 10
        assert run in offered(shell, "%traindock show ")

    def test_gives_models_and_aliases(self, shell: Shell, workspace: Workspace, record: Record) -> None:
        Path("model.pt").write_text("weights")
        Model.register(workspace, "model.pt", "bees-model", alias="production")
        record()
        assert offered(shell, "%traindock models b") == ["bees-model"]
        assert offered(shell, "%traindock register last b") == ["bees-model"]
        assert offered(shell, "%traindock models bees-model --roll-back ") == ["production"]

    def test_gives_compute_targets(self, shell: Shell) -> None:
        assert offered(shell, "%%traindock --compute ") == ["local"]
        assert offered(shell, "%%traindock --compute=l") == ["--compute=local"]
        assert offered(shell, "%traindock compute show ") == ["local"]

    def test_is_the_one_that_the_line_names(self, shell: Shell, record: Record) -> None:
        record()
        Workspace.create("other", show_output=False)
        assert "other" in offered(shell, "%traindock --workspace ")
        assert "digits" not in offered(shell, "%traindock runs --workspace other --experiment ")

    def test_is_never_made_by_completing(self, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        before = Workspace.list()
        assert completed(shell, "%traindock show digits:xyz") == []
        assert Workspace.list() == before

    def test_that_is_damaged_leaves_the_verbs(self, shell: Shell) -> None:
        Path(".traindock/config.json").write_text("{")
        assert completed(shell, "%traindock show digits:xyz") == []
        assert completed(shell, "%traindock sh") == ["%traindock show"]


class TestNotebook:
    def test_gives_its_variables(self, shell: Shell) -> None:
        shell.run("lr = 1; lower = 2; _hidden = 3")
        assert offered(shell, "%%traindock --with l") == ["lower", "lr"]
        assert offered(shell, "%%traindock --with lr,l") == ["lr,lower"]
        assert set(offered(shell, "%%traindock --var ")) == {"lower", "lr"}

    def test_has_its_own_completion_elsewhere(self, shell: Shell) -> None:
        assert "import operator" in completed(shell, "import operat")
        assert "%%traindock\nimport operator" in completed(shell, "%%traindock\nimport operat")
