"""A JupyterLab, a browser, and runs to look at. The pictures of tests that fail stay in pytest's temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from tests.browser import chromium
from tests.browser.labs import KERNEL, Lab
from tests.browser.pages import COMING_UP, LabPage
from tests.browser.scripts import HOSTILE
from tests.conftest import REPOSITORY, be_at_home_in, submitter
from uv import find_uv_bin

from traindock import Run, Workspace

#: Milliseconds that anything may take to be seen, on a machine that does other things as well.
expect.set_options(timeout=60_000)

_failed = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here use one workspace, whose dispatcher is up."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.shared_workspace)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    item.stash[_failed] = item.stash.get(_failed, False) or report.failed
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The machine's own Chromium."""
    program = chromium.program()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium on this machine: .ci/run installs it")
        pytest.skip("there is no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=chromium.OPTIONS)
        yield made
        made.close()


@pytest.fixture(scope="session")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """What all pages share: a cache, so that JupyterLab comes up quickly."""
    made = browser.new_context(viewport={"width": 1200, "height": 1000})
    made.set_default_timeout(COMING_UP)
    yield made
    made.close()


@pytest.fixture(scope="session")
def start_lab(shared_by_all: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Lab]]:
    """Start a JupyterLab that knows the shared workspace."""
    started: list[Lab] = []

    def start(**options: Any) -> Lab:
        with pytest.MonkeyPatch.context() as patch:
            folder = tmp_path_factory.mktemp("jupyter")
            be_at_home_in(shared_by_all.layout.root.parent, patch)
            patch.setenv("JUPYTER_CONFIG_DIR", str(folder / "lab" / "config"))
            patch.setenv("JUPYTER_DATA_DIR", str(folder / "data"))
            patch.setenv("IPYTHONDIR", str(folder / "ipython"))
            started.append(Lab(folder / "lab", default=shared_by_all.layout.root, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def lab_as_installed(start_lab: Callable[..., Lab]) -> Lab:
    return start_lab()


@pytest.fixture(scope="session")
def lab_without_cards(start_lab: Callable[..., Lab]) -> Lab:
    """A JupyterLab whose pages know nothing of Traindock, so that widgets draw the cards, fed by kernels."""
    return start_lab(labextension=False)


@pytest.fixture
def lab(lab_as_installed: Lab) -> Iterator[Lab]:
    """A JupyterLab as it is after Traindock was installed."""
    yield lab_as_installed
    lab_as_installed.end_kernels()


@pytest.fixture(scope="session")
def submit_early(shared_by_all: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Submit a script whose run several tests look at, and wait for its end."""

    def submit(script: str) -> Run:
        with pytest.MonkeyPatch.context() as patch:
            be_at_home_in(shared_by_all.layout.root.parent, patch)
            submit_to = submitter(shared_by_all, tmp_path_factory.mktemp("sources"))
            run = submit_to(script, experiment="looked-at")  # where no others are, however many tests submit runs
            run.wait_for_completion(raise_on_error=False)
        return run

    return submit


@pytest.fixture(scope="session")
def hostile_run(submit_early: Callable[..., Run]) -> Run:
    """A run that has completed, with everything that a run may have, and HTML in all of it."""
    return submit_early(HOSTILE)


@pytest.fixture(scope="session")
def failed_run(submit_early: Callable[..., Run]) -> Run:
    """A run whose script raised an exception."""
    return submit_early("def train():\n    raise ValueError('the loss is not finite: nan')\n\ntrain()")


@pytest.fixture(scope="session")
def python_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the interpreter of a new environment with Traindock and a version of ipykernel."""

    @cache
    def make(version: str) -> Path:
        uv, python = find_uv_bin(), tmp_path_factory.mktemp("kernel") / "bin" / "python"
        subprocess.run([uv, "venv", "--python", sys.executable, "--clear", str(python.parent.parent)], check=True)
        wanted = [f"ipykernel=={version}.*", "matplotlib", "--editable", str(REPOSITORY)]
        subprocess.run([uv, "pip", "install", "--python", str(python), *wanted], check=True)
        return python

    return make


#: Versions that route what a page sends to a kernel each in a way of its own.
_VERSIONS = [
    pytest.param(version, marks=[pytest.mark.soak, pytest.mark.timeout(900)]) for version in ("6", "7.3", "7.4")
]


@pytest.fixture(params=["installed", *_VERSIONS])
def add_kernel(request: pytest.FixtureRequest) -> Callable[[Lab], Mapping[str, str]]:
    """Return how notebooks name the kernel to be tested, once a JupyterLab has it."""
    if request.param == "installed":
        return lambda lab: KERNEL
    python = request.getfixturevalue("python_with")(request.param)
    return lambda lab: lab.add_kernel(f"ipykernel-{request.param}", python)


@pytest.fixture
def record_figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Take figures that a test has measured into its report."""

    def record(**figures: float) -> None:
        for name, value in figures.items():
            record_property(name, value)
            print(f"{name} {value:.3g}")

    return record


AddKernel = Callable[[Lab], Mapping[str, str]]
Show = Callable[..., LabPage]


@pytest.fixture
def show(
    request: pytest.FixtureRequest, context: BrowserContext, lab: Lab, tmp_path: Path, workspace: Workspace
) -> Iterator[Show]:
    """Open a page with a notebook, once ``prepare`` was called with it.

    Whatever goes wrong in a page fails the test. The pages of a test that fails are kept as pictures.
    """
    pages: list[LabPage] = []

    def show(
        notebook: str | Path,
        of: Lab = lab,
        prepare: Callable[[LabPage], None] = lambda page: None,
        app: str = "lab/tree",
    ) -> LabPage:
        pages.append(LabPage(context, of))
        prepare(pages[-1])
        return pages[-1].open(notebook, app)

    yield show
    faults = look_back(request, tmp_path, *pages)
    for page in pages:
        page.page.close()
    assert not faults, "\n".join(faults)


def look_back(request: pytest.FixtureRequest, folder: Path, *pages: LabPage) -> list[str]:
    """Return what went wrong in pages of a test that has ended; keep pictures of them if anything did."""
    faults = [fault for page in pages for fault in page.unexpected]
    if faults or request.node.stash.get(_failed, False):
        for number, page in enumerate(pages):
            page.shoot(folder / f"page-{number}.png")
            print(f"picture: {folder / f'page-{number}.png'}")
    return faults
