"""Scripts made at random: a command line made of what is read of one is understood by argparse as it was meant."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.trainer.script_options.command_lines import arguments_of, values_of

from traindock.script_options.options import Option, ScriptOptions
from traindock.script_options.reading import options_of

TEXTS = st.text(st.characters(codec="ascii", exclude_characters="\0\n\r"), max_size=8)
WORDS = st.text("abc-=. 1", min_size=1, max_size=6)
NUMBERS = st.integers(-99, 99)
FLOATS = st.floats(-99, 99).map(lambda number: round(number, 3))
VALUES = {"int": NUMBERS, "float": FLOATS, "str": TEXTS}


@st.composite
def calls(draw: st.DrawFn, number: int) -> str:
    """Return a call of ``add_argument``."""
    name = f"option-{number}" if draw(st.booleans()) else f"o{number}"
    flags = draw(st.sampled_from([[f"--{name}"], [f"-{name}"], [f"--{name}", f"-{'abcdefgh'[number]}"]]))
    given: dict[str, Any] = {}
    kind = draw(st.sampled_from(["value", "choice", "list", "flag", "no", "both", "const", "count", "append", "place"]))
    type_name = draw(st.sampled_from(["int", "float", "str"]))
    if kind in ("value", "choice", "list", "append", "place"):
        given["type"] = type_name
    if kind == "choice":
        given["choices"] = draw(st.lists(VALUES[type_name], min_size=1, max_size=3, unique=True))
    if kind == "list":
        given["nargs"] = draw(st.sampled_from([1, 2, "+", "*"]))
    if kind == "place":
        given["nargs"] = draw(st.sampled_from([None, 1, 2]))
        return f"parser.add_argument('place{number}', {written(given)})"
    if kind in ("flag", "no", "count", "append"):
        given["action"] = {"flag": "store_true", "no": "store_false"}.get(kind, kind)
    if kind == "both":
        flags = [f"--{name}"]
        given["action"] = argparse.BooleanOptionalAction
    if kind == "const":
        given |= {"action": "store_const", "const": draw(NUMBERS)}
    if kind in ("value", "choice") and draw(st.booleans()):
        given["default"] = draw(VALUES[type_name])
    if kind in ("value", "choice", "list", "append") and draw(st.booleans()):
        given["required"] = True
    if draw(st.booleans()):
        given["dest"] = f"dest_{number}"
    return f"parser.add_argument({', '.join(map(repr, flags))}, {written(given)})"


def written(given: dict[str, Any]) -> str:
    plain = {
        "type": str,
        "action": lambda action: "argparse.BooleanOptionalAction" if callable(action) else repr(action),
    }
    return ", ".join(f"{name}={plain.get(name, repr)(value)}" for name, value in given.items() if value is not None)


SCRIPTS = st.integers(1, 6).flatmap(lambda count: st.tuples(*(calls(number) for number in range(count))))


@st.composite
def filled(draw: st.DrawFn, option: Option) -> Any:
    """Return a value for an option."""
    if option.action == "flag":
        return draw(st.sampled_from([value for value, flag in ((True, option.on), (False, option.off)) if flag]))
    if option.action == "count":
        return draw(st.integers(1, 3))
    one: st.SearchStrategy[Any] = VALUES[option.type or "str"]
    if option.choices:
        one = st.sampled_from(option.choices)
    elif option.kind == "list" and option.action == "store" and option.type == "str":
        one = WORDS.filter(lambda word: not word.startswith("-"))
    if option.kind != "list" and not (option.kind == "positional" and option.nargs is not None):
        return draw(one)
    least, most = (option.nargs, option.nargs) if isinstance(option.nargs, int) else (1, 3)
    return draw(st.lists(one, min_size=least, max_size=most))


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(lines=SCRIPTS, data=st.data())
def test_values_arrive_as_they_were_filled_in(lines: tuple[str, ...], data: st.DataObject) -> None:
    script = "\n".join(["import argparse", "parser = argparse.ArgumentParser()", *lines])
    found = options_of(f"{script}\nparser.parse_args()".encode())
    assert (found.parsed, found.why, found.notes) == (True, "", ())
    chosen = [option for option in found.options if option.required or data.draw(st.booleans())]
    values = {option.name: data.draw(filled(option)) for option in chosen}
    words = arguments_of(found, values)

    result = vars(parser_of(script).parse_args(words))

    for option in found.options:
        meant = values.get(option.name, option.default)
        if option.action == "flag" and option.const is not None and option.name in values:
            meant = option.const
        assert result[option.dest] == meant, (words, option)
    check_said_again(found, words, values)


def check_said_again(found: ScriptOptions, words: list[str], values: dict[str, Any]) -> None:
    read = values_of(found, words)
    assert arguments_of(found, read) == words
    assert read.keys() == values.keys()


def parser_of(script: str) -> argparse.ArgumentParser:
    space: dict[str, Any] = {}
    exec(script, space)
    parser = space["parser"]
    assert isinstance(parser, argparse.ArgumentParser)
    return parser
