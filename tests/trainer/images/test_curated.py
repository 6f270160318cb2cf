"""Names of curated environments stand for what they say, unless a workspace says otherwise."""

from __future__ import annotations

import pytest

from traindock import Environment, StoreException, UserErrorException, Workspace
from traindock.images.curated import CuratedEnvironment, curated
from traindock.images.recipe import Recipe


@pytest.mark.parametrize(
    ("name", "pip", "python"),
    [
        ("AzureML-PyTorch-1.6-GPU", "torch==1.6.*", None),
        ("AZUREML-pytorch-1.6-gpu", "torch==1.6.*", None),
        ("AzureML-pytorch-1.10-ubuntu18.04-py38-cuda11-gpu", "torch==1.10.*", "3.8"),
        ("AzureML-ACPT-pytorch-1.13-py38-cuda11.7-gpu", "torch==1.13.*", "3.8"),
        ("acpt-pytorch-2.2-cuda12.1", "torch==2.2.*", None),
        ("azureml-acpt-pytorch-1.11-py36-cuda11.3-gpu", "torch==1.11.*", None),
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu", "scikit-learn==1.0.*", "3.8"),
        ("AzureML-Scikit-learn-0.20.3", "scikit-learn==0.20.3", None),
        ("AzureML-TensorFlow-2.3-GPU", "tensorflow==2.3.*", None),
        ("AzureML-Tutorial", "matplotlib", None),
    ],
)
def test_a_name_stands_for_its_framework_and_its_python(name: str, pip: str, python: str | None) -> None:
    found = curated(name, {})
    assert (found.pip[0], found.python) == (pip, python)
    Recipe(pip=found.pip, python=found.python)


def test_a_name_that_says_nothing_is_an_error_with_examples() -> None:
    for name in ("my-environment", "AzureML-Quantum", "", "pytorch"):
        with pytest.raises(UserErrorException, match=r"no curated environment .*AzureML-PyTorch-1\.6-GPU"):
            curated(name, {})


def test_minimal_has_no_packages() -> None:
    assert curated("AzureML-Minimal", {}) == CuratedEnvironment()


def test_a_workspace_gives_names_another_meaning(workspace: Workspace) -> None:
    assert Environment.get(workspace, "AzureML-PyTorch-1.6-GPU").to_recipe().pip[0] == "torch==1.6.*"
    workspace.layout.settings.write_text(
        '[curated_environments]\n"AzureML-PyTorch-1.6-GPU" = { pip = ["six"], python = "3.10", image = "me/it:1" }\n'
    )
    recipe = Environment.get(workspace, "azureml-pytorch-1.6-gpu", version=3).to_recipe()
    assert (recipe.pip, recipe.python) == (("six",), "3.10")
    assert recipe.container is not None
    assert recipe.container.image == "me/it:1"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("{ pips = [] }", r"\[curated_environments\] X must be a table with pip, python or image"),
        ("3", "must be a table"),
        ('{ pip = "six" }', "pip of X must be a list of texts"),
        ('{ pip = ["a b"] }', "'a b' is no pip requirement"),
        ('{ python = "x" }', "'x' is no Python version"),
        ('{ image = "Me" }', "cannot be the name of an image"),
    ],
)
def test_what_is_wrong_in_the_settings_is_said(workspace: Workspace, table: str, says: str) -> None:
    workspace.layout.settings.write_text(f"[curated_environments]\nX = {table}\n")
    with pytest.raises(StoreException, match=says):
        _ = workspace.settings
