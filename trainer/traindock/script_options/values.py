"""Values that expressions of a script are known to have, without any of it being executed.

Texts, numbers, truth values and None are themselves; lists, tuples, sets and dicts hold such values. All else is one of
the classes here, or of :mod:`traindock.script_options.parsers`. Whatever computes is bounded: a script may say
``"x" * 10**10``.
"""

from __future__ import annotations

import ast
import math
import operator
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Longest text, and longest list, that is computed; largest exponent, and largest number of bits.
_MOST_LENGTH: Final = 10_000
_MOST_BITS: Final = 4_096
_MOST_SOURCE: Final = 200
#: Parts of a value: more than this no form could show.
_MOST_PARTS: Final = 20_000
#: What texts have where other values are put in.
_GAPS: Final = re.compile(r"%(?:\(\w*\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")
_BRACES: Final = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """What only an execution could tell.

    Attributes:
        node: the expression.
        origin: dotted name of the imported function that made it, or "".
    """

    node: ast.AST
    origin: str = ""

    @property
    def source(self) -> str:
        """The expression, as the script has it."""
        return source_of(self.node)


@dataclass(frozen=True, slots=True)
class Symbol:
    """Something imported or built in, by its dotted name, such as "argparse.ArgumentParser" or "builtins.int"."""

    name: str


@dataclass(slots=True)
class Scope:
    """Names of a module, a class or a call of a function.

    Attributes:
        names: what they stand for.
        parent: where other names are looked for; None for builtins alone.
        of_class: whether it is a class's, of which functions within see nothing.
    """

    names: dict[str, Any] = field(default_factory=dict)
    parent: Scope | None = None
    of_class: bool = False

    def get(self, name: str) -> Any:
        """Return what a name stands for; a name that nobody has bound is taken for a built-in one."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return Symbol(f"builtins.{name}")


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function that the script defines; ``bound`` is what its first parameter gets, if it was found on an object."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    bound: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class that the script defines."""

    node: ast.ClassDef
    scope: Scope
    bases: tuple[Any, ...]

    def find(self, name: str, depth: int = 0) -> Any:
        """Return what a name stands for in the class or its bases; None where there is none of it."""
        if name in self.scope.names:
            return self.scope.names[name]
        for base in self.bases if depth < 20 else ():
            if isinstance(base, Class) and (found := base.find(name, depth + 1)) is not None:
                return found
        return None

    def derives_from(self, names: frozenset[str], depth: int = 0) -> bool:
        """Whether one of its bases is a symbol of these names."""
        return depth < 20 and any(
            base.derives_from(names, depth + 1) if isinstance(base, Class) else getattr(base, "name", "") in names
            for base in self.bases
        )


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object of a class that the script defines."""

    kind: Class


@dataclass(frozen=True, slots=True, eq=False)
class DataMethod:
    """A method of known data."""

    owner: Any
    name: str


def source_of(node: ast.AST) -> str:
    """Return an expression as a script has it, on one line and cut where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _MOST_SOURCE else f"{text[:_MOST_SOURCE]}…"


def is_known(value: Any) -> bool:
    """Whether ``value`` is all plain data, and not so much of it that a form could not have it.

    Lists that hold the same list many times are as long as they look.
    """
    waiting: list[Any] = [value]
    count = 0
    while waiting:
        one = waiting.pop()
        if one is None or isinstance(one, str | int | float):
            continue
        if isinstance(one, Mapping):
            if not all(isinstance(name, str | int | float) for name in one):
                return False
            one = list(one.values())
        elif not isinstance(one, list | tuple | set):
            return False
        count += len(one)
        if count > _MOST_PARTS:
            return False
        waiting += one
    return True


def plain(value: Any) -> Any:
    """Return known data made of what JSON has."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, set):
        return sorted(map(plain, value), key=str)
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def text_of(value: Any) -> str:
    """Return a text of which parts may be computed: "…" stands for them."""
    if isinstance(value, Pieces):
        return "".join(map(text_of, value.parts))
    return str(value) if isinstance(value, str | int | float) else "…"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text of which some parts are not known."""

    parts: tuple[Any, ...]


# -- operators -----------------------------------------------------------------------------------------------


def _divided(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):  # paths, which are texts here
        return posixpath.join(left, right)
    return left / right


def _multiplied(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and (not isinstance(other, int) or len(one) * other > _MOST_LENGTH):
            raise ValueError("too long")
    return left * right


def _raised(left: Any, right: Any) -> Any:
    if isinstance(left, int) and left.bit_length() * abs(right) > _MOST_BITS:
        raise ValueError("too large")
    return left**right


def _shifted(left: Any, right: Any) -> Any:
    if right > _MOST_BITS:
        raise ValueError("too large")
    return left << right


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _multiplied,
    ast.Div: _divided,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _raised,
    ast.LShift: _shifted,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
}
_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


def binary(node: ast.BinOp, left: Any, right: Any) -> Any:
    """Return what an operator makes of two values."""
    if isinstance(node.op, ast.Add) and any(isinstance(one, str | Pieces) for one in (left, right)):
        if isinstance(left, str) and isinstance(right, str):
            return left + right if len(left) + len(right) <= _MOST_LENGTH else Unknown(node)
        return Pieces((left, right))
    if isinstance(node.op, ast.Mod) and isinstance(left, str):
        return Pieces((_GAPS.sub("…", left),))
    act = _BINARY.get(type(node.op))
    if act is None or not (is_known(left) and is_known(right)):
        return Unknown(node)
    return bounded(node, act, left, right)


def unary(node: ast.UnaryOp, value: Any) -> Any:
    """Return what an operator makes of a value."""
    return bounded(node, _UNARY[type(node.op)], value) if is_known(value) else Unknown(node)


def bounded(node: ast.AST, act: Callable[..., Any], *values: Any) -> Any:
    """Return what ``act`` makes of known values; unknown where it refuses, or where that is too large."""
    try:
        made = act(*values)
        large = isinstance(made, int) and made.bit_length() > _MOST_BITS
        large = large or (isinstance(made, str | list | tuple | set | dict) and len(made) > _MOST_LENGTH)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return Unknown(node)
    return Unknown(node) if large or isinstance(made, complex) else made


# -- functions that only compute -----------------------------------------------------------------------------


def _range(*values: Any) -> list[int]:
    found = range(*values)
    if len(found) > _MOST_LENGTH:
        raise ValueError("too long")
    return list(found)


def _keys(value: Any) -> list[Any]:
    return list(value)


_FUNCTIONS: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.str": str,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.bool": bool,
    "builtins.abs": abs,
    "builtins.len": len,
    "builtins.max": max,
    "builtins.min": min,
    "builtins.round": round,
    "builtins.sorted": sorted,
    "builtins.list": _keys,
    "builtins.tuple": _keys,
    "builtins.set": _keys,
    "builtins.frozenset": _keys,
    "builtins.range": _range,
    "os.path.join": posixpath.join,
    "pathlib.Path": posixpath.join,
    "pathlib.PurePath": posixpath.join,
}
_CONSTANTS: Final[Mapping[str, Any]] = {
    "math.inf": math.inf,
    "math.nan": math.nan,
    "math.pi": math.pi,
    "math.e": math.e,
    "numpy.inf": math.inf,
    "numpy.pi": math.pi,
    "numpy.nan": math.nan,
    "torch.inf": math.inf,
}
#: Methods of texts, lists and dicts that change nothing.
_METHODS: Final = frozenset({"keys", "values", "split", "lower", "upper", "strip", "join", "replace", "copy", "get"})


def constant(name: str) -> Any:
    """Return what a dotted name stands for: a number of a module's, else a symbol."""
    return _CONSTANTS.get(name, Symbol(name))


def call_symbol(node: ast.Call, symbol: Symbol, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Return what a function of Python's own makes of known values; unknown where it is any other."""
    if symbol.name == "builtins.dict" and all(isinstance(value, Mapping) for value in values):
        return {**(values[0] if values else {}), **named}
    act = _FUNCTIONS.get(symbol.name)
    if act is None or named or not values or not all(map(is_known, values)):
        return Unknown(node, origin=symbol.name)
    return bounded(node, act, *values)


def call_method(node: ast.Call, method: DataMethod, values: Sequence[Any]) -> Any:
    """Return what a method of known data makes of known values; unknown where it is any other."""
    value, name = method.owner, method.name
    if isinstance(value, str) and name == "format":
        return Pieces((_BRACES.sub("…", value),))
    owner: Any = dict if isinstance(value, Mapping) else type(value)
    if name not in _METHODS or owner not in (str, list, dict) or not all(map(is_known, values)):
        return Unknown(node)
    if name in ("join", "replace") and _length(value) * _length(values) > 100 * _MOST_LENGTH:
        return Unknown(node)
    made = bounded(node, getattr(owner, name, _refuse), value, *values)
    return list(made) if isinstance(made, type({}.keys()) | type({}.values())) else made


def _length(value: Any) -> int:
    """Return how many characters a text, or the texts of a list, have; at least one."""
    if isinstance(value, list | tuple):
        return 1 + sum(map(_length, value))
    return 1 + (len(value) if isinstance(value, str) else 0)


def _refuse(*_: Any) -> Any:
    raise TypeError("no such method")
