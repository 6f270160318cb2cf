"""NotebookRunConfig: what can be asked for, and what is refused before anything is written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make_workspace

from traindock import (
    Environment,
    Experiment,
    ExperimentExecutionException,
    NotebookRunConfig,
    Run,
    RunConfigurationException,
    ScriptRunConfig,
    UserErrorException,
    Workspace,
    notebook_run,
)
from traindock.images.recipe import Recipe
from traindock.notebook_run import PACKAGES, notebook_recipe
from traindock.planning import plan_document
from traindock.submit import checked_spec


def write(path: Path, *sources: str, **metadata: Any) -> None:
    cells = [
        {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
        for source in sources
    ]
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    write(tmp_path / "src" / "explore.ipynb", "1 + 1")
    write(tmp_path / "src" / "deep" / "own.ipynb", "1 + 1")
    return tmp_path / "src"


class TestWhatIsAskedFor:
    @pytest.mark.parametrize("name", ["explore.ipynb", "./deep/own.ipynb"])
    def test_is_the_notebook_and_no_script(self, source: Path, name: str) -> None:
        request = NotebookRunConfig(source, name, gpus=1, max_run_duration_seconds=60).to_request()
        spec = checked_spec(request, "local")

        assert (spec.notebook, spec.script, spec.command) == (str(Path(name)), None, ())
        assert (spec.gpus, spec.max_run_duration_seconds) == (1, 60)

    def test_is_named_with_the_folder_as_well(self, source: Path) -> None:
        request = NotebookRunConfig(source, str(source / "explore.ipynb")).to_request()

        assert checked_spec(request, "local").notebook == "explore.ipynb"

    def test_takes_no_extra_arguments(self, source: Path) -> None:
        with pytest.raises(UserErrorException, match="takes no conda"):
            NotebookRunConfig(source, "explore.ipynb").to_request(conda=1)

    def test_says_what_it_is(self, source: Path) -> None:
        assert "'explore.ipynb', compute_target='gpubox'" in repr(NotebookRunConfig(source, "explore.ipynb", "gpubox"))


class TestTheEnvironment:
    def test_gets_what_executes_notebooks_where_it_is_built(self) -> None:
        recipe = notebook_recipe(Recipe(pip=("torch", "IPykernel==6.29.5")), interpreters_here=True)

        assert recipe.pip == ("torch", "IPykernel==6.29.5", "nbclient")

    def test_that_is_used_as_it_is_has_to_have_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        as_it_is = Recipe(user_managed=True)
        assert notebook_recipe(as_it_is, interpreters_here=True) == as_it_is

        monkeypatch.setattr(notebook_run, "PACKAGES", ("ipykernel", "no-such-package"))

        with pytest.raises(ExperimentExecutionException, match=r"does not have all.*no-such-package.*pip install"):
            notebook_recipe(as_it_is, interpreters_here=True)

    def test_of_a_container_that_is_nobodys_own_is_built(self) -> None:
        assert notebook_recipe(Recipe(user_managed=True), interpreters_here=False).pip == PACKAGES

    def test_of_an_image_of_the_users_own_is_left_as_it_is(self) -> None:
        environment = Environment("own")
        environment.python.user_managed_dependencies = True
        environment.docker.base_image = "mine:1"
        recipe = environment.to_recipe()

        assert notebook_recipe(recipe, interpreters_here=False) == recipe


class TestWhatCannotWorkIsRefused:
    def test_where_it_is_made(self, source: Path) -> None:
        with pytest.raises(RunConfigurationException, match="notebook is the path"):
            NotebookRunConfig(source, None)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("gone.ipynb", r"there is no notebook 'gone.ipynb' in the source folder .*; there are: explore.ipynb"),
            ("deep", "'deep' in the source folder .* is no file"),
            ("../src/explore.ipynb", "is not in the source folder"),
            (" ", "' ' is no notebook: give its path in the source folder .* such as 'explore.ipynb'"),
            ("text.ipynb", "is no notebook: it is no JSON"),
            ("list.ipynb", "is no notebook: it has no cells"),
            ("julia.ipynb", "is a notebook of 'julia', and jobs execute Python"),
            ("other.ipynb", "is a notebook of 'R', and jobs execute Python"),
        ],
    )  # fmt: skip
    def test_at_submit(self, source: Path, tmp_path: Path, name: str, told: str) -> None:
        (source / "text.ipynb").write_text("# no notebook")
        (source / "list.ipynb").write_text("[1]")
        write(source / "julia.ipynb", kernelspec={"language": "julia", "name": "julia-1.9"})
        write(source / "other.ipynb", kernelspec={"name": "ir"}, language_info={"name": "R"})
        workspace = make_workspace(tmp_path / "workspace")

        with pytest.raises(ExperimentExecutionException, match=told):
            Experiment(workspace, "tests").submit(NotebookRunConfig(source, name))
        assert list(Run.list(workspace)) == []

    def test_a_notebook_that_is_not_sent_along(self, source: Path, tmp_path: Path) -> None:
        (source / ".amlignore").write_text("*.ipynb\n")
        workspace = make_workspace(tmp_path / "workspace")

        with pytest.raises(ExperimentExecutionException, match=r"the notebook 'explore.ipynb' is not part.*amlignore"):
            Experiment(workspace, "tests").submit(NotebookRunConfig(source, "explore.ipynb"))

    @pytest.mark.parametrize(
        "line",
        [
            "%load_ext traindock",
            "%reload_ext  traindock",
            "%traindock runs",
            "%%traindock --arg lr=0.1",
            "a = %traindock runs",
        ],
    )
    def test_a_notebook_that_submits_runs_itself(self, source: Path, tmp_path: Path, line: str) -> None:
        write(source / "magics.ipynb", "", "import random", f"{line}\nprint(1)")
        workspace = make_workspace(tmp_path / "workspace")
        submitted = NotebookRunConfig(source, "magics.ipynb")
        told = rf"cell \[2\] of 'magics.ipynb' has '{re.escape(line)}'.* cannot be one. Execute it in JupyterLab"

        with pytest.raises(ExperimentExecutionException, match=told):
            Experiment(workspace, "tests").submit(submitted)
        with pytest.raises(ExperimentExecutionException, match=told):
            plan_document(workspace, "tests", submitted.to_request())
        assert list(Run.list(workspace)) == []

    @pytest.mark.parametrize(
        ("cell", "names"),
        [
            ("from traindock import Experiment, Run, Workspace", "Experiment, Workspace"),
            ("%matplotlib inline\nimport os\nfrom traindock import (\n    PyTorch,\n)", "PyTorch"),
        ],
    )
    def test_one_that_imports_what_no_job_has(self, source: Path, tmp_path: Path, cell: str, names: str) -> None:
        write(source / "sends.ipynb", "import random", cell)
        told = rf"cell \[2\] of 'sends.ipynb' imports {names} from traindock, which no job has.* cannot be one"

        with pytest.raises(ExperimentExecutionException, match=told):
            Experiment(make_workspace(tmp_path / "workspace"), "tests").submit(NotebookRunConfig(source, "sends.ipynb"))

    @pytest.mark.parametrize(
        "cell",
        [
            "from traindock import Run, Model",
            "from traindock import *",
            "try:\n    from traindock import Experiment\nexcept ImportError:\n    Experiment = None",
            "%%writefile other.py\nfrom traindock import Experiment",
            "from traindock import (",
            'text = """\n%traindock runs\n"""',
            "# %load_ext traindock",
            "%%writefile other.py\n%load_ext traindock",
            "%load_ext traindock_other",
            "%load_ext autoreload",
        ],
    )
    def test_but_not_one_that_speaks_of_it(self, source: Path, cell: str) -> None:
        write(source / "about.ipynb", cell)

        assert checked_spec(NotebookRunConfig(source, "about.ipynb").to_request(), "local").notebook == "about.ipynb"

    @pytest.mark.parametrize("tag", ["raises-exception", "skip-execution"])
    def test_nor_one_whose_cell_may_fail_or_is_left_out(self, source: Path, tag: str) -> None:
        write(source / "tried.ipynb", "%load_ext traindock")
        document = json.loads((source / "tried.ipynb").read_text())
        document["cells"][0]["metadata"]["tags"] = [tag]
        (source / "tried.ipynb").write_text(json.dumps(document))

        assert checked_spec(NotebookRunConfig(source, "tried.ipynb").to_request(), "local").notebook == "tried.ipynb"

    def test_a_notebook_in_the_place_of_a_script_says_how(self, source: Path, workspace: Workspace) -> None:
        with pytest.raises(ExperimentExecutionException, match="NotebookRunConfig"):
            checked_spec(ScriptRunConfig(source, "explore.ipynb").to_request(), "local")
