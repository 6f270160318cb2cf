"""Values of a notebook that go with a cell."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from traindock import UserErrorException
from traindock.images.recipe import Recipe
from traindock_widgets.magics import values


def passed(tmp_path: Path, **notebook: Any) -> values.Passed:
    return values.pickled(list(notebook), notebook, tmp_path / "notebook_values.py", {})


def read(tmp_path: Path, code: str) -> str:
    """Execute a script beside the values."""
    (tmp_path / "cell.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "cell.py")], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def test_they_are_there_under_their_names(tmp_path: Path) -> None:
    passed(tmp_path, x=1, text="été", table={"a": [1.5, None]})
    assert (
        read(tmp_path, "from notebook_values import *\nprint(x, ascii(text), table)")
        == "1 '\\xe9t\\xe9' {'a': [1.5, None]}\n"
    )


def test_what_they_share_they_go_on_sharing(tmp_path: Path) -> None:
    parameters = [0.5]
    passed(tmp_path, parameters=parameters, optimizer={"of": parameters}, again=parameters)
    assert read(tmp_path, "from notebook_values import *\nprint(optimizer['of'] is parameters is again)") == "True\n"


def test_their_sizes_and_packages_are_known(tmp_path: Path) -> None:
    found = passed(tmp_path, array=np.zeros(1000), plain=[1, 2], ordered=OrderedDict(a=np.float64(1)))
    assert found.sizes["array"] > 8000 > found.sizes["plain"]
    assert "numpy" in found.packages["array"]
    assert found.packages["plain"] == set()
    assert found.packages["ordered"] >= {"numpy", "collections"}


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("__main__")
    exec("class Net: pass\ndef train(): pass\nnet = Net()\nsquare = lambda x: x * x", vars(module))
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Net", "class Net"),
        ("train", "function train"),
        ("net", "an object of class Net"),
        ("square", "function <lambda>"),
    ],
)
def test_what_only_the_notebook_knows_is_refused_with_what_to_do(
    tmp_path: Path, main: ModuleType, name: str, told: str
) -> None:
    with pytest.raises(UserErrorException) as caught:
        values.pickled([name], {name: [vars(main)[name]]}, tmp_path / "v.py", {name: 7})
    assert str(caught.value) == (
        f"--with {name} (used in line 7): it has {told}, which this notebook defines, and the run will not find: copy "
        "it into the cell, or put it into a module and send that along by --source; or pass plain values, such as a "
        "list, a dict, an array or a state_dict"
    )


def test_what_cannot_be_pickled_is_refused_with_its_kind(tmp_path: Path) -> None:
    with pytest.raises(
        UserErrorException,
        match=r"^--with lock: this lock cannot be pickled \(cannot pickle .*\): have the cell make it",
    ):
        passed(tmp_path, lock=threading.Lock())
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(UserErrorException, match=r"^--with nested: it is nested too deeply to be pickled"):
        passed(tmp_path, nested=nested)

    class Refuses:
        def __reduce__(self) -> Any:
            raise KeyError("no")

    with pytest.raises(UserErrorException, match=r"^--with odd: this Refuses cannot be pickled"):
        passed(tmp_path, odd=Refuses())


def test_variables_that_are_not_there_are_told_with_the_closest_one() -> None:
    values.check(["data"], {"data": 1})
    with pytest.raises(
        UserErrorException, match=r"^--with dtaa: this notebook has no such variable; did you mean data[?]$"
    ):
        values.check(["dtaa"], {"data": 1})


def test_a_package_that_the_run_lacks_is_named_where_the_values_are_read(tmp_path: Path) -> None:
    passed(tmp_path, array=np.zeros(3))
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\")")
    assert (
        "ImportError: array was passed by --with, and cannot be read in this run's environment: No module named "
        "'numpy'. Ask for the package (--pip), or pass plain values"
    ) in read(tmp_path, "from notebook_values import array")


class TestNotes:
    def test_big_values_are_told(self) -> None:
        (told,) = values.notes(values.Passed({"data": 60_000_000, "x": 5}), Recipe(), own_python=True)
        assert told == "data takes 60.0 MB, and is kept with the run: a path to a file is quicker than --with"

    def test_secrets_are_told(self) -> None:
        (told,) = values.notes(values.Passed({"api_key": 5}), Recipe(), own_python=True)
        assert told.startswith("api_key looks like a secret")
        assert told.endswith("--env API_KEY=$api_key keeps it out of what people see")

    def test_packages_that_are_not_asked_for_are_told(self) -> None:
        found = values.Passed({"data": 5}, {"data": {"numpy", "yaml", "collections"}})
        (told,) = values.notes(found, Recipe(pip=("NumPy>=1",)), own_python=False)
        assert told == (
            "data has objects of PyYAML, which the packages asked for do not name: add --pip PyYAML, "
            "unless one of them brings it along"
        )

    def test_nothing_is_said_of_packages_where_the_run_has_this_very_python(self) -> None:
        assert values.notes(values.Passed({"data": 5}, {"data": {"numpy"}}), Recipe(), own_python=True) == []

    def test_a_framework_has_torch(self) -> None:
        found = values.Passed({"data": 5}, {"data": {"torch"}})
        assert values.notes(found, Recipe(framework="torch"), own_python=False) == []
