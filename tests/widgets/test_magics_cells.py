"""``%%traindock`` in a shell: what is sent, what is refused before anything is, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.widgets.conftest import Shell

from traindock import ComputeTarget, DockerCompute, Run, Workspace
from traindock.snapshot import load, materialise


def runs_of(workspace: Workspace) -> list[Run]:
    return list(Run.list(workspace))


def files_of(run: Run, folder: Path) -> dict[str, bytes]:
    """Return the files of a run's snapshot by name."""
    materialise(run.get_snapshot_id(), folder / run.id, run.workspace.layout)
    return {path.name: path.read_bytes() for path in (folder / run.id).iterdir()}


@pytest.fixture(autouse=True)
def _no_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs wait for a dispatcher: what is sent is looked at, and nothing executed."""
    monkeypatch.setattr("traindock.dispatcher.start.ensure", lambda *_, **__: None)


class TestWhatIsSent:
    def test_is_the_cell_alone_with_its_line_numbers(self, shell: Shell, workspace: Workspace, tmp_path: Path) -> None:
        Path("other.py").touch()

        shell.run("%%traindock --experiment digits\nprint('two')\n\nprint('four')\n")

        (run,) = runs_of(workspace)
        files = files_of(run, tmp_path)
        assert set(files) == {"cell.py"}
        lines = files["cell.py"].decode().splitlines()
        assert (lines[1], lines[3]) == ("print('two')", "print('four')")
        assert (run.experiment.name, run.record.spec.script) == ("digits", "cell.py")

    def test_counts_blank_lines_above_the_magic(self, shell: Shell, workspace: Workspace, tmp_path: Path) -> None:
        shell.run("\n\n%%traindock\nprint('four')\n")
        (run,) = runs_of(workspace)
        assert files_of(run, tmp_path)["cell.py"].decode().splitlines()[3] == "print('four')"

    def test_is_in_the_variable_run_or_another(self, shell: Shell, workspace: Workspace) -> None:
        printed = shell.run("%%traindock\nprint(1)\n")
        first = shell.it.user_ns["run"]
        assert printed == f"{first}\n"
        shell.run("%%traindock --var baseline\nprint(1)\n")
        assert runs_of(workspace) == [shell.it.user_ns["baseline"], first]
        assert shell.it.user_ns["run"] is first

    def test_has_what_the_line_says(self, shell: Shell, workspace: Workspace) -> None:
        shell.run("rate = 0.1")
        shell.run(
            "%%traindock --experiment digits --name 'the first' --tag kind=big --env MODE=fast --max-seconds 60 "
            "--arg lr=$rate --arg epochs=3 --arg 'note=two words' --arg shift=-1 --arg verbose --arg n=5 --arg m=-1 "
            "--pip packaging\nprint(1)\n"
        )
        (run,) = runs_of(workspace)
        record = run.record
        assert (record.display_name, record.tags) == ("the first", {"kind": "big"})
        assert record.spec.environment_variables == {"MODE": "fast"}
        assert record.spec.max_run_duration_seconds == 60
        assert record.spec.environment["pip"] == ["packaging"]
        assert list(record.spec.arguments) == [
            "--lr", "0.1", "--epochs", "3", "--note", "two words", "--shift=-1", "--verbose", "-n", "5", "-m-1",
        ]  # fmt: skip

    def test_is_called_like_the_notebook(
        self, shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shell.run("%%traindock\nprint(1)\n")
        monkeypatch.setenv("JPY_SESSION_NAME", "/home/ann/My digits.ipynb")
        shell.run("%%traindock\nprint(1)\n")
        shell.it.user_ns["__vsc_ipynb_file__"] = "/home/ann/bees.ipynb"
        shell.run("%%traindock\nprint(1)\n")
        assert [run.experiment.name for run in runs_of(workspace)] == ["bees", "My-digits", "notebooks"]

    def test_has_a_folders_files_too_and_replaces_none(
        self, shell: Shell, workspace: Workspace, tmp_path: Path
    ) -> None:
        Path("src").mkdir()
        Path("src/cell.py").write_text("mine")
        Path("src/net.py").write_text("SIZE = 3")
        Path("src/.gitignore").write_text("*.pkl\nnotes.txt\n")
        Path("src/notes.txt").touch()
        shell.run("sizes = [1]")

        shell.run("%%traindock --source src --with sizes\nimport net\nprint(net.SIZE, sizes)\n")

        (run,) = runs_of(workspace)
        files = files_of(run, tmp_path)
        assert set(files) == {
            "cell.py", "cell_2.py", "net.py", ".gitignore", "notebook_values.py", "notebook_values.pkl",
        }  # fmt: skip
        assert (files["cell.py"], run.record.spec.script) == (b"mine", "cell_2.py")

    def test_has_passed_values_in_files_of_their_own(self, shell: Shell, workspace: Workspace, tmp_path: Path) -> None:
        shell.run("config = {'lr': 0.1}; names = ['ant', 'bee']; path = 'x'")

        printed = shell.run("%%traindock --with config,names --with path\nprint(config, names)\n")

        assert "--with passes path, which the cell does not use" in printed
        (run,) = runs_of(workspace)
        files = files_of(run, tmp_path)
        assert set(files) == {"cell.py", "notebook_values.py", "notebook_values.pkl"}
        first, second = files["cell.py"].decode().splitlines()
        assert first.startswith("from notebook_values import config, names, path  # ")
        assert second == "print(config, names)"

    def test_is_in_the_workspace_that_is_named(self, shell: Shell, workspace: Workspace) -> None:
        other = Workspace.create("other", show_output=False)
        shell.run("%%traindock --workspace other\nprint(1)\n")
        assert (runs_of(workspace), len(runs_of(other))) == ([], 1)

    def test_warns_of_torch_as_the_command_line_does(self, shell: Shell) -> None:
        printed = shell.run("%%traindock --pip numpy\nimport torch\n")
        assert "cell.py imports torch, which the packages asked for do not include: add --pip torch" in printed

    def test_warns_of_torch_that_an_image_may_not_have(
        self, shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(DockerCompute, "check", lambda _: ())  # it is told of before an engine is asked
        nowhere = DockerCompute.provisioning_configuration(engine="unix:///nowhere/docker.sock")
        ComputeTarget.create(workspace, "gpucluster", nowhere)
        told = "cell.py imports torch, and nothing is installed in its container unless you ask for it: add --pip torch"
        assert told in shell.run("%%traindock --plan --compute gpucluster\nimport torch\n")
        assert "imports torch" not in shell.run("%%traindock --plan\nimport torch\n")

    def test_warns_of_values_that_a_container_may_not_read(self, shell: Shell, workspace: Workspace) -> None:
        shell.run("import numpy as np; array = np.zeros(3)")
        assert "array has objects of numpy" not in shell.run("%%traindock --with array\nprint(array)\n")
        assert "array has objects of numpy" in shell.run("%%traindock --with array --pip packaging\nprint(array)\n")


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_is_sent(self, workspace: Workspace) -> Any:
        yield
        assert runs_of(workspace) == []
        assert not list(workspace.layout.snapshots.glob("*"))

    def test_of_names_that_only_the_notebook_has(self, shell: Shell) -> None:
        shell.run("import math\nlr = 0.1\nsteps = 3\ndef train(): pass")
        told = shell.fails("%%traindock\n\nprint(lr, steps)\nmath.sqrt(lr)\ntrain()\n")
        assert told == (
            "the cell uses what its run will not have. Nothing was sent.\n"
            "    lr (lines 3, 4): pass its value: --with lr\n"
            "    steps (line 3): pass its value: --with steps\n"
            "    math (line 4): add to the cell: import math\n"
            "    train (line 5): this notebook defines it: copy it into the cell, or put it into a module and send "
            "that along by --source\n"
            "All of these values: --with lr,steps\n"
            "--unchecked sends it as it is."
        )

    def test_of_modules_beside_the_notebook(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("my_helpers.py").touch()
        monkeypatch.syspath_prepend(str(Path.cwd()))
        assert "which is not sent: add --source ." in shell.fails("%%traindock\nimport my_helpers\n")

    def test_of_values_whose_modules_are_not_sent(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("my_shapes.py").write_text("class Shape: pass\n")
        monkeypatch.syspath_prepend(str(Path.cwd()))
        shell.run("import my_shapes; shape = my_shapes.Shape()")
        told = shell.fails("%%traindock --with shape\nprint(shape)\n")
        assert told.startswith("--with shape: to read it takes the module my_shapes; it is ")

    def test_of_values_that_cannot_be_passed(self, shell: Shell) -> None:
        shell.run("import threading; lock = threading.Lock()")
        assert shell.fails("%%traindock --with lock\nx = 1\nprint(lock)\n").startswith("--with lock (used in line 3): ")
        assert "has no such variable" in shell.fails("%%traindock --with nothing\nprint(1)\n")

    def test_of_lines_for_notebooks_only(self, shell: Shell) -> None:
        assert "line 3: !ls" in shell.fails("%%traindock\nimport os\n!ls\n")

    def test_of_a_cell_that_does_not_parse(self, shell: Shell) -> None:
        assert "line 2: invalid syntax" in shell.fails("%%traindock\nx = = 1\n")

    @pytest.mark.parametrize("cell", ["%%traindock", "%%traindock\n", "%%traindock\n\n# nothing\n"])
    def test_of_an_empty_cell(self, shell: Shell, cell: str) -> None:
        assert shell.fails(cell) == "the cell is empty: below the line %%traindock comes the script"

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("--experimnt digits", "nothing is known of --experimnt: did you mean --experiment? "),
            ("runs", "'runs' stands alone: verbs follow a single %, as in %traindock runs. "),
            ("--var 1x", "argument --var: '1x' can be no name of a variable. "),
            ("--var class", "argument --var: 'class' can be no name of a variable. "),
            ("--with x,1y", "argument --with: '1y' can be no name of a variable. "),
            ("--arg =3", "argument --arg: '=3' is not of the form NAME=VALUE or NAME. "),
            ("--gpus many", "argument --gpu/--gpus: 'many' is no whole number of 0 or more. "),
            ("--wait --plan", "--plan starts nothing that --wait could wait for. "),
            ("--rebuild", "--rebuild has nothing to build: "),
        ],
    )
    def test_of_a_line_that_makes_no_sense(self, shell: Shell, line: str, told: str) -> None:
        assert shell.fails(f"%%traindock {line}\nprint(1)\n").startswith(f"%%traindock: {told}")

    def test_of_what_the_workspace_does_not_have(self, shell: Shell) -> None:
        assert "gpu-box" in shell.fails("%%traindock --compute gpu-box\nprint(1)\n", "ComputeTargetException")
        assert "nowhere" in shell.fails("%%traindock --workspace nowhere\nprint(1)\n", "WorkspaceException")
        assert shell.fails("%%traindock --source nowhere\nprint(1)\n").startswith("--source nowhere does not exist")
        assert "name" in shell.fails("%%traindock --experiment x\nprint(1)\n")


class TestUnchecked:
    def test_a_cell_is_sent_as_it_is(self, shell: Shell, workspace: Workspace) -> None:
        shell.run("%%traindock --unchecked\nprint(defined_elsewhere)\n")
        assert len(runs_of(workspace)) == 1


class TestInterrupt:
    def test_once_the_cell_was_sent_says_that_its_run_goes_on(
        self, shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("traindock_widgets.magics.watching.in_kernel", lambda: True)
        monkeypatch.setattr("traindock_widgets.displaying.show", interrupted)

        told = shell.fails("%%traindock\nprint(1)\n", "Detached")

        (run,) = runs_of(workspace)
        assert told == f"interrupted; run {run.id} was submitted and goes on: %traindock show {run.id}"
        assert shell.it.user_ns["run"] == run


class TestPlan:
    def test_is_shown_and_nothing_sent(self, shell: Shell, workspace: Workspace) -> None:
        shell.run("x = 1")
        printed = shell.run("%%traindock --plan --experiment digits --with x --arg lr=1\nprint(x)\n")
        assert printed.startswith("Nothing was submitted. This would be done:\n")
        assert "cell.py --lr 1\n" in printed
        assert "  Source          the cell: 3 files, " in printed
        assert "notebook_values.pkl" in printed
        assert runs_of(workspace) == []
        assert "run" not in shell.it.user_ns


class TestSecrets:
    def test_are_kept_out_of_what_is_shown_and_of_the_files(
        self, shell: Shell, workspace: Workspace, tmp_path: Path
    ) -> None:
        shell.run("token = 'hunter2!'")
        line = "--arg api_key=$token --env HUB_TOKEN=$token"

        plan = shell.run(f"%%traindock --plan {line}\nprint(1)\n")
        printed = shell.run(f"%%traindock {line}\nprint(1)\n")

        (run,) = runs_of(workspace)
        assert list(run.record.spec.arguments) == ["--api_key", "hunter2!"]
        told = [plan, printed, json.dumps(run.get_details()), shell.run("%traindock show last --text")]
        sent = b"".join(files_of(run, tmp_path).values())
        assert [text for text in told if "hunter2" in text] == []
        assert b"hunter2" not in sent

    @pytest.mark.parametrize("line", ["--arg api_key=hunter2! --nothing", "--ag api_key=hunter2!", "api_key=hunter2!"])
    def test_are_kept_out_of_errors(self, shell: Shell, line: str) -> None:
        told = shell.fails(f"%%traindock {line}\nprint(1)\n")
        assert "hunter2" not in told


class TestHelp:
    @pytest.mark.parametrize("cell", ["%%traindock --help", "%%traindock -h\nprint(1)\n"])
    def test_is_printed_with_and_without_a_cell(self, shell: Shell, workspace: Workspace, cell: str) -> None:
        printed = shell.run(cell)
        assert printed.startswith("usage: %%traindock ")
        for option in ("--experiment", "--compute", "--pip", "--gpus", "--name", "--arg", "--wait", "--var", "--with"):
            assert f"{option} " in printed
        assert "\n  %%traindock --arg epochs=30" in printed
        assert runs_of(workspace) == []


def test_a_snapshot_is_the_same_for_the_same_cell_and_values(shell: Shell, workspace: Workspace) -> None:
    shell.run("x = {'a': 1}")
    for _ in range(2):
        shell.run("%%traindock --with x\nprint(x)\n")
    first, second = runs_of(workspace)
    assert first.get_snapshot_id() == second.get_snapshot_id()
    assert load(first.get_snapshot_id(), workspace.layout).total_bytes < 2000
