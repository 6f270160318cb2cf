"""Running a notebook as a job: cell by cell, in a kernel of the job's own Python."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from traindock.errors import ExperimentExecutionException, RunConfigurationException, UserErrorException
from traindock.names import readable
from traindock.runtime import WHERE
from traindock.store.copying import open_regular

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget
    from traindock.environment import Environment
    from traindock.images.recipe import Recipe
    from traindock.submit import Request

#: What executes a notebook within a job.
PACKAGES: Final = ("ipykernel", "nbclient")
#: Larger ones hold data; nobody reads them cell by cell.
_MOST_BYTES: Final = 500_000_000
#: Azure ML's default: 30 days.
_MAX_RUN_DURATION_SECONDS: Final = 2_592_000
#: A line that sends runs, or loads what does: no job has these magics.
_OWN_MAGIC: Final = re.compile(
    r"^[ \t]*((?:\w+[ \t]*=[ \t]*)?%(?:%?traindock|(?:re)?load_ext[ \t]+traindock)\b.*)", re.MULTILINE
)
_LONGEST_LINE: Final = 60
#: What is no Python in a cell.
_MAGIC_LINE: Final = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


class NotebookRunConfig:
    """A notebook with its environment and compute target.

    In the job its cells are executed one after the other by a kernel of the job's own Python, whatever kernel the
    notebook names, in the copy of the source folder. What they print is the run's log, ``Run.get_context()`` is the
    run, and the notebook with its outputs is kept as ``outputs/<name>.ipynb``, from the first cell on. A cell that
    raises ends the run as Failed. Attributes may be changed until it is submitted.

    Args:
        source_directory: the folder to snapshot.
        notebook: path of a notebook in that folder.
        compute_target: a compute target or its name, "local" by default.
        environment: what the notebook needs; ipykernel and nbclient are added to it where it is built. By default the
            interpreter that submits, as it is, which has to have them.
        max_run_duration_seconds: after which the run ends as Failed, by default 30 days; None for no end.
        gpus: how many GPUs it needs.

    Raises:
        RunConfigurationException: no notebook is given.
    """

    def __init__(
        self,
        source_directory: str | os.PathLike[str],
        notebook: str,
        compute_target: ComputeTarget | str | None = None,
        environment: Environment | None = None,
        max_run_duration_seconds: float | None = _MAX_RUN_DURATION_SECONDS,
        *,
        gpus: int = 0,
    ) -> None:
        if not isinstance(notebook, str) or not notebook:
            raise RunConfigurationException(f"notebook is the path of a notebook in the folder, not {notebook!r:.80}")
        self.source_directory = source_directory
        self.notebook = notebook
        self.compute_target = compute_target
        self.environment = environment
        self.max_run_duration_seconds = max_run_duration_seconds
        self.gpus = gpus

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run.

        Raises:
            UserErrorException: ``options`` are given, or a value is not allowed.
        """
        from traindock.script_run import ScriptRunConfig

        if options:
            raise UserErrorException(f"submitting a NotebookRunConfig takes no {', '.join(sorted(options))}")
        request = ScriptRunConfig(
            self.source_directory,
            self.notebook,
            compute_target=self.compute_target,
            environment=self.environment,
            max_run_duration_seconds=self.max_run_duration_seconds,
            gpus=self.gpus,
        ).to_request()
        return replace(request, script=None, notebook=self.notebook)

    def __repr__(self) -> str:
        where = f"compute_target={self.compute_target!r}"
        return f"NotebookRunConfig({str(self.source_directory)!r}, {self.notebook!r}, {where})"


def notebook_name(source: Path, name: str) -> str:
    """Return the path of a notebook in the source folder, if it is one that a job can execute.

    Args:
        source: the folder.
        name: a clean path in it.

    Raises:
        ExperimentExecutionException: there is none, it is no notebook, one of another language, or one that sends runs
            itself.
    """
    document = _read(source, name)
    if not isinstance(document, dict) or not (isinstance(document.get("cells", document.get("worksheets")), list)):
        raise ExperimentExecutionException(f"{name!r} is no notebook: it has no cells. Save it once more in JupyterLab")
    about = document.get("metadata")
    about = about if isinstance(about, dict) else {}
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        language = about.get(part, {}).get(key) if isinstance(about.get(part), dict) else None
        if isinstance(language, str) and language and language.lower() not in ("python", "ipython"):
            raise ExperimentExecutionException(
                f"{name!r} is a notebook of {language!r:.40}, and jobs execute Python: choose another, or run it by "
                "a command, such as command=['jupyter', 'execute', …], in an image that has its kernel"
            )
    _check_sends_nothing(name, document)
    return name


def _check_sends_nothing(name: str, document: dict[str, Any]) -> None:
    """Refuse a notebook whose cells submit runs: our magics, or what imports that from us, would end it there."""
    for number, source in enumerate(_code_cells(document), 1):
        lacking = _lacking_in_jobs(source)
        if lacking:
            raise ExperimentExecutionException(
                f"cell [{number}] of {name!r} imports {', '.join(lacking)} from traindock, which no job has: a "
                "notebook that submits runs itself cannot be one. Execute it in JupyterLab, or submit the script or "
                "the notebook that does the training, which logs by Run.get_context()"
            )
        line = _own_magic(source)
        if line is not None:
            shown = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
            raise ExperimentExecutionException(
                f"cell [{number}] of {name!r} has {shown!r}: a notebook that submits runs itself cannot be one. "
                "Execute it in JupyterLab, where %%traindock sends its cells, or take the cells with %load_ext "
                "traindock, %traindock and %%traindock out, and submit it again"
            )


def _code_cells(document: dict[str, Any]) -> Iterator[str]:
    """Yield the sources of the cells that are executed; "" for one that is allowed to fail."""
    sheets = [document, *document["worksheets"]] if isinstance(document.get("worksheets"), list) else [document]
    for cells in (sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)):
        for cell in cells if isinstance(cells, list) else ():
            if not isinstance(cell, dict) or cell.get("cell_type") != "code":
                continue
            lines = cell.get("source", cell.get("input", ""))
            source = "".join(map(str, lines)) if isinstance(lines, list) else str(lines)
            about = cell.get("metadata")
            tags = about.get("tags") if isinstance(about, dict) else None
            tags = tags if isinstance(tags, list) else []
            if source.strip() and "skip-execution" not in tags:
                yield "" if "raises-exception" in tags else source


def _own_magic(source: str) -> str | None:
    """Return the first line of a cell that is a magic of ours, or None."""
    found = _OWN_MAGIC.search(source)
    other = source.lstrip().startswith("%%") and not source.lstrip().startswith("%%traindock")
    if found is None or other:  # lines of `%%writefile` or `%%bash` are no cell's own
        return None
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found[1].rstrip()
    return None  # Python alone, such as a text that tells of magics


def _lacking_in_jobs(source: str) -> list[str]:
    """Return the names that a cell imports from us, whatever else it does, and that there are none of within jobs."""
    if source.lstrip().startswith("%%"):
        return []  # lines of `%%writefile` or `%%bash` are no cell's own
    try:
        statements = ast.parse(_MAGIC_LINE.sub("", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # what is wrong with it is said where it is executed
    imports = [one for one in statements if isinstance(one, ast.ImportFrom) and one.module == "traindock"]
    return [one.name for each in imports for one in each.names if one.name not in {*WHERE, "*"}]


def _read(source: Path, name: str) -> Any:
    try:
        with os.fdopen(open_regular(source / name, follow=True), "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        there = sorted(path.name for path in source.glob("*.ipynb") if path.is_file())
        listed = f"; there are: {', '.join(map(readable, there[:10]))}" if there else ""
        raise ExperimentExecutionException(
            f"there is no notebook {name!r} in the source folder {str(source)!r}{listed}"
        ) from None
    except OSError as error:
        what = "is no file" if (source / name).is_dir() else f"cannot be read: {error.strerror}"
        raise ExperimentExecutionException(f"{name!r} in the source folder {str(source)!r} {what}") from None
    if len(content) > _MOST_BYTES:
        raise ExperimentExecutionException(
            f"the notebook {name!r} has more than {_MOST_BYTES:,} bytes: clear its outputs, and submit it again"
        )
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ExperimentExecutionException(f"{name!r} is no notebook: it is no JSON ({error})") from None


def notebook_recipe(recipe: Recipe, *, interpreters_here: bool) -> Recipe:
    """Return the recipe with what executes a notebook.

    Args:
        recipe: what was asked for.
        interpreters_here: whether an interpreter that is used as it is is one of this machine.

    Raises:
        ExperimentExecutionException: the interpreter is to be used as it is, and lacks them.
    """
    from traindock.images.interpreters import probe, satisfies
    from traindock.images.pythons import on_this_machine
    from traindock.images.recipe import parse_requirement

    if recipe.user_managed and interpreters_here:
        python = on_this_machine(recipe).interpreter or sys.executable
        missing = satisfies(probe(python), PACKAGES).missing
        if missing:
            raise ExperimentExecutionException(
                f"a notebook is executed by {' and '.join(PACKAGES)}, and {python} does not have all that takes: "
                f"{'; '.join(missing)}. Install them there (pip install {' '.join(PACKAGES)}), or name packages "
                "(environment=…, --pip), so that an environment is built, which gets them"
            )
        return recipe
    own_image = recipe.container is not None and (recipe.container.image or recipe.container.dockerfile)
    if recipe.user_managed and (recipe.interpreter is not None or own_image):
        return recipe  # what an image has shows in the job
    named = {requirement.name.lower() for text in recipe.pip if (requirement := parse_requirement(text)) is not None}
    added = tuple(package for package in PACKAGES if package not in named)
    return replace(recipe, user_managed=False, pip=(*recipe.pip, *added))
