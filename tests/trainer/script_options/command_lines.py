"""A command line from values by option, and back, by nothing but what is known of the options; and argparse itself."""

from __future__ import annotations

import argparse
import sys
import types
from collections.abc import Mapping
from typing import Any
from unittest.mock import MagicMock, patch

from traindock.script_options.options import REST, Option, ScriptOptions


def arguments_of(found: ScriptOptions, values: Mapping[str, Any]) -> list[str]:
    """Return the command line that says these values, which are by the names of the options."""
    words: list[str] = []
    first: list[str] = []
    rest: list[str] = []
    for option in found.options:
        if option.name not in values:
            continue
        value = values[option.name]
        several = [text(option, one) for one in (value if isinstance(value, list) else [value])]
        flag = option.flags[0] if option.flags else ""
        if option.kind == "positional":
            (rest if option.nargs in REST else first).extend(several)
        elif option.action == "flag":
            said = option.on if value else option.off
            words += [said] if said else []
        elif option.action == "count":
            words += [flag] * value
        elif option.action == "append" or option.kind != "list":
            words += [f"{flag}={one}" for one in several]
        else:
            words += [flag, *several]
    late = any(one.startswith("-") for one in first)
    return [*words, "--", *first, *rest] if late else [*first, *words, *rest]


def text(option: Option, value: Any) -> str:
    if option.type == "bool" and option.kind not in ("flag", "choice"):
        return "True" if value else ""
    return str(value)


def values_of(found: ScriptOptions, words: list[str]) -> dict[str, Any]:
    """Return what a command line says, by the names of the options, as texts."""
    by_flag = {flag: option for option in found.options for flag in option.flags}
    values: dict[str, Any] = {}
    left: list[str] = []
    words = list(words)
    while words:
        word = words.pop(0)
        flag, _, value = word.partition("=")
        option = by_flag.get(flag)
        if word == "--":
            left += words
            break
        if option is None:
            left.append(word)
        elif option.action == "flag":
            values[option.name] = word == option.on
        elif option.action == "count":
            values[option.name] = values.get(option.name, 0) + 1
        elif option.action == "append":
            values.setdefault(option.name, []).append(value)
        elif option.kind != "list":
            values[option.name] = value
        else:
            several: list[str] = []
            while words and words[0].partition("=")[0] not in by_flag and words[0] != "--":
                several.append(words.pop(0))
            values[option.name] = several
    places = [option for option in found.options if option.kind == "positional"]
    for number, option in enumerate(places):
        count = 1 if option.nargs in (None, "?") else len(left) - len(places[number + 1 :])
        taken, left = left[:count], left[count:]
        if taken:
            values[option.name] = taken[0] if option.nargs in (None, "?") else taken
    return values


def sample(option: Option) -> Any:
    """Return something that an option may be, and is not by default."""
    if option.action == "flag":
        return option.on is not None if option.default in (False, None) else option.off is None
    if option.action == "count":
        return 3
    if option.choices:
        one: Any = option.choices[0]
    else:
        one = {"int": -7, "float": -0.5, "str": "-some text=", "bool": True, None: "8"}[option.type]
    if option.kind == "list" and option.action != "append" and one == "-some text=":
        one = "some text"
    several = option.kind == "list" or (option.kind == "positional" and option.nargs not in (None, "?"))
    return [one] * (option.nargs if isinstance(option.nargs, int) else 2) if several else one


def parsed_by_argparse(script: str, words: list[str]) -> argparse.Namespace:
    """Execute a script with this command line, and return what argparse made of it at last.

    Raises:
        SystemExit: argparse refuses.
    """
    seen: list[argparse.Namespace] = []
    known, strict = argparse.ArgumentParser.parse_known_args, argparse.ArgumentParser.parse_args

    def parse_known_args(self: Any, *args: Any, **named: Any) -> Any:
        answer = known(self, *args, **named)
        seen.append(answer[0])
        return answer

    modules = {name: MagicMock() for name in ("torch", "torchvision", "timm", "yaml", "insect_data", "insect_models")}
    models = types.ModuleType("torchvision.models")
    models.resnet18 = lambda: None  # type: ignore[attr-defined]
    modules["torchvision"].models = models
    modules |= {"torch.nn": MagicMock(), "torch.utils": MagicMock(), "torch.utils.data": MagicMock()}
    modules["timm"].utils.ParseKwargs = argparse.Action
    with (
        patch.dict(sys.modules, {**modules, "torchvision.models": models}),
        patch.object(sys, "argv", ["script.py", *words]),
        patch.object(argparse.ArgumentParser, "parse_known_args", parse_known_args),
        patch("builtins.print"),
    ):
        assert strict is argparse.ArgumentParser.parse_args
        exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
    return seen[-1]
