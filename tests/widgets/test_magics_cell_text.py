"""From a cell to the file that is sent: lines stay where they are, and what only notebooks understand is refused."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from traindock import UserErrorException
from traindock_widgets.magics import cell_script, cell_syntax


def refused(body: str) -> list[tuple[int, str]]:
    """Return lines and advice of what is refused in a cell whose magic is in line 1."""
    with pytest.raises(UserErrorException, match=r"(?s)for notebooks only:.*\nNothing was sent\.") as caught:
        cell_syntax.check(cell_script.numbered(body))
    return [(int(line), advice) for line, advice in re.findall(r"line (\d+): .*?    \((.*)\)", str(caught.value))]


def test_what_nests_more_deeply_than_python_reads_is_refused_in_words() -> None:
    with pytest.raises(UserErrorException, match="was not sent"):
        cell_syntax.check(f"\nvalue = {'-' * 100_000}1")


class TestNotebookLines:
    @pytest.mark.parametrize(
        ("line", "advice"),
        [
            ("!pip install -q torch 'numpy<2'", "ask for packages in the magic's line: --pip torch --pip 'numpy<2'"),
            ("%pip install torch", "ask for packages in the magic's line: --pip torch"),
            ("!ls pip install", "use subprocess.run([…])"),
            ("!ls -l", "use subprocess.run([…])"),
            ("files = !ls", "use subprocess.run([…])"),
            ("!!ls", "use subprocess.run([…])"),
            ("%matplotlib inline", "leave it out: save figures into ./outputs"),
            ("%time train()", "leave it out: the run's card has the times"),
            ("%env A=1", "set variables in the magic's line: --env NAME=VALUE"),
            ("%traindock runs", "put it into a cell of its own"),
            ("%%bash", "a cell has one such line, its first"),
            ("x = %who_ls", "leave it out, or write it in Python"),
            ("train?", "leave it out"),
            ("?train", "leave it out, or write it in Python"),
        ],
    )
    def test_is_refused_with_its_line_and_what_to_do(self, line: str, advice: str) -> None:
        assert refused(f"import os\n{line}\n") == [(3, advice)]

    @pytest.mark.parametrize(
        ("line", "options"),
        [
            ("%conda install torch", "--conda torch"),
            ("%conda install -y pytorch 'numpy<2' -c pytorch --channel=nvidia", "--conda pytorch --conda 'numpy<2'"),
            ("!mamba install -n base pillow", "--conda pillow"),
            ("!pip install -r requirements.txt", "--requirements requirements.txt"),
            ("%pip install -qr 'my list.txt' six", "--pip six --requirements 'my list.txt'"),
            ("%pip install --requirement=a.txt -rb.txt", "--requirements FILE, with the lines -r a.txt, -r b.txt"),
            ("!pip install torch --index-url https://download.pytorch.org/whl/cpu", "--pip torch"),
            ("!pip install -i https://my.index/simple --no-deps -U six -c bounds.txt", "--pip six"),
            ("!pip --quiet install six", "--pip six"),
            ("%pip install six  # it's for Python 2, too", "--pip six"),
            ("!pip install six 'pillow[extra]' > /dev/null 2>&1", "--pip six --pip 'pillow[extra]'"),
            ("!pip install six | tail -1", "--pip six"),
            ("!pip install git+https://host/six#egg=six", "--pip 'git+https://host/six#egg=six'"),
            ("!pip install", "--pip PKG"),
            ("out = !pip install six", "--pip six"),
            ("!pip3 install six", "--pip six"),
            ("!{sys.executable} -m pip install six", "--pip six"),
            ('!"{sys.executable}" -m pip install six', "--pip six"),
            ("!python -m pip install six", "--pip six"),
            ("!/usr/bin/python3.11 -m pip install six", "--pip six"),
            ("!uv pip install six", "--pip six"),
            ("!uv add six", "--pip six"),
        ],
    )
    def test_that_installs_is_refused_with_the_options_that_ask_for_the_same(self, line: str, options: str) -> None:
        body = f"import sys\n{line}\n"
        assert refused(body) == [(3, f"ask for packages in the magic's line: {options}")]

    def test_all_of_them_are_told_at_once_with_the_notebooks_line_numbers(self) -> None:
        found = refused("x = '''\n!not\n'''\n!ls \\\n  -l \\\n  /\nif x:\n    %matplotlib inline\nprint?\n")
        assert [line for line, _ in found] == [5, 9, 10]

    @pytest.mark.parametrize(
        "body",
        [
            "x = '! % ?'\nprint('!ls', x)\n",
            'text = """\n!ls\n%matplotlib inline\nwhat?\n"""\n',
            "x = 7 \\\n  % 3\nx %= 2\nif x != 1: print(f'{x!r}')\n",
            "y = (5\n  % 3)\n# !ls\n#%matplotlib\n",
            "@property\ndef f(self): pass\n",
        ],
    )
    def test_python_that_only_looks_like_it_passes(self, body: str) -> None:
        cell_syntax.check(cell_script.numbered(body))


class TestPython:
    def test_an_empty_cell_is_refused(self) -> None:
        for body in ("", "\n \n", "# nothing but a remark\n"):
            with pytest.raises(UserErrorException, match="the cell is empty: below the line %%traindock comes the"):
                cell_syntax.check(cell_script.numbered(body))

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("x = 1\ny = = 2\n", "line 3: invalid syntax\n    y = = 2"),
            ("if True:\nx = 1\n", "line 3: expected an indented block"),
            ("return 1\n", "line 2: 'return' outside function"),
            ("x = 1\nawait f()\n", "line 3: 'await' outside function; only notebooks await outside of functions"),
            (
                "async with x: pass\n",
                "only notebooks await outside of functions: put it into one, and call asyncio.run",
            ),
            ("x = '\0'", "null bytes"),
        ],
    )
    def test_what_does_not_parse_is_told_with_its_line(self, body: str, told: str) -> None:
        with pytest.raises(
            UserErrorException, match=r"^the cell is no script that Python understands, and was not sent: "
        ) as caught:
            cell_syntax.check(cell_script.numbered(body))
        assert told in str(caught.value)


class TestLines:
    def test_the_cell_begins_in_the_second_line_as_in_the_notebook(self) -> None:
        lines = cell_script.numbered("first\nsecond\n").splitlines()
        assert lines[1:] == ["first", "second"]
        assert lines[0].startswith("#")

    def test_blank_lines_above_the_magic_count(self) -> None:
        above = cell_script.lines_above("\n  \n%%traindock --wait\nfirst\n")
        assert cell_script.numbered("first\n", above).splitlines().index("first") == 3

    def test_the_file_is_utf8_whatever_the_cell_says(self, tmp_path: Path) -> None:
        path = tmp_path / "cell.py"
        path.write_text(cell_script.numbered("# -*- coding: latin-1 -*-\nprint(ascii('é'))\n"), "utf-8")
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
        assert done.stdout == "'\\xe9'\n"


class TestImportsOfValues:
    @pytest.mark.parametrize(
        "body",
        [
            "print(x)\n",
            "\n\nfor _ in range(3):\n    print(x)\n",
            '"""What it does."""\nprint(x)\n',
            "from __future__ import annotations\nprint(x)\n",
            "from __future__ import annotations; print(x)\n",
            "from __future__ import annotations;\nprint(x)\n",
            "'''Été\nin two'''  # so\nfrom __future__ import (\n    annotations,\n    division,\n)  # so\nprint(x)\n",
            "'é'; print(x)\n",
            "'only a docstring'",
            "",
            "1\nfrom os import path\nprint(x)\n",
        ],
    )
    def test_come_before_all_else_without_another_line(self, body: str) -> None:
        source = cell_script.numbered(body)

        made = cell_script.with_values(source, ["x", "y"], "values")

        assert made.count("\n") == source.count("\n")
        compile(made, "cell.py", "exec")
        nodes = ast.parse(made).body
        rest = [node for node in nodes if not (isinstance(node, ast.ImportFrom) and node.module == "values")]
        assert [ast.dump(node) for node in rest] == [ast.dump(node) for node in ast.parse(source).body]
        assert [node.lineno for node in rest] == [node.lineno for node in ast.parse(source).body]
        assert ast.get_docstring(ast.parse(made)) == ast.get_docstring(ast.parse(source))

    def test_are_none_where_nothing_is_passed(self) -> None:
        source = cell_script.numbered("print(1)\n")
        assert cell_script.with_values(source, [], "values") == source


class TestNamesOfFiles:
    def test_are_free_in_the_folder(self, tmp_path: Path) -> None:
        assert cell_script.free_name("cell.py", None) == "cell.py"
        assert cell_script.free_name("cell.py", tmp_path) == "cell.py"
        (tmp_path / "cell.py").touch()
        (tmp_path / "cell_2").mkdir()
        (tmp_path / "cell_3.py").symlink_to("nowhere")
        assert cell_script.free_name("cell.py", tmp_path) == "cell_4.py"
