"""Recipes: one key for one definition, and malformed definitions refused by name."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from traindock.errors import UserErrorException
from traindock.images.recipe import Recipe

BASE: dict[str, Any] = {
    "python": "3.10",
    "pip": ("numpy>=1.24,<2", "ruamel.yaml[jinja2]", "Pillow; sys_platform == 'linux'"),
    "conda": ("pytorch=1.6", "conda-forge::scipy>=1,<2"),
    "channels": ("conda-forge",),
    "index_url": "https://example.org/simple",
    "framework": "torch==2.1.*",
}


@pytest.mark.parametrize(
    "other",
    [
        {"pip": ("pillow ;sys_platform=='linux'", "numpy <2, >=1.24", "Ruamel_YAML[JINJA2]")},
        {"pip": (*BASE["pip"], "NumPy>=1.24,<2")},
        {"conda": ("conda-forge::scipy >=1, <2", "pytorch =1.6")},
        {"python": " 3.10.* "},
        {"python": "==3.10.*"},
        {"index_url": "https://example.org/simple/"},
        {"framework": "Torch == 2.1.*"},
        {"environment_variables": {"A": "1"}},
        {"notices": ("something was left out",)},
        {"built_after": 1.0},
    ],
)
def test_spelling_and_order_do_not_change_the_key(other: dict[str, Any]) -> None:
    assert Recipe(**{**BASE, **other}).key() == Recipe(**BASE).key()


@pytest.mark.parametrize(
    "other",
    [
        {"python": "3.11"},
        {"python": None},
        {"pip": ()},
        {"pip": (*BASE["pip"], "six")},
        {"pip": ("numpy>=1.24,<3", *BASE["pip"][1:])},
        {"conda": ()},
        {"channels": ("defaults",)},
        {"index_url": "https://example.org/other"},
        {"index_url": None},
        {"framework": "torch==2.2.*"},
        {"interpreter": "/usr/bin/python3"},
        {"user_managed": True},
        {"pip_options": ("--pre",)},
        {"constraints": ("six<2",)},
        {"pip": (*BASE["pip"][:-1], f"{BASE['pip'][-1]} --hash=sha256:12")},
    ],
)
def test_a_change_of_content_changes_the_key(other: dict[str, Any]) -> None:
    assert Recipe(**{**BASE, **other}).key() != Recipe(**BASE).key()


def test_a_new_password_for_the_same_index_does_not_change_the_key() -> None:
    def key(password: str) -> str:
        index = f"https://me:{password}@example.org/simple"
        return Recipe(index_url=index, pip_options=(f"--extra-index-url {index}",), pip=(f"a @ {index}/a.whl",)).key()

    assert key("one") == key("two")


def test_the_key_is_a_sha256_in_hexadecimal() -> None:
    assert len(bytes.fromhex(Recipe().key())) == 32


def test_a_recipe_survives_json_and_pickle() -> None:
    recipe = Recipe(**BASE, environment_variables={"ÄÖ": "ü 1"}, notices=("x",))
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert again.notices == recipe.notices
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert hash(again) == hash(recipe)


def test_fields_of_a_newer_version_are_left_out() -> None:
    assert Recipe.from_json({**Recipe(**BASE).to_json(), "flavour": "new"}) == Recipe(**BASE)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"pip": ("numpy=1.2",)}, "numpy=1.2.*pip writes '=='"),
        ({"pip": ("",)}, "''"),
        ({"pip": ("a b c",)}, "a b c"),
        ({"pip": ("--index-url https://evil",)}, "is an option"),
        ({"pip": ("six\n--index-url https://evil",)}, "no pip requirement"),
        ({"pip": ("./local.whl",)}, r"\./local\.whl.*file:///"),
        ({"pip": (7,)}, "7 among pip"),
        ({"pip": "numpy"}, "one text where a list"),
        ({"conda": ("numpy=>1",)}, "numpy=>1"),
        ({"conda": ("rm -rf /",)}, "rm -rf /"),
        ({"python": "three"}, "three"),
        ({"framework": "torch=2"}, "torch=2"),
        ({"environment_variables": {"A=B": "1"}}, "A=B"),
        ({"environment_variables": {"": "1"}}, "environment variable"),
        ({"environment_variables": {"A": "1\0"}}, "environment variable"),
    ],
)
def test_what_is_malformed_is_refused_by_name(bad: dict[str, Any], named: str) -> None:
    with pytest.raises(UserErrorException, match=named):
        Recipe(**bad)


@pytest.mark.parametrize("document", [[], "x", None, 3])
def test_what_is_no_recipe_is_refused(document: Any) -> None:
    with pytest.raises(UserErrorException, match="no recipe"):
        Recipe.from_json(document)


def test_addresses_are_requirements() -> None:
    addresses = ("git+https://example.org/a.git@v1#egg=a", "https://example.org/b-1.whl", "c @ file:///c.whl")
    assert Recipe(pip=addresses).key() != Recipe(pip=addresses[1:]).key()
