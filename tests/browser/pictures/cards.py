"""Pictures of cards, in each state of a run, and in each home that a card has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.labs import code, markdown
from tests.browser.pages import LabPage
from tests.browser.pictures.studio import EXPERIMENT, SCRIPTS, TARGET, WHOLE, Studio, engine_target
from tests.browser.scripts import comparing, last_run, showing, showing_all
from tests.conftest import wait_for

from traindock import Run

#: The tutorial's script after somebody has tried what rates it can bear, by what is replaced in it.
RANGE_TEST = {
    "CosineAnnealingLR(self.optimizer, options.num_epochs)": "ExponentialLR(self.optimizer, gamma=2.5)",
    "            self.batches += 1\n": (
        "            self.batches += 1\n"
        "            if not value < 50:\n"
        '                raise FloatingPointError(f"the loss is {value:.3g} after {self.batches} batches")\n'
    ),
}
#: The script as one that logs by TensorBoard's writer alone.
WRITING = {
    "from traindock import Run\n": (
        "from torch.utils.tensorboard import SummaryWriter\nfrom traindock import Run\n"
        'writer = SummaryWriter("logs", flush_secs=1)\n'
    ),
    'run.log("batch_loss", value, step=self.batches)': 'writer.add_scalar("batch_loss", value, self.batches)',
    "            run.log(metric, value, step=epoch)\n": "            writer.add_scalar(metric, value, epoch)\n",
}


#: What is in the notebook of the pictures of whole pages.
TEXT = "## Ants and bees\n\nThe run needs no notebook once it is submitted, and neither does its card."
SUBMIT = """
from traindock import Experiment, PyTorch, Workspace

estimator = PyTorch("pytorch-hymenoptera", entry_script="pytorch_train.py", use_gpu=False,
                    compute_target="{target}",
                    script_params={{"--data": "drawn", "--model": "tiny", "--num_epochs": {epochs}}})
run = Experiment(Workspace.from_config(), "pytorch-hymenoptera").submit(estimator)
run
""".strip()


def queued(studio: Studio) -> None:
    ahead = studio.train("rate 0.002", 0.002, 400)
    waiting = studio.train("rate 0.0003", 0.0003, 16)
    with studio.card(waiting) as card:
        card.wait_for_state("Queued")
        card.locator.get_by_text("rate 0.002").or_(card.locator.get_by_text(ahead.id)).first.wait_for()
        studio.keep("card-queued", card.locator)
    waiting.cancel()
    ahead.cancel()
    ahead.wait_for_completion(raise_on_error=False)


def preparing(studio: Studio) -> None:
    """The build of an environment that no Python here has: in a container where an engine answers."""
    packages = ["pillow", "matplotlib", "torchmetrics", "timm"]
    target = engine_target(studio.workspace, studio.lab.folder.parent)
    run = studio.train("rate 0.002", 0.002, 16, pip_packages=packages, compute_target=target)
    with studio.card(run) as card:
        card.wait_for_state("Preparing")
        card.locator.get_by_role("log").get_by_text(re.compile("Resolved|Download")).first.wait_for(timeout=300_000)
        studio.keep("card-preparing", card.locator)
    run.cancel()
    run.wait_for_completion(raise_on_error=False)


def running(studio: Studio) -> None:
    run = studio.train("rate 0.0003", 0.0003, 30)
    with studio.card(run) as card:
        card.wait_for_points("val_loss", 12, seconds=300)
        studio.keep("card-running", card.locator)
    with studio.card(run, theme="JupyterLab Dark") as card:
        card.wait_for_points("val_loss", 14, seconds=300)
        studio.keep("card-dark", card.locator)
    run.cancel()
    run.wait_for_completion(raise_on_error=False)


def failed(studio: Studio) -> None:
    run = studio.train("range of rates", 0.0001, 30, RANGE_TEST)
    run.wait_for_completion(raise_on_error=False)
    with studio.card(run) as card:
        card.wait_for_state("Failed")
        card.locator.locator(".td-plot canvas").first.wait_for()
        studio.keep("card-failed", card.locator)


def completed(studio: Studio) -> None:
    run = studio.trained[-1]
    with studio.card(run) as card:
        card.wait_for_state("Completed")
        panel = card.tab("Model")
        panel.get_by_text("production").first.wait_for()
        panel.get_by_label("Description").fill("Labels smoothed by 0.05")
        alias = panel.get_by_role("textbox", name="Alias", exact=True)
        alias.fill("staging")
        alias.blur()
        studio.keep("card-completed", card.locator)


def compared(studio: Studio) -> None:
    page = studio.show(comparing(*studio.trained))
    card = page.card
    card.locator.locator(".td-plot canvas").first.wait_for()
    card.locator.get_by_label("Smoothing").fill("0.3")
    card.locator.get_by_label("Smoothing").blur()
    studio.keep("compare-curves", card.locator)
    page.choose_theme("JupyterLab Dark")
    studio.keep("compare-dark", card.locator)
    page.choose_theme("JupyterLab Light")
    card.tab("Results").get_by_role("table").wait_for()
    studio.keep("compare-results", card.locator)
    card.tab("Code").get_by_text("label_smoothing").first.wait_for()
    studio.keep("compare-code", card.locator)
    page.page.close()


def listed(studio: Studio) -> None:
    page = studio.show(showing_all(studio.workspace, EXPERIMENT))
    boxes = page.card.locator.get_by_role("checkbox", name="rate")
    boxes.first.wait_for()
    for box in boxes.all()[:2]:
        box.check()
    studio.keep("runs", page.card.locator)
    page.page.close()


def tensorboard(studio: Studio) -> None:
    run = studio.train("rate 0.002", 0.002, 10, WRITING)
    run.wait_for_completion()
    page = studio.show(showing(run), width=1010, height=800)
    page.card.button("TensorBoard").click()
    frame = page.page.frame_locator("iframe[src*='/traindock/tensorboard/']")
    frame.get_by_role("button", name="Settings").first.click()
    frame.locator("line-chart").nth(1).wait_for()
    page.page.wait_for_load_state("networkidle")
    studio.keep("tensorboard", page.page)
    page.page.close()


@contextmanager
def submitted(studio: Studio, epochs: int) -> Iterator[tuple[LabPage, Run]]:
    """Execute a notebook that submits a run and shows it."""
    shutil.copytree(SCRIPTS, studio.lab.folder / SCRIPTS.name, dirs_exist_ok=True)
    studio.workspace.write_config(studio.lab.folder)
    studio.lab.end_kernels()
    page = studio.show(markdown(TEXT), code(SUBMIT.format(target=TARGET, epochs=epochs)), **WHOLE)
    page.run_all()
    page.card.wait_for_points("train_loss", 2, seconds=120)
    yield page, last_run(studio.workspace)
    page.page.close()


def without_kernel(studio: Studio) -> None:
    with submitted(studio, 60) as (page, run):
        page.save()
        studio.lab.end_kernels()
        page.reload()
        page.page.get_by_text(re.compile("^Python 3.*Idle$")).wait_for()  # JupyterLab starts one for a page
        page.choose("Kernel", "Shut Down Kernel")
        page.page.get_by_text("No Kernel").first.wait_for()
        seen = page.card.wait_for_points("val_loss", 1)
        page.card.wait_for_points("val_loss", seen + 4)
        studio.keep("card-without-kernel", page.page)
    run.cancel()
    run.wait_for_completion(raise_on_error=False)


def exported(studio: Studio) -> None:
    with submitted(studio, 8) as (page, run):
        file = studio.lab.folder / page.notebook
        first = wait_for(lambda: saved_picture(page, file), "a picture in the notebook")
        run.wait_for_completion()
        wait_for(lambda: saved_picture(page, file) != first, "the picture of the run's end in the notebook")
    subprocess.run([sys.executable, "-m", "nbconvert", "--to", "html", str(file)], check=True, capture_output=True)
    html = LabPage(studio.context, studio.lab).open(file.with_suffix(".html"))
    html.page.set_viewport_size({**WHOLE, "height": 600})
    html.page.locator(".jp-OutputArea img").wait_for()
    studio.keep("card-exported", html.page)
    html.page.close()


def saved_picture(page: LabPage, file: Path) -> str:
    """Save a notebook, and return the picture that is in place of its card where nothing is live."""
    page.save()
    outputs = json.loads(file.read_text())["cells"][-1]["outputs"]
    return str(outputs[-1]["data"]["image/png"]) if outputs else ""
