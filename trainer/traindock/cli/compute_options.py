"""Options for the settings of compute targets, made of what each kind's ``provisioning_configuration`` takes.

So the command line has the same settings as Python has, under the same names, with the same texts, checked by the
same code. What can be given several times has its option in the singular: ``--mount`` for ``mounts``.
"""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from traindock.cli import parsers

if TYPE_CHECKING:
    from traindock.compute_target import ComputeTarget

#: Before the name in what was parsed, so that no setting can be taken for anything else there.
_PREFIX: Final = "setting_"
_HEADING: Final = re.compile(r"^\w+:$", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"^(\w+): (.*(?:\n +.*)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind of compute target.

    Attributes:
        name: as in Python.
        kinds: the types that it may have, None apart.
        default: what it is where nobody says anything.
        text: what it means.
    """

    name: str
    kinds: tuple[Any, ...]
    default: Any
    text: str

    @property
    def repeated(self) -> bool:
        """Whether it has many values, each of which is given for itself."""
        return any(get_origin(kind) is not None for kind in self.kinds)

    @property
    def option(self) -> str:
        """Its option."""
        name = self.name.removesuffix("s") if self.repeated else self.name
        return f"--{name.replace('_', '-')}"

    def add_to(self, group: argparse._ArgumentGroup) -> None:
        """Add the option, without a default: what is not given is the business of the kind."""
        told: dict[str, Any] = {
            "dest": _PREFIX + self.name,
            "default": argparse.SUPPRESS,
            "help": self.text.replace("%", "%%"),
        }
        if bool in self.kinds:
            group.add_argument(self.option, action=argparse.BooleanOptionalAction, **told)
        elif any(get_origin(kind) is Mapping for kind in self.kinds):
            group.add_argument(self.option, action="append", type=parsers.assignment, metavar="K=V", **told)
        elif self.repeated:
            group.add_argument(self.option, action="append", metavar=self.option.strip("-").upper(), **told)
        else:
            number = int in self.kinds or float in self.kinds
            group.add_argument(self.option, metavar="N" if number and str not in self.kinds else "TEXT", **told)

    def value(self, given: Any) -> Any:
        """Return what was given as Python would have it; what cannot be so is left to the kind to refuse."""
        if isinstance(given, str):
            for kind in (int, float):
                if kind in self.kinds:
                    try:
                        return kind(given)
                    except ValueError:
                        continue
        if isinstance(given, list) and any(get_origin(kind) is Mapping for kind in self.kinds):
            return dict(given)
        return given


def settings_of(target_class: type[ComputeTarget]) -> dict[str, Setting]:
    """Return the settings of a kind of compute target, by name."""
    function = target_class.provisioning_configuration
    hints, texts = get_type_hints(function), _texts(inspect.getdoc(function) or "")
    return {
        name: Setting(
            name,
            tuple(kind for kind in get_args(hints[name]) or (hints[name],) if kind is not type(None))
            if get_origin(hints[name]) not in (Mapping, Iterable)
            else (hints[name],),
            parameter.default,
            texts.get(name, ""),
        )
        for name, parameter in inspect.signature(function).parameters.items()
    }


def all_settings() -> dict[str, Setting]:
    """Return the settings of all kinds; what several have is told in the words of the newest of them."""
    from traindock.compute_target import class_of, kinds

    found: dict[str, Setting] = {}
    for kind in reversed(kinds()):
        found = {**settings_of(class_of(kind)), **found}
    return found


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add an option for each setting there is."""
    group = parser.add_argument_group("settings")
    for setting in all_settings().values():
        setting.add_to(group)


def given_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives."""
    given = {name.removeprefix(_PREFIX): value for name, value in vars(args).items() if name.startswith(_PREFIX)}
    known = all_settings()
    return {name: known[name].value(value) for name, value in given.items()}


def _texts(documentation: str) -> dict[str, str]:
    """Return what a docstring says of each argument, as one line without its marks."""
    _, _, rest = documentation.partition("Args:\n")
    arguments = textwrap.dedent(_HEADING.split(rest)[0])
    return {name: " ".join(text.replace("``", "").split()) for name, text in _ARGUMENT.findall(arguments)}
