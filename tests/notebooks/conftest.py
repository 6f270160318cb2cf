"""The tutorial's modules travel with the script and are imported by plain names, as a script does it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "notebooks" / "pytorch-hymenoptera"
MODULES = ("drawn_insects", "fetching", "insect_data", "insect_models", "figures", "pytorch_train")


@pytest.fixture(scope="session")
def tutorial() -> Iterator[SimpleNamespace]:
    """The tutorial's modules as attributes, imported from their own folder."""
    pytest.importorskip("torchvision", reason="the tutorial's group of packages is not installed")
    sys.path.insert(0, str(TUTORIAL))
    loaded: dict[str, ModuleType] = {name: importlib.import_module(name) for name in MODULES}
    yield SimpleNamespace(**loaded)
    sys.path.remove(str(TUTORIAL))
    for name in MODULES:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def _own_torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from, or left in, this user's cache."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def real_pictures() -> Path:
    """Folder of the photographs, where the checkout has them beside it."""
    folder = ROOT.parent / "shared" / "data" / "hymenoptera_data"
    if not folder.is_dir():
        pytest.skip("the photographs are not beside this checkout")
    return folder
