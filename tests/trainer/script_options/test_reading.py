"""What is read of scripts of many kinds, what of those that cannot be read, and of files that are no scripts."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from tests.trainer.script_options.command_lines import arguments_of, parsed_by_argparse

from traindock.errors import ScriptFileException
from traindock.script_options.options import Option, ScriptOptions
from traindock.script_options.reading import MOST_BYTES, options_of, read_script

PARSER = "import argparse, os\nparser = argparse.ArgumentParser()\n"


def of(text: str) -> ScriptOptions:
    return options_of(dedent(text).encode())


def one(call: str, before: str = "") -> Option:
    """Return the only option of a script with this call of ``add_argument``."""
    found = options_of(f"{before}\n{PARSER}parser.add_argument({call})\nparser.parse_args()\n".encode())
    assert (found.parsed, found.why, len(found.options)) == (True, "", 1)
    return found.options[0]


class TestDefaults:
    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("0.1", 0.1),
            ("-1", -1),
            ("1e-3 * 2", 0.002),
            ("2 ** 10 - 24", 1000),
            ("(1 + 2) // 2", 1),
            ("not True", False),
            ("'a' 'b' + 'c'", "abc"),
            ("'-' * 3", "---"),
            ("[1, *(2, 3)]", [1, 2, 3]),
            ("{'a': [1]}", {"a": [1]}),
            ("LR / 10", 0.05),
            ("SIZES[-1]", 32),
            ("SIZES[:1]", [16]),
            ("Config.epochs", 7),
            ("os.path.join('data', 'train')", "data/train"),
            ("float('inf')", float("inf")),
            ("len(SIZES)", 2),
            ("f'run-{SIZES[0]}'", "run-16"),
            ("'a,b'.split(',')", ["a", "b"]),
            ("None", None),
        ],
    )  # fmt: skip
    def test_of_constants(self, expression: str, value: Any) -> None:
        before = "import os\nLR = 0.5\nSIZES = (16, 32)\nclass Config:\n    epochs = 3 + 4"

        option = one(f"'--x', default={expression}", before)

        assert (option.default, option.default_source) == (value, "")

    @pytest.mark.parametrize(
        ("expression", "source"),
        [
            ("os.environ.get('DATA', '.')", "os.environ.get('DATA', '.')"),
            ("torch.cuda.device_count()", "torch.cuda.device_count()"),
            ("'cuda' if torch.cuda.is_available() else 'cpu'", "'cuda' if torch.cuda.is_available() else 'cpu'"),
            ("changed", "changed"),
            ("LIST", "LIST"),
            ("other.DATA", "other.DATA"),
            ("10 ** 10 ** 10", "10 ** 10 ** 10"),
            ("'x' * 10 ** 10", "'x' * 10 ** 10"),
            ("1 << 10 ** 10", "1 << 10 ** 10"),
            ("1 / 0", "1 / 0"),
        ],
    )
    def test_that_are_computed_are_told_as_the_script_has_them(self, expression: str, source: str) -> None:
        before = "import os, torch, other\nchanged = 1\nif os.sep: changed = 2\nLIST = []\nLIST.append(1)"

        option = one(f"'--x', default={expression}", before)

        assert (option.default, option.default_source) == (None, source)

    def test_are_changed_by_set_defaults_before_and_after(self) -> None:
        found = of("""
            from argparse import ArgumentParser
            parser = ArgumentParser(argument_default=0)
            parser.set_defaults(early=1, unused=5)
            parser.add_argument("--early")
            parser.add_argument("--late", default=3)
            parser.add_argument("--none")
            parser.set_defaults(late=2)
            parser.parse_args()
        """)

        assert [option.default for option in found.options] == [1, 2, 0]


class TestOptions:
    @pytest.mark.parametrize(
        ("call", "kind", "type_name", "source"),
        [
            ("'--x', type=int", "value", "int", ""),
            ("'--x', type=float", "value", "float", ""),
            ("'--x', type=str", "value", "str", ""),
            ("'--x', type=bool", "value", "bool", ""),
            ("'--x', type=pathlib.Path", "value", "str", "pathlib.Path"),
            ("'--x', type=lambda text: text", "value", None, "lambda"),
            ("'--x', type=own", "value", None, "own"),
            ("'--x', type=functools.partial(own, 1)", "value", None, "functools.partial(own, 1)"),
            ("'--x', type=int, nargs=2", "list", "int", ""),
            ("'--x', choices=['a', 'b']", "choice", "str", ""),
            ("'--x', type=int, choices=range(2)", "choice", "int", ""),
            ("'x', nargs='*'", "positional", "str", ""),
            ("'--x', action='store_true'", "flag", "bool", ""),
            ("'--x', action='count'", "value", "int", ""),
            ("'--x', action='append', type=int", "list", "int", ""),
        ],
    )
    def test_kind_and_type(self, call: str, kind: str, type_name: str | None, source: str) -> None:
        option = one(call, "import pathlib, functools\ndef own(text): return text")

        assert (option.kind, option.type, option.type_source) == (kind, type_name, source)

    def test_names_of_all_kinds(self) -> None:
        found = of("""
            import argparse
            p = argparse.ArgumentParser(prefix_chars="-+")
            p.add_argument("-l", "--learning-rate")
            p.add_argument("-q")
            p.add_argument("+w", dest="words")
            p.add_argument("data")
            p.parse_args()
        """)

        assert [(option.flags, option.dest) for option in found.options] == [
            (("--learning-rate", "-l"), "learning_rate"), (("-q",), "q"), (("+w",), "words"), ((), "data"),
        ]  # fmt: skip

    def test_a_help_text_is_filled_in(self) -> None:
        option = one(
            "'--x', type=int, default=3, help='of %(type)s,\\n  100%% of %(default)s %(gone)s %(default)9999999s'"
        )

        assert option.help == "of int, 100% of 3 %(gone)s 3"

    def test_what_the_script_hides_is_hidden(self) -> None:
        found = of(f"{PARSER}parser.add_argument('--x', help=argparse.SUPPRESS)\nparser.parse_args()")

        assert (found.parsed, found.options, found.notes) == (True, (), ("--x (line 3): the script hides it.",))

    def test_help_and_version_are_none(self) -> None:
        found = of(f"{PARSER}parser.add_argument('--version', action='version', version='1')\nparser.parse_args()")

        assert (found.parsed, found.options) == (True, ())

    def test_an_action_of_the_scripts_own(self) -> None:
        before = "import argparse\nclass Pairs(argparse.Action):\n    def __call__(self, *args): pass"

        option = one("'--x', action=Pairs, nargs='+'", before)

        assert (option.kind, option.type, option.type_source) == ("list", None, "Pairs")

    def test_under_a_condition_is_told(self) -> None:
        found = of(
            f"{PARSER}if os.name:\n    parser.add_argument('--x')\nelse:\n    parser.add_argument('--x')\n"
            "parser.parse_args()"
        )

        assert found.parsed
        assert [option.name for option in found.options] == ["--x"]
        assert found.notes == ("--x (line 4) is only there under a condition.",)


class TestParsers:
    @pytest.mark.parametrize(
        "text",
        [
            "import argparse as a\nfrom sys import argv\np = a.ArgumentParser()\np.add_argument('--x')\n"
            "p.parse_args(argv[1:])",
            "from argparse import *\np = ArgumentParser()\np.add_argument('--x')\np.parse_args()",
            "import argparse\n(p := argparse.ArgumentParser()).add_argument('--x')\nvars(p.parse_args())",
            "import argparse\ndef get():\n    p = argparse.ArgumentParser()\n    p.add_argument('--x')\n    return p\n"
            "def main(args): pass\nif __name__ == '__main__':\n    main(get().parse_args())",
            "import argparse\nclass Trainer:\n    def __init__(self):\n        self.parser = argparse.ArgumentParser()"
            "\n"
            "        self.extend()\n    def extend(self):\n        self.parser.add_argument('--x')\n"
            "    def run(self):\n        self.parser.parse_args()\nTrainer().run()",
            "import argparse\nclass Parser(argparse.ArgumentParser):\n    def __init__(self):\n"
            "        super().__init__()\n        self.add_argument('--x')\nParser().parse_args()",
            "import argparse\nclass Net:\n    @staticmethod\n    def add(parent):\n"
            "        p = argparse.ArgumentParser(parents=[parent], add_help=False)\n        p.add_argument('--x')\n"
            "        return p\np = argparse.ArgumentParser()\np = Net.add(p)\np.parse_args()",
            "import argparse\ntry:\n    import torch\nexcept ImportError:\n    torch = None\n"
            "with open('x'):\n    p = argparse.ArgumentParser()\n    try:\n        p.add_argument('--x')\n"
            "    finally:\n        p.parse_args()",
            "import argparse\nimport record\n@record\ndef main():\n    p = argparse.ArgumentParser()\n"
            "    p.add_argument('--x')\n    p.parse_known_args()\nlaunch(main)",
            "import argparse\nCOMMON = dict(type=str)\np = argparse.ArgumentParser()\n"
            "p.add_argument(*['--x'], **COMMON)\nargs = p.parse_args()",
            "import argparse\ndef parse(argv=None):\n    p = argparse.ArgumentParser()\n    p.add_argument('--x')\n"
            "    return p.parse_args(argv)\nasync def main():\n    parse()",
        ],
    )  # fmt: skip
    def test_made_in_many_ways(self, text: str) -> None:
        found = options_of(text.encode())

        assert (found.parsed, found.why, found.notes) == (True, "", ())
        assert [option.name for option in found.options] == ["--x"]

    def test_two_of_which_one_takes_what_the_other_leaves(self) -> None:
        script = dedent("""
            import argparse
            first = argparse.ArgumentParser(add_help=False)
            first.add_argument('--config', required=True)
            known, rest = first.parse_known_args()
            second = argparse.ArgumentParser()
            second.add_argument('--lr', type=float)
            second.parse_args(rest)
        """)
        found = of(script)

        assert [option.name for option in found.options] == ["--config", "--lr"]
        words = arguments_of(found, {"--config": "a.yaml", "--lr": 0.5})
        assert parsed_by_argparse(script, words).lr == 0.5

    def test_of_one_that_reads_the_command_line_anew_only_its_own_are_shown(self) -> None:
        found = of("""
            import argparse
            first = argparse.ArgumentParser(add_help=False)
            first.add_argument('--debug', action='store_true')
            first.parse_known_args()
            second = argparse.ArgumentParser()
            second.add_argument('--lr', type=float)
            second.parse_args()
        """)

        assert [option.name for option in found.options] == ["--lr"]

    def test_a_script_without_any_takes_nothing(self) -> None:
        assert of("import torch\nprint('training')") == ScriptOptions(parsed=True)


class TestWhatIsNotParsedSaysWhy:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("for name in NAMES:\n    parser.add_argument('--' + name)\nparser.parse_args()",
             "Options are added in a loop, in line 4."),
            ("parser.add_argument('--' + os.name)\nparser.parse_args()",
             "An option (line 3): the name of an option is computed."),
            ("parser.add_argument('--x', required=os.name == 'nt')\nparser.parse_args()",
             "--x (line 3): whether it has to be given is computed."),
            ("parser.add_argument('--x', **options())\nparser.parse_args()",
             "--x (line 3): what it takes is computed."),
            ("if os.name:\n    parser.add_argument('--x', required=True)\nparser.parse_args()",
             "--x (line 4) has to be given, but under a condition."),
            ("parser.add_argument('--x')\nparser.add_argument('--x')\nparser.parse_args()",
             "--x (line 4): it is added twice."),
            ("s = parser.add_subparsers()\nt = s.add_parser('train')\nt.add_argument('--lr')\nparser.parse_args()",
             "It has sub-commands (train), each with options of its own."),
            ("import deepspeed\nparser = deepspeed.add_config_arguments(parser)\nparser.parse_args()",
             "Line 4 hands the parser to deepspeed.add_config_arguments, which may add options."),
            ("parser.parse_args(['--x', '1'])",
             "Line 3 parses a list of the script's own in place of the command line."),
            ("import sys\nparser.parse_args(sys.argv[2:])", "Line 4 reads the command line from its word 2 on."),
            ("parser.add_argument('--x')",
             "It makes a parser, but no line was found that reads the command line with it."),
            ("other = argparse.ArgumentParser()\nother.parse_args()\nparser.parse_args()",
             "Its parsers of the lines 2 and 3 each read the command line."),
            ("from options import base\np = argparse.ArgumentParser(parents=[base])\np.parse_args()",
             "A parent of the parser in line 4 comes from elsewhere."),
        ],
    )  # fmt: skip
    def test_argparse(self, text: str, why: str) -> None:
        found = options_of((PARSER + text).encode())

        assert (found.parsed, found.why) == (False, why)

    @pytest.mark.parametrize(
        ("text", "named"),
        [
            ("import click\n@click.command()\n@click.option('--lr')\ndef main(lr): pass\nmain()", "click"),
            ("import typer\ndef main(lr: float): pass\ntyper.run(main)", "typer"),
            ("from absl import app, flags\nflags.DEFINE_float('lr', 0.1, '')\napp.run(print)", "absl"),
            ("import fire\nfire.Fire(print)", "Fire"),
            ("import hydra\n@hydra.main(config_path='conf')\ndef main(cfg): pass\nmain()", "Hydra"),
            ("from transformers import HfArgumentParser\np = HfArgumentParser(A)\np.parse_args_into_dataclasses()",
             "HfArgumentParser"),
            ("from lightning.pytorch.cli import LightningCLI\nLightningCLI(A)", "LightningCLI"),
            ("from tap import Tap\nclass Args(Tap):\n    lr: float\nArgs().parse_args()", "Tap"),
            ("from docopt import docopt\nargs = docopt(__doc__)", "docopt"),
            ("from utils.options import get_args\nargs = get_args()", "line 2 calls utils.options.get_args"),
            ("from opts import parser\nargs = parser.parse_args()", "line 2 calls opts.parser.parse_args"),
            ("from opts import make\nargs = make().parse_args()", "the parser of line 2 comes from opts.make"),
            ("def add(parser):\n    parser.add_argument('--lr')", "line 2 adds options to a parser"),
            ("import sys\nlr = float(sys.argv[1])", "line 2 reads sys.argv itself"),
        ],
    )  # fmt: skip
    def test_other_ways(self, text: str, named: str) -> None:
        found = options_of(text.encode())

        assert not found.parsed
        assert named.lower() in found.why.lower()

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            (b"x = 1\nif:\n", "Line 2 is no Python that this server reads: invalid syntax."),
            (b"print 'hello'\n", "Line 1 is no Python that this server reads"),
            (b"# coding: nonsense\n", "unknown encoding"),
            (b"x = '\xff'\n", "no Python that this server reads"),
            (b"x = " + b"-" * 200_000 + b"1", "nested"),
            (b"x = " + b"1+" * 20_000 + b"1\n", "nested too deeply"),
        ],
    )  # fmt: skip
    def test_what_is_no_python(self, content: bytes, why: str) -> None:
        found = options_of(content)

        assert not found.parsed
        assert why in found.why

    def test_what_could_be_read_is_there(self) -> None:
        found = of(
            f"{PARSER}parser.add_argument('--lr')\nfor n in os.sep:\n    parser.add_argument(n)\nparser.parse_args()"
        )

        assert [option.name for option in found.options] == ["--lr"]


class TestMuch:
    def test_a_default_of_more_values_than_there_are_characters_is_not_known(self) -> None:
        lists = "a = [0] * 10_000\nb = [a] * 10_000\nc = [b] * 10_000\nd = [c] * 10_000"

        assert one("'--sizes', default=d", lists).default_source == "[c] * 10000"


class TestFiles:
    def test_encodings_and_byte_order_marks(self, tmp_path: Path) -> None:
        text = f"{PARSER}parser.add_argument('--x', help='Größe')\nparser.parse_args()\n"
        for name, content in (
            ("latin.py", f"# -*- coding: latin-1 -*-\n{text}".encode("latin-1")),
            ("mark.py", text.encode("utf-8-sig")),
            ("windows.py", text.replace("\n", "\r\n").encode()),
        ):
            (tmp_path / name).write_bytes(content)
            assert [option.help for option in read_script(tmp_path / name).options] == ["Größe"]

    def test_nothing_is_executed(self, tmp_path: Path) -> None:
        (tmp_path / "train.py").write_text(
            f"open({str(tmp_path / 'trace')!r}, 'w')\nimport gone\n{PARSER}parser.parse_args()"
        )

        assert read_script(tmp_path / "train.py").parsed
        assert not (tmp_path / "trace").exists()

    def test_notebooks_have_none(self, tmp_path: Path) -> None:
        (tmp_path / "nb.ipynb").write_text('{"cells": [], "nbformat": 4}')
        (tmp_path / "old.ipynb").write_text('{"worksheets": []}')

        assert read_script(tmp_path / "nb.ipynb") == ScriptOptions(parsed=True)
        assert "format 4" in read_script(tmp_path / "old.ipynb").why

    def test_that_are_no_scripts_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "folder.py").mkdir()
        os.mkfifo(tmp_path / "pipe.py")
        (tmp_path / "binary.py").write_bytes(b"\x7fELF\0\0")
        (tmp_path / "large.py").write_bytes(b"#" * (MOST_BYTES + 1))
        for name, told in (
            ("gone.py", "there is no file 'gone.py'"),
            ("folder.py", "'folder.py' is a folder"),
            ("pipe.py", "is no regular file"),
            ("binary.py", "is a binary file"),
            ("large.py", "more than 1,000,000 bytes"),
            (f"{'x' * 300}.py", "there is no file"),
            ("pipe.py/x", "there is no file"),
        ):
            with pytest.raises(ScriptFileException, match=told):
                read_script(tmp_path / name)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_that_may_not_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "closed.py").touch(0)

        with pytest.raises(ScriptFileException, match="cannot be read: Permission denied"):
            read_script(tmp_path / "closed.py")


def test_a_script_is_followed_again_only_where_it_has_changed(tmp_path: Path) -> None:
    script, text = tmp_path / "train.py", PARSER + "parser.add_argument('--lr')\nparser.parse_args()\n"
    script.write_text(text)
    found = read_script(script)
    script.write_text(text)
    assert read_script(script) is found

    script.write_text(text.replace("--lr", "--rate"))
    assert [option.name for option in read_script(script).options] == ["--rate"]


def test_sub_commands_are_told_with_their_options() -> None:
    text = (
        "parser.add_argument('--seed')\ncommands = parser.add_subparsers()\n"
        "train = commands.add_parser('train')\ntrain.add_argument('data')\ntrain.add_argument('--lr', type=float)\n"
        "commands.add_parser('test').add_argument('--fast', action='store_true')\nparser.parse_args()"
    )
    found = options_of((PARSER + text).encode())

    assert [option.name for option in found.options] == ["--seed"]
    assert [(one.name, [option.name for option in one.options]) for one in found.commands] == [
        ("train", ["data", "--lr"]),
        ("test", ["--fast"]),
    ]
