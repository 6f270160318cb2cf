"""The magics in a real kernel, with real runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

CELLS = {
    "load": "%load_ext traindock",
    "values": "rates = [0.5, 0.25]\nscale = 2",
    "sent": """
        %%traindock --experiment magics --arg epochs=2 --with rates,scale --wait --var trained
        import sys
        from traindock import Run

        run = Run.get_context()
        for rate in rates:
            run.log("loss", rate * scale)
        print("arguments", sys.argv[1:])
        with open("outputs/model.txt", "w") as file:
            file.write("weights")
    """,
    "found": "trained.get_metrics(), trained.get_status()",
    "broken": """
        %%traindock --experiment magics --wait
        def broken():
            raise ValueError("this is line 3")

        broken()
    """,
    "logs": "%traindock logs magics:1",
    "runs": "%traindock runs --experiment magics --metric loss",
    "show": "%traindock show magics:1",
    "compare": "%traindock compare magics:1 magics:2",
    "register": "%traindock register magics:1 my-model outputs/model.txt",
    "models": "%traindock models my-model",
    "compute": "%traindock compute",
    "packaged": """
        %%traindock --experiment magics --compute local --pip packaging --wait --var packaged
        from packaging.version import Version

        print(Version("1.10") > Version("1.9"))
    """,
    "printed": "%traindock logs {packaged.id}",
    "long": """
        %%traindock --experiment magics --var long
        import time

        time.sleep(3600)
    """,
    "cancel": "%traindock cancel {long.id} --wait",
    "canceled": "long.get_status()",
    "refused": "%%traindock\nprint(scale)",
    "wrong": "%traindock rnus",
    "completed": (
        "from IPython.core.completer import provisionalcompleter\n"
        "with provisionalcompleter():\n"
        "    print([one.text for one in get_ipython().Completer.completions('%traindock show magics:', 23)])"
    ),
}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[Any]]]:
    """The outputs of the cells, by name."""
    folder = tmp_path_factory.mktemp("magics")
    with pytest.MonkeyPatch.context() as patched:
        for name in ("DATA", "CONFIG", "STATE"):
            patched.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
        patched.setenv("TRAINDOCK_LEASE_DIR", str(folder / "leases"))
        patched.delenv("JPY_SESSION_NAME", raising=False)
        yield _executed(folder)


def _executed(folder: Path) -> dict[str, list[Any]]:
    cells = [re.sub(r"(?m)^ {8}", "", text).strip("\n ") for text in CELLS.values()]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    NotebookClient(notebook, timeout=120, allow_errors=True, resources={"metadata": {"path": str(folder)}}).execute()
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def printed(outputs: list[Any]) -> str:
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def error(outputs: list[Any]) -> str:
    (found,) = [output for output in outputs if output.output_type == "error"]
    return "\n".join(found.traceback)


def test_a_cell_is_sent_waited_for_and_shown_as_its_card(outputs: dict[str, list[Any]]) -> None:
    card = outputs["sent"][-1]
    assert card.data["application/vnd.traindock.run+json"] == {"version": 1}
    assert "image/png" in card.data
    assert outputs["found"][0].data["text/plain"] == "({'loss': [1.0, 0.5]}, 'Completed')"


def test_it_was_told_once_that_the_default_workspace_was_made(outputs: dict[str, list[Any]]) -> None:
    assert "using your default workspace 'default'" in printed(outputs["sent"])
    assert printed(outputs["runs"]) == ""


def test_a_traceback_of_the_job_has_the_lines_of_the_cell(outputs: dict[str, list[Any]]) -> None:
    told = error(outputs["broken"])
    assert told.startswith("ActivityFailedException: Run magics_")
    assert re.search(r'cell\.py", line 5, in <module>\n.*broken\(\)', told)
    assert re.search(r'cell\.py", line 3, in broken\n.*raise ValueError\("this is line 3"\)', told)
    assert "Traceback (most recent call last)" in told, "the job's"
    assert "shell_magics" not in told, "ours"


def test_verbs_print_tables_logs_and_cards(outputs: dict[str, list[Any]]) -> None:
    assert printed(outputs["logs"]) == "arguments ['--epochs', '2']\n"
    assert "<table>" in outputs["runs"][0].data["text/html"]
    assert "loss" in outputs["runs"][0].data["text/plain"].splitlines()[0].split()
    assert "application/vnd.traindock.run+json" in outputs["show"][0].data
    assert "application/vnd.traindock.comparison+json" in outputs["compare"][0].data
    assert printed(outputs["register"]).endswith("Registered my-model:1: 1 file, 7 B\n")


def test_what_was_registered_is_listed_with_its_versions(outputs: dict[str, list[Any]]) -> None:
    assert re.search(r"\bmy-model\b", outputs["models"][0].data["text/plain"])


def test_a_cell_goes_to_a_compute_target_that_is_listed_with_packages_that_it_asks_for(
    outputs: dict[str, list[Any]],
) -> None:
    head, line = outputs["compute"][0].data["text/plain"].splitlines()
    assert dict(zip(head.split(), line.split(), strict=False)).items() >= {"NAME": "local", "BUSY": "0"}.items()
    assert "application/vnd.traindock.run+json" in outputs["packaged"][-1].data
    assert printed(outputs["printed"]) == "True\n"


def test_a_run_is_canceled_and_waited_for(outputs: dict[str, list[Any]]) -> None:
    asked, ended = printed(outputs["cancel"]).splitlines()
    assert re.fullmatch(r"Asked run (magics_\w+) to end", asked)
    assert re.match(r"magics_\w+ \[Canceled\]", ended)
    assert outputs["canceled"][0].data["text/plain"] == "'Canceled'"


def test_errors_are_words(outputs: dict[str, list[Any]]) -> None:
    assert error(outputs["refused"]).startswith("UserErrorException: the cell uses what its run will not have.")
    assert error(outputs["wrong"]).startswith("UserErrorException: %traindock has no verb 'rnus': did you mean")


def test_the_kernel_completes(outputs: dict[str, list[Any]]) -> None:
    assert printed(outputs["completed"]) == "['4', '3', '2', '1']\n"
