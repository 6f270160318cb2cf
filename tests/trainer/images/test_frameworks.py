"""PyTorch's versions: what goes with each, and which Pythons it was built for."""

from __future__ import annotations

from typing import Any

import pytest

from traindock.errors import TrainingException
from traindock.images.frameworks import RELEASES, known_versions, of_recipe, requirements_of, resolve
from traindock.images.recipe import Recipe


@pytest.mark.parametrize(
    ("version", "requirements", "python"),
    [
        ("1.13", ("torch==1.13.*", "torchvision>=0.14.0,<0.15", "numpy<2"), "3.8 to 3.10"),
        ("1.13.1", ("torch==1.13.1", "torchvision==0.14.1", "numpy<2"), "3.8 to 3.10"),
        ("1.4", ("torch==1.4.*", "torchvision>=0.5.0,<0.6", "numpy<2"), "3.8"),
        ("2.2", ("torch==2.2.*", "torchvision>=0.17.0,<0.18", "numpy<2"), "3.8 to 3.12"),
        ("2.3", ("torch==2.3.*", "torchvision>=0.18.0,<0.19"), "3.8 to 3.12"),
        ("2.1.0+cu118", ("torch==2.1.0+cu118", "torchvision==0.16.0", "numpy<2"), "3.8 to 3.11"),
        ("2.1+cu118", ("torch==2.1.2+cu118", "torchvision==0.16.2", "numpy<2"), "3.8 to 3.11"),
        ("2.15", ("torch==2.15.*", "torchvision>=0.29.2,<0.30"), "3.11 to 3.15"),
        (None, ("torch", "torchvision"), "3.8 or newer"),
    ],
)
def test_a_version_brings_what_fits_it(version: str | None, requirements: tuple[str, ...], python: str) -> None:
    found = resolve(version)
    assert found.requirements == requirements
    assert found.python == python


def test_it_says_whether_it_fits_a_python() -> None:
    assert resolve("1.13", (3, 10)).fits
    assert not resolve("1.13", (3, 11)).fits
    assert not resolve("2.15", (3, 10)).fits


@pytest.mark.parametrize("version", ["0.4", "2", "1.14", "2.1.9", "two", "", "2.1+", "2.1+cu 118", "1.13.*.*"])
def test_an_unknown_version_is_refused_with_those_there_are(version: str) -> None:
    with pytest.raises(TrainingException) as caught:
        resolve(version)
    assert repr(version) in str(caught.value)
    assert all(known in str(caught.value) for known in ("1.0,", "1.13,", "2.10,", RELEASES[-1].torch[:4]))


def test_the_table_is_in_order_and_whole() -> None:
    numbers = [tuple(map(int, r.torch.split("."))) for r in RELEASES]
    assert numbers == sorted(set(numbers))
    assert all(r.oldest <= r.newest for r in RELEASES)
    assert known_versions()[0] == "1.0"
    assert len(known_versions()) == len({r.torch.rsplit(".", 1)[0] for r in RELEASES})


@pytest.mark.parametrize(
    ("pip", "expected"),
    [
        ((), ("torch==2.1.*", "torchvision>=0.16.0,<0.17", "numpy<2")),
        (("pillow", "torchvision"), ("torch==2.1.*", "torchvision>=0.16.0,<0.17", "numpy<2", "pillow", "torchvision")),
        (("TorchVision==0.16.2",), ("torch==2.1.*", "numpy<2", "TorchVision==0.16.2")),
        (("torch==2.1.1",), ("torchvision==0.16.1", "numpy<2", "torch==2.1.1")),
        (("torch>=1.13,<2",), ("torchvision>=0.14.0,<0.15", "numpy<2", "torch>=1.13,<2")),
        (("torch==99.0",), ("torchvision", "torch==99.0")),
    ],
)
def test_what_the_user_names_with_a_version_wins(pip: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert requirements_of(Recipe(framework="torch==2.1.*", pip=pip)) == expected


@pytest.mark.parametrize(
    "numpy", ["numpy", "numpy>=1.20", "NumPy==1.23.5", "numpy!=1.24", "numpy>=1.20,<3", "numpy~=1.20"]
)
@pytest.mark.parametrize("torch", [{"framework": "torch==2.1.*"}, {"pip": ("torch==2.1.2",)}])
def test_an_old_torch_keeps_numpy_below_2_whatever_bounds_the_user_gives(numpy: str, torch: dict[str, Any]) -> None:
    recipe = Recipe(**{**torch, "pip": (*torch.get("pip", ()), numpy)})
    assert "numpy<2" in requirements_of(recipe)
    assert "numpy<2" in requirements_of(Recipe(**torch), ("numpy>=1.20",))  # out of conda's


@pytest.mark.parametrize("numpy", ["numpy>=2", "numpy==2.1.0", "numpy>1.26.99", "numpy @ https://example.org/n.whl"])
@pytest.mark.parametrize("torch", [{"framework": "torch==2.1.*"}, {"pip": ("torch==2.1.2",)}])
def test_only_who_excludes_every_older_numpy_gets_a_newer_one(numpy: str, torch: dict[str, Any]) -> None:
    recipe = Recipe(**{**torch, "pip": (*torch.get("pip", ()), numpy)})
    assert "numpy<2" not in requirements_of(recipe)


def test_constraints_say_which_torch_and_numpy_too() -> None:
    bounds = ("torch==2.1.2", "numpy>=1.20")
    assert requirements_of(Recipe(pip=("torch",), constraints=bounds)) == ("numpy<2", "torch")
    assert requirements_of(Recipe(pip=("rich",), constraints=bounds)) == ("rich",)
    assert requirements_of(Recipe(pip=("torch==2.1.2",), constraints=("numpy>=2",))) == ("torch==2.1.2",)


def test_a_torch_pinned_as_a_package_brings_the_ceiling_and_nothing_else() -> None:
    assert requirements_of(Recipe(pip=("torch==2.1.2",))) == ("numpy<2", "torch==2.1.2")
    assert requirements_of(Recipe(), ("torch==2.1.*",)) == ("numpy<2", "torch==2.1.*")
    assert requirements_of(Recipe(pip=("torch==2.3.0",))) == ("torch==2.3.0",)
    assert requirements_of(Recipe(pip=("torch<2.5",))) == ("torch<2.5",)


@pytest.mark.parametrize(
    ("pip", "python"),
    [
        (("torch==1.6.0",), "3.8"),
        (("Torch>=1.12,<2",), "3.8 to 3.10"),
        (("torch==2.0.1+cu117",), "3.8 to 3.11"),
        (("torch",), None),
        (("torch>=1.6",), None),
        (("torch==99.0",), None),
        (("torch @ https://example.org/torch.whl",), None),
        (("torchvision==0.7.0",), None),
    ],
)
def test_a_torch_among_the_packages_is_known_too(pip: tuple[str, ...], python: str | None) -> None:
    found = of_recipe(Recipe(pip=pip))
    assert (found.python if found else None) == python
