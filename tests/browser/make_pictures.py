"""Make the pictures of docs/pictures/: cards of real runs in a real JupyterLab. ``make pictures`` calls it.

The runs train the tutorial's own network on the insects that it draws, which takes ten minutes on two cores. Some of
them alone: ``python -m tests.browser.make_pictures queued compared``.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright
from tests.browser import chromium
from tests.browser.labs import Lab, code, markdown
from tests.browser.pages import Card, LabPage
from tests.browser.scripts import comparing, last_run, showing, showing_all
from tests.conftest import REPOSITORY, be_at_home_in, end_everything_in, make_workspace, wait_for
from tests.docker import base_images, engines
from tests.docker.conftest import package_settings

from traindock import ComputeTarget, DockerCompute, Experiment, LocalCompute, PyTorch, Run, Workspace

PICTURES = REPOSITORY / "docs" / "pictures"
SCRIPTS = REPOSITORY / "notebooks" / "pytorch-hymenoptera"
EXPERIMENT = "pytorch-hymenoptera"
MODEL = "pt-dnn"
#: One node, so that a second run has to wait.
TARGET = "workstation"
MOST_BYTES = 200_000
#: In CSS pixels: cards are as wide as GitHub shows pictures, and whole.
VIEW = {"width": 1010, "height": 1800}
SCALE = 1.5
#: Of a page that is seen as a whole.
WHOLE = {"width": 1010, "height": 900}

#: Where the JupyterLab and its kernels keep and look for things, in the folder of all this.
PLACES = {
    "TRAINDOCK_WORKSPACE": "workspace",
    "JUPYTER_CONFIG_DIR": "lab/config",
    "JUPYTER_DATA_DIR": "data",
    "IPYTHONDIR": "ipython",
}

#: The tutorial's script after somebody has worked on it, each time by what is replaced in it.
SMOOTHED = {"nn.CrossEntropyLoss()": "nn.CrossEntropyLoss(label_smoothing=0.05)"}
RANGE_TEST = {
    "CosineAnnealingLR(self.optimizer, options.num_epochs)": "ExponentialLR(self.optimizer, gamma=2.5)",
    "            self.batches += 1\n": (
        "            self.batches += 1\n"
        "            if not value < 50:\n"
        '                raise FloatingPointError(f"the loss is {value:.3g} after {self.batches} batches")\n'
    ),
}


class Studio:
    """Where pictures are made.

    Attributes:
        workspace: what is shown.
        lab: the JupyterLab that shows it.
        context: of the browser's pages.
    """

    def __init__(self, workspace: Workspace, lab: Lab, context: BrowserContext) -> None:
        self.workspace = workspace
        self.lab = lab
        self.context = context
        self._made = 0

    def train(self, name: str, rate: float, epochs: int, changes: dict[str, str] | None = None, **options: Any) -> Run:
        """Submit a training.

        Args:
            name: of the run, for people.
            rate: the learning rate.
            epochs: their number.
            changes: what is replaced in the tutorial's script, by what.
            **options: of the estimator, in place of what is usual here.
        """
        params = {"--data": "drawn", "--model": "tiny", "--num_epochs": epochs, "--learning_rate": rate}
        usual = {"compute_target": TARGET, "pip_packages": ["pillow", "matplotlib"]}
        estimator = PyTorch(
            source_directory=self._scripts(changes or {}),
            entry_script="pytorch_train.py",
            script_params=params,
            use_gpu=False,
            **{**usual, **options},
        )
        return Experiment(self.workspace, EXPERIMENT).submit(estimator, display_name=name)

    def _scripts(self, changes: dict[str, str]) -> Path:
        self._made += 1
        folder = self.lab.folder.parent / f"source-{self._made}"
        folder.mkdir()
        for script in SCRIPTS.glob("*.py"):
            text = script.read_text()
            if script.name == "pytorch_train.py":
                for before, after in changes.items():
                    assert before in text, f"{script} has no {before!r} any more"
                    text = text.replace(before, after)
            (folder / script.name).write_text(text)
        return folder

    def show(self, *cells: dict[str, Any], theme: str = "JupyterLab Light", **view: int) -> LabPage:
        """Open a notebook of cells."""
        notebook = "ants-and-bees.ipynb"
        self.lab.write(notebook, *cells)
        page = LabPage(self.context, self.lab).open(notebook)
        page.page.set_viewport_size({**VIEW, **view})
        page.choose_theme(theme)
        if page.page.locator(".jp-FileBrowser").is_visible():
            page.page.evaluate("jupyterapp.commands.execute('application:toggle-left-area')")
        return page

    @contextmanager
    def card(self, run: Run, **options: Any) -> Iterator[Card]:
        """Show a run's card, and nothing else."""
        page = self.show(showing(run), **options)
        yield page.card
        page.page.close()

    def keep(self, name: str, what: Locator | Page) -> None:
        """Make a picture of a part of a page, or of a page."""
        shot = what.screenshot(animations="disabled")
        file = PICTURES / f"{name}.png"
        with Image.open(io.BytesIO(shot)) as taken:
            few = taken.convert("RGB").quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
            few.save(file, optimize=True)
        assert file.stat().st_size < MOST_BYTES, f"{file} has {file.stat().st_size} bytes, of {MOST_BYTES}"
        print(f"{file.relative_to(REPOSITORY)}: {file.stat().st_size:,} bytes", flush=True)

    @cached_property
    def trained(self) -> list[Run]:
        """Three runs that have completed, and were registered one after the other."""
        runs = [
            self.train("rate 0.0003", 0.0003, 12),
            self.train("rate 0.002", 0.002, 12),
            self.train("rate 0.002, smoothed labels", 0.002, 10, SMOOTHED),
        ]
        for run in runs:
            run.wait_for_completion()
        for run, description in zip(runs[:2], ("First try", "Ten times the learning rate"), strict=True):
            model = run.register_model(MODEL, "outputs/", description=description)
            model.set_alias("production")
        return runs


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


GROUPS: dict[str, Callable[[Studio], None]] = {
    one.__name__: one
    for one in (queued, preparing, running, failed, completed, compared, listed, without_kernel, exported)
}


def engine_target(workspace: Workspace, folder: Path) -> str:
    """Return a compute target of containers, if an engine answers; else the one of this machine."""
    url = engines.find()
    if url is None:
        return TARGET
    client = docker.DockerClient(base_url=url, timeout=120)
    image, _ = base_images.base_image(client, folder / "images.lock")
    client.close()
    with workspace.layout.settings.open("a") as settings:
        settings.write(f'[docker]\nbase_image = "{image}"\n{package_settings()}')
    ComputeTarget.create(workspace, "gpucluster", DockerCompute.provisioning_configuration(engine=url))
    return "gpucluster"


@contextmanager
def studio() -> Iterator[Studio]:
    """A workspace, a JupyterLab and a browser, which leave nothing behind."""
    with (
        tempfile.TemporaryDirectory(prefix="insects-") as name,
        pytest.MonkeyPatch.context() as patch,
        sync_playwright() as playwright,
    ):
        folder = Path(name)
        be_at_home_in(folder, patch)
        patch.setenv("LOGNAME", "ann")
        workspace = make_workspace(folder / "workspace", idle_seconds=60.0)
        ComputeTarget.create(workspace, TARGET, LocalCompute.provisioning_configuration(max_nodes=1))
        for variable, place in PLACES.items():
            patch.setenv(variable, str(folder / place))
        lab = Lab(folder / "lab")
        browser = playwright.chromium.launch(executable_path=chromium.program(), args=chromium.OPTIONS)
        try:
            yield Studio(workspace, lab, browser.new_context(viewport=VIEW, device_scale_factor=SCALE))
        finally:
            browser.close()
            lab.end_kernels()
            lab.stop()
            end_everything_in(workspace)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of docs/pictures/.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of them: {', '.join(GROUPS)}")
    wanted = parser.parse_args().groups
    if unknown := [name for name in wanted if name not in GROUPS]:
        parser.error(f"there is no {unknown[0]}: {', '.join(GROUPS)}")
    with studio() as made:
        for name in wanted or GROUPS:
            GROUPS[name](made)


if __name__ == "__main__":
    main()
