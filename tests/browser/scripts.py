"""Training scripts for runs to look at, and notebooks that submit them or show them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

from tests.browser.labs import code, output

from traindock import Run, Workspace
from traindock_widgets.outputs import COMPARISON, RUN, RUNS, card_output

#: Logs two metrics and lines of text until a file exists, the name of which it is given.
STEADY = """
    import math, sys, time
    from pathlib import Path
    from traindock import Run
    run = Run.get_context()
    end = Path(sys.argv[1])
    step = 0
    while not end.exists():
        step += 1
        run.log("train_loss", 2 * math.exp(-step / 150), step=step)
        if step % 20 == 0:
            run.log("accuracy", 1 - math.exp(-step / 300), step=step)
            print(f"Epoch {min(step // 20, 500)}/500", flush=True)
        time.sleep(0.01)
"""

#: The same, but asked to end it goes on, until its time of grace is over.
STUBBORN = (
    """
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
    + STEADY
)

#: What a page must show as text, with a number for each place it is in.
NASTY = '"><img src=x onerror=alert({0})><script>alert({0})</script>'

#: Has HTML and scripts wherever a script can put text, beside what a run usually has.
HOSTILE = f"""
    import math, sys
    from pathlib import Path
    from traindock import Run
    run = Run.get_context()
    for step in range(1, 301):
        run.log("train_loss", 2 * math.exp(-step / 150), step=step)
        run.log("val_loss", 2.1 * math.exp(-step / 150), step=step)
        run.log({NASTY.format(1)!r}, step)
    run.log("train_loss", float("nan"), step=301)
    print({NASTY.format(2)!r})
    print("\\x1b[31mred " + {NASTY.format(3)!r} + "\\x1b[0m")
    print("\\x1b]8;;javascript:alert(4)\\x07a link\\x1b]8;;\\x07")
    print(" 50%|" + {NASTY.format(5)!r} + "| 1/2 [00:01<00:01, 1.0it/s]\\rEpoch 1/2 " + {NASTY.format(6)!r})
    outputs = Path("outputs")
    outputs.joinpath("table.csv").write_text('name,value\\n"' + {NASTY.format(7).replace('"', '""')!r} + '",1\\n')
    outputs.joinpath("page.html").write_text({NASTY.format(8)!r})
    outputs.joinpath("picture.png").write_text("<svg onload=alert(9)>")
    outputs.joinpath("<img src=x onerror=alert(10)>.txt").write_text("text")
    run.tag("note", {NASTY.format(11)!r})
"""


def submitting(workspace: Path, script: str, *arguments: object) -> str:
    """Return code for a cell that submits a script to a workspace and shows the run's card."""
    words = [str(argument) for argument in arguments]
    return dedent(
        f"""
        from pathlib import Path
        from traindock import Experiment, ScriptRunConfig, Workspace
        source = Path("source")
        source.mkdir(exist_ok=True)
        (source / "train.py").write_text({dedent(script)!r})
        run = Experiment(Workspace({str(workspace)!r}), "browser").submit(
            ScriptRunConfig(source, "train.py", {words!r})
        )
        run
        """
    ).strip()


def waiting_for(file: Path) -> dict[str, Any]:
    """Return a cell that blocks the kernel until a file exists."""
    return code(f"import time\nfrom pathlib import Path\nwhile not Path({str(file)!r}).exists():\n    time.sleep(0.05)")


def showing(run: Run, drawn: bytes | None = None) -> dict[str, Any]:
    """Return a cell as it is after it has shown a run."""
    return code("run", output(*card_output(RUN, {"workspace": run.workspace.id, "run": run.id}, None, drawn)))


def listing(run: Run) -> str:
    """Return code for a cell that shows the runs of the experiment that a run is of."""
    return dedent(
        f"""
        from traindock import Experiment, Workspace
        from traindock_widgets import Runs
        Runs(Experiment(Workspace({str(run.workspace.layout.root)!r}), {run.experiment.name!r}))
        """
    ).strip()


def comparing(*runs: Run) -> dict[str, Any]:
    """Return a cell as it is after it has compared runs."""
    shown = {"workspace": runs[0].workspace.id, "runs": [run.id for run in runs]}
    return code("compare(*runs)", output(*card_output(COMPARISON, shown, None, None)))


def showing_all(workspace: Workspace, experiment: str) -> dict[str, Any]:
    """Return a cell as it is after it has listed the runs of an experiment."""
    shown = {"workspace": workspace.id, "experiment": experiment}
    return code("Runs(experiment)", output(*card_output(RUNS, shown, None, None)))


def last_run(workspace: Workspace) -> Run:
    """Return the run that was submitted last."""
    return next(iter(Run.list(workspace)))


def logged(run: Run) -> dict[str, int]:
    """Return how many points of each metric a run has logged."""
    return {name: len(values) if isinstance(values, list) else 1 for name, values in run.get_metrics().items()}
