"""Where pictures of docs/pictures/ are made: a workspace, a JupyterLab and a browser, and what they are made of."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright
from tests.browser import chromium
from tests.browser.labs import Lab
from tests.browser.pages import Card, LabPage
from tests.browser.scripts import showing
from tests.browser.sidebars import Sidebar
from tests.conftest import REPOSITORY, be_at_home_in, end_everything_in, make_workspace
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

#: The tutorial's script after somebody has worked on it, by what is replaced in it.
SMOOTHED = {"nn.CrossEntropyLoss()": "nn.CrossEntropyLoss(label_smoothing=0.05)"}


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

    def keep(self, name: str, what: Locator | Page, *, animated: bool = False) -> None:
        """Make a picture of a part of a page, or of a page; with animations as they are, or at their end."""
        shot = what.screenshot(animations="allow" if animated else "disabled")
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


def rest(page: LabPage) -> None:
    """Take hand and focus off what is looked at."""
    page.page.mouse.move(700, 700)
    page.page.evaluate("document.activeElement.blur()")


def widen(page: LabPage, shown: Sidebar, width: int) -> None:
    """Have the sidebar be so wide, by its edge."""
    box = shown.locator.bounding_box()
    assert box is not None
    edge = box["x"] + box["width"] + 2
    page.page.mouse.move(edge, box["y"] + 300)
    page.page.mouse.down()
    page.page.mouse.move(edge + width - box["width"], box["y"] + 300, steps=4)
    page.page.mouse.up()


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
def open_studio() -> Iterator[Studio]:
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
