"""Conda requirements, and what they are called on PyPI."""

from __future__ import annotations

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from traindock.errors import UserErrorException
from traindock.images.conda import conda_python, create_command, environment_yaml, parse_conda, translate
from traindock.images.recipe import Recipe


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("NumPy", "numpy"),
        ("numpy=1.23", "numpy==1.23.*"),
        ("numpy=1.23.5", "numpy==1.23.5"),
        ("numpy==1.23", "numpy==1.23"),
        ("numpy =1.23.*", "numpy==1.23.*"),
        ("numpy 1.23.*", "numpy==1.23.*"),
        ("numpy 1.23", "numpy==1.23"),
        ("numpy=1", "numpy==1.*"),
        ("numpy>=1.2, <2", "numpy>=1.2,<2"),
        ("numpy=1.23.5=py38h_0", "numpy==1.23.5"),
        ("numpy==1.23.5=py38h_0", "numpy==1.23.5"),
        ("numpy[version='>=1.2,<2']", "numpy>=1.2,<2"),
        ("conda-forge::numpy=1.23", "numpy==1.23.*"),
        ("pytorch=1.6", "torch==1.6.*"),
        ("opencv", "opencv-python-headless"),
        ("numpy *", "numpy"),
    ],
)
def test_a_requirement_is_said_in_pips_words(conda: str, pip: str) -> None:
    assert translate([conda]).pip == (pip,)


@pytest.mark.parametrize("text", ["", "numpy 1.2 | 1.3", "numpy=>2", "a/b", "numpy\nscipy", "-c defaults", 3])
def test_what_is_no_requirement_is_refused_by_name(text: object) -> None:
    with pytest.raises(UserErrorException) as caught:
        parse_conda(text)
    assert repr(text) in str(caught.value)


def test_each_change_is_said_and_what_only_conda_has_is_named() -> None:
    found = translate(["python=3.6.2", "pip", "cudatoolkit=10.1", "pytorch", "numpy", "gcc=9"])
    assert found.python == "==3.6.2"
    assert found.pip == ("torch", "numpy")
    assert found.unknown == ("gcc=9",)
    assert any("pytorch is taken from PyPI as torch" in notice for notice in found.notices)
    assert any("cudatoolkit=10.1 is left out" in notice for notice in found.notices)


def test_what_only_ties_condas_own_builds_together_is_left_out() -> None:
    """As ``conda env export`` lists it first."""
    found = translate(["_libgcc_mutex=0.1=main", "_openmp_mutex=5.1", "numpy"])
    assert (found.pip, found.unknown) == (("numpy",), ())
    assert "conda package _libgcc_mutex=0.1=main is left out: it means something to conda alone" in found.notices


def test_the_environment_file_has_everything() -> None:
    recipe = Recipe(
        conda=("gcc=9", "pip"),
        pip=("six",),
        index_url="https://me:SECRET@example.org/simple",
        pip_options=("--pre", "--extra-index-url https://SECRET@example.org", "--find-links /a b"),
    )
    text = environment_yaml(recipe, "python>=3.8", ("torch==2.1.0", "six"), ("/c",))
    assert "SECRET" not in text
    document = yaml.safe_load(text)
    assert document["channels"] == ["conda-forge"]
    pip = ["--pre", "--find-links '/a b'", "--find-links /c", "torch==2.1.0", "six"]
    assert document["dependencies"] == ["python>=3.8", "pip", "gcc=9", {"pip": pip}]


@pytest.mark.parametrize(
    ("bounds", "conda"),
    [
        (">=3.8,==3.10.*", "python=3.10"),
        (">=3.8,==3.10.13", "python==3.10.13"),
        (">=3.9,<3.12,>=3.8", "python<3.12,>=3.8,>=3.9"),
    ],
)
def test_a_python_is_said_in_condas_words(bounds: str, conda: str) -> None:
    assert conda_python(SpecifierSet(bounds)) == conda


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("/x/micromamba", ["create", "--yes"]),
        ("/x/mamba", ["env", "create", "--yes"]),
        ("/x/conda", ["env", "create"]),
    ],
)
def test_each_program_has_its_own_words(program: str, words: list[str]) -> None:
    assert create_command(program, "/e", "/f.yml") == [program, *words, "--prefix", "/e", "--file", "/f.yml"]
