"""What a cell uses and its run will not have."""

from __future__ import annotations

import collections
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conftest import REPOSITORY

from traindock import UserErrorException
from traindock_widgets.magics.cell_names import first_uses, missing_modules, missing_names, unused


def names(source: str, **notebook: Any) -> dict[str, tuple[int, ...]]:
    return {each.name: each.lines for each in missing_names(source, notebook)}


def advice(name: str, value: Any) -> str:
    (found,) = missing_names(f"print({name})", {name: value})
    return found.advice


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module in which a notebook's classes and functions are defined."""
    module = ModuleType("__main__")
    exec("class Net: pass\ndef train(): pass\nnet = Net()", vars(module))
    monkeypatch.setitem(sys.modules, "__main__", module)
    return module


class TestNames:
    @pytest.mark.parametrize(
        ("source", "lines"),
        [
            ("print(x)", (1,)),
            ("y = 1\nprint(x)\nx.y = x[0]", (2, 3)),
            ("x += 1", (1,)),
            ("for _ in range(3):\n    x += 1", (2,)),
            ("print(x)\nx = 1", (1,)),
            ("x = 1\ndel x\nprint(x)", (3,)),
            ("del x", (1,)),
            ("[x for y in range(3)]\n", (1,)),
            ("[x for x in range(3)]\nprint(x)", (2,)),
            ("def f():\n    return x", (2,)),
            ("def f(a=x): pass", (1,)),
            ("@x\ndef f(): pass", (1,)),
            ("class A(x): pass", (1,)),
            ("class A:\n    x = 1\n    def f(self): return x", (3,)),
            ("lambda y: y + x", (1,)),
            ("print(f'{x!r:>{y}}')\ny = 1", (1,)),
            ("def f(a: x): pass", (1,)),
            ("match 1:\n    case x.y: pass", (2,)),
            ("try:\n    x\nexcept KeyError:\n    pass", (2,)),
            ("from math import *\nprint(sin(x))", (2,)),
        ],
    )
    def test_of_the_notebook_are_found_with_their_lines(self, source: str, lines: tuple[int, ...]) -> None:
        assert names(source, x=1)["x"] == lines

    @pytest.mark.parametrize(
        "source",
        [
            "x = 1\nprint(x)",
            "import x.y\nx.y.z",
            "from y import z as x\nx",
            "for x in range(3): pass\nprint(x)",
            "with open('f') as x: x.read()",
            "[x for x in range(3)]",
            "(x := 3)\nprint(x)",
            "print([x := 1 for _ in range(2)], x)",
            "def f():\n    return x\nx = 1",
            "def f(x):\n    def g(): return x\n    return g",
            "def f():\n    global x\n    x = 1\nf()\nprint(x)",
            "import os\nif os.name: x = 1\nelse: x = 2\nprint(x)",
            "import os\nif os.name:\n    x = 1\nprint(x)",
            "try:\n    import x\nexcept ImportError:\n    x = None\nx",
            "for i in range(3):\n    if i: print(x)\n    x = i",
            "while True:\n    try: print(x)\n    finally: x = 1",
            "match [1, 2]:\n    case [x, *_]: print(x)",
            "try:\n    x\nexcept NameError:\n    x = 1",
            "class x:\n    def f(self) -> 'x': return x()",
            "from __future__ import annotations\ndef f(a: x) -> x: b: x = 1",
            "def f(a: 'x') -> 'x': pass",
            "print(__file__, __name__, __doc__, __builtins__, exit, open, WindowsError)",
            "from no_such_module_at_all import *\nprint(x)",
        ],
    )
    def test_that_the_cell_defines_or_may_define_are_not(self, source: str) -> None:
        assert names(source, x=1) == {}

    def test_that_a_star_import_would_not_bring_are_found(self) -> None:
        assert names("from math import *\nprint(sin(1), x)", x=1, sin=math.sin) == {"x": (2,)}

    def test_that_nobody_defines_are_found(self) -> None:
        (found,) = missing_names("model = 1\nprint(modle)", {})
        assert str(found) == "modle (line 2): neither the cell nor this notebook defines it; did you mean model?"

    @pytest.mark.parametrize("source", ["for i in range(3):\n    s += i", "def f():\n    s = 1\n\n\nprint(s)"])
    def test_that_have_a_value_too_late_or_elsewhere_are_not_taken_for_misspelt(self, source: str) -> None:
        (found,) = missing_names(source, {})
        assert (found.name, found.advice) == ("s", "neither the cell nor this notebook defines it")

    @pytest.mark.parametrize("name", ["display", "get_ipython", "In", "_"])
    def test_that_only_notebooks_have_are_found(self, name: str) -> None:
        (found,) = missing_names(f"{name}", {name: print})
        assert found.advice == "only notebooks have it; print(…), or save it into ./outputs"


class TestAdvice:
    def test_is_an_import_for_what_was_imported(self) -> None:
        assert advice("math", math) == "add to the cell: import math"
        assert advice("m", math) == "add to the cell: import math as m"
        assert advice("sine", math.sin) == "add to the cell: from math import sin as sine"
        assert advice("Counter", collections.Counter) == "add to the cell: from collections import Counter"

    def test_is_to_copy_what_the_notebook_defines(self, main: ModuleType) -> None:
        copy = "copy it into the cell, or put it into a module and send that along by --source"
        assert advice("Net", main.Net) == f"this notebook defines it: {copy}"
        assert advice("train", main.train) == f"this notebook defines it: {copy}"
        assert advice("net", main.net) == f"it is a Net, which this notebook defines: {copy}"

    def test_is_to_pass_values(self) -> None:
        assert advice("lr", 0.1) == "pass its value: --with lr"

    def test_is_a_variable_for_what_looks_like_a_secret(self) -> None:
        (found,) = missing_names("print(api_key)", {"api_key": "hunter2"})
        assert found.advice == "pass its value: --with api_key; better a variable, --env API_KEY=$api_key"
        assert not found.passable


class TestModules:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        (tmp_path / "my_helpers.py").write_text("VALUE = 1")
        (tmp_path / "my_package").mkdir()
        (tmp_path / "my_package" / "__init__.py").touch()
        (tmp_path / "my_namespace").mkdir()
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        return tmp_path

    @pytest.mark.parametrize("source", ["import my_helpers", "from my_helpers import VALUE", "import my_helpers as h"])
    def test_beside_the_notebook_are_to_be_sent(self, folder: Path, source: str) -> None:
        (found,) = missing_modules(f"x = 1\n{source}", None, own_python=True)
        assert str(found) == (
            f"module my_helpers (line 2): it is {folder / 'my_helpers.py'}, which is not sent: add --source ."
        )

    @pytest.mark.parametrize("name", ["my_package", "my_namespace"])
    def test_packages_are_too(self, folder: Path, name: str) -> None:
        (found,) = missing_modules(f"import {name}.inner", None, own_python=True)
        assert f"it is {folder / name}, which is not sent: add --source ." in found.advice

    def test_that_are_sent_are_there(self, folder: Path) -> None:
        assert missing_modules("import my_helpers, my_package, my_namespace", folder, own_python=True) == []

    @pytest.mark.parametrize(
        "source",
        [
            "import os, json, numpy, traindock",
            "import no_such_module_at_all",
            "try:\n    import my_helpers\nexcept ImportError:\n    pass",
            "from . import my_helpers",
            "import __main__",
        ],
    )
    def test_of_elsewhere_are_the_environments(self, source: str) -> None:
        assert missing_modules(source, None, own_python=True) == []

    def test_that_are_installed_from_there_are_the_environments_of_this_python_alone(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # each process is told of the folder, as by the .pth file of an editable install
        monkeypatch.setenv("PYTHONPATH", str(folder))
        source = "import my_helpers, my_package.inner"
        assert missing_modules(source, None, own_python=True) == []
        assert [each.name for each in missing_modules(source, None, own_python=False)] == [
            "module my_helpers",
            "module my_package",
        ]

    def test_of_an_editable_install_that_the_notebook_lies_in_are_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(REPOSITORY)
        assert missing_modules("import traindock_widgets", None, own_python=True) == []

    def test_that_stand_before_installed_ones_of_their_name_are_to_be_sent(
        self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("installed")
        (elsewhere / "my_helpers.py").touch()
        monkeypatch.setenv("PYTHONPATH", str(elsewhere))
        (found,) = missing_modules("import my_helpers", None, own_python=True)
        assert found.name == "module my_helpers"

    def test_traindock_is_in_each_job_wherever_it_is_installed_from(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(REPOSITORY / "trainer")
        assert missing_modules("from traindock import Run", None, own_python=False) == []


class TestTooDeep:
    """What pyflakes, which goes down as deep as an expression nests, cannot look through."""

    SOURCE = f"from values import x\ny = {' + '.join(['1'] * 600)}"

    def test_is_refused_in_words_with_what_to_do(self) -> None:
        with pytest.raises(UserErrorException, match=r"nests too deeply to be looked through, .* by --unchecked"):
            missing_names(self.SOURCE, {})

    def test_has_no_unused_values_that_are_known(self) -> None:
        assert unused(self.SOURCE, "values") == []


def test_the_first_use_of_each_name_is_known() -> None:
    assert first_uses("x = 1\nprint(y, x)\ny = y") == {"print": 2, "y": 2, "x": 2}


def test_passed_values_that_are_not_used_are_known() -> None:
    assert unused("from values import x, y\nimport os\nprint(x)", "values") == ["y"]
