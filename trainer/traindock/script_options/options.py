"""What is known of a script's command line: plain values, enough to build one from a form, and to read one back.

How a form's values become arguments, by an option's ``action``:

- "store": the flag and the value as one word, ``--lr=-1``; ``--lr`` alone stands for ``const`` where ``nargs`` is "?".
  A list follows its flag word by word.
- "append": ``--tag=a --tag=b``. "extend": the flag, and all values behind it. "count": the flag so many times.
- "flag": ``on`` where the value is to be true, ``off`` where it is to be false, nothing where it is the default.
- Positional ones have no flags. They come first, in the order of the list. Where one of their words begins with ``-``
  they come last, after the word ``--``; so do those whose ``nargs`` is "..." or "A...", without it.

A value that equals a known default need not be said. Where ``type`` is "bool", and ``kind`` neither "flag" nor
"choice", the script calls ``bool`` on the text, for which only the empty one is false: true is said as ``True``, false
as an empty text. A list's words cannot begin with ``-``, unless they are negative numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

#: ``nargs`` that take all words that are left.
REST: Final = ("...", "A...")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, or one positional argument.

    Attributes:
        flags: how it is given, the long ones first; empty for a positional argument.
        dest: its name in the script.
        kind: "value", "flag", "choice", "list" or "positional": how a form shows it.
        action: "store", "flag", "append", "extend" or "count": how it is said, see above.
        type: "int", "float", "str" or "bool"; None where the script has a function of its own for it.
        type_source: that function, as the script has it; "" where there is none.
        default: made of what JSON has; None where there is none, or it is not known.
        default_source: the default as the script has it, where it is computed; else "".
        choices: what it may be; None where it may be anything, or that is not known.
        required: whether a command line has to have it.
        help: a sentence about it; "…" stands for what is computed.
        nargs: how many words it takes: a number, "?", "*", "+", "..." or "A...", None for one.
        const: what it is where its flag comes without a value.
        metavar: what its help calls the value, or None.
        group: title of its group, or "".
        on: the flag that makes it true, or ``const``; None where there is none.
        off: the flag that makes it false; None where there is none.
        line: where the script has it, from 1.
    """

    flags: tuple[str, ...]
    dest: str
    kind: str
    action: str = "store"
    type: str | None = "str"
    type_source: str = ""
    default: Any = None
    default_source: str = ""
    choices: tuple[Any, ...] | None = None
    required: bool = False
    help: str = ""
    nargs: str | int | None = None
    const: Any = None
    metavar: str | None = None
    group: str = ""
    on: str | None = None
    off: str | None = None
    line: int = 0

    @property
    def name(self) -> str:
        """What tells it from all others of its script, and what people call it."""
        return self.flags[0] if self.flags else self.dest

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Options of which a command line may have one.

    Attributes:
        names: of the options, see :attr:`Option.name`.
        required: whether it has to have one of them.
    """

    names: tuple[str, ...]
    required: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"names": list(self.names), "required": self.required}


@dataclass(frozen=True, slots=True)
class Command:
    """A sub-command: a word behind which options of its own are given.

    Attributes:
        name: the word; "…" where it is computed.
        options: what could be read of its options.
    """

    name: str
    options: tuple[Option, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"name": self.name, "options": [option.to_json() for option in self.options]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOptions:
    """What a script takes.

    Attributes:
        parsed: whether a command line made of ``options`` alone is one that the script accepts.
        why: where it may not be, the reason, in a sentence.
        options: in the order in which the script adds them.
        exclusive: which of them exclude each other.
        notes: what else to know, in sentences.
        commands: its sub-commands; with some of them ``parsed`` is False.
    """

    parsed: bool
    why: str = ""
    options: tuple[Option, ...] = ()
    exclusive: tuple[Exclusive, ...] = ()
    notes: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "parsed": self.parsed,
            "why": self.why,
            "options": [option.to_json() for option in self.options],
            "exclusive": [group.to_json() for group in self.exclusive],
            "notes": list(self.notes),
            "commands": [command.to_json() for command in self.commands],
        }
