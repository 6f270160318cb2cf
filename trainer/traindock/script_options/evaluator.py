"""What expressions of a script come to, as far as that is known without executing anything."""

from __future__ import annotations

import ast
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Final

from traindock.script_options import values
from traindock.script_options.parsers import Group, Method, Parser, Subparsers, Super, Words
from traindock.script_options.values import (
    Class,
    DataMethod,
    Function,
    Instance,
    Pieces,
    Scope,
    Symbol,
    Unknown,
    is_known,
)
from traindock.script_options.walking import changed_in_place

_MOST_STEPS: Final = 300_000


class TooLongError(Exception):
    """The script takes more steps than are followed."""


class Evaluator(ABC):
    """Knows what expressions come to; what a call does is up to its subclass.

    Args:
        tree: the script.

    Attributes:
        context: the conditions and loops that are being followed, the outermost first.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.context: tuple[str, ...] = ()
        self._changed = changed_in_place(tree)
        self._attributes: dict[str, Any] = {}
        self._steps = 0

    @abstractmethod
    def call(self, node: ast.Call, scope: Scope) -> Any:
        """Follow a call, and return what it comes to."""

    def step(self) -> None:
        """Count a step.

        Raises:
            TooLongError: there were too many.
        """
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise TooLongError

    def value(self, node: ast.expr, scope: Scope) -> Any:
        """Return what an expression comes to."""
        self.step()
        look: Callable[..., Any] = self._LOOKS.get(type(node), Evaluator._of_other)
        return look(self, node, scope)

    @contextmanager
    def within(self, what: str, scope: Scope) -> Iterator[None]:
        """Follow what may be executed once, often or not at all; data that it binds are not known afterwards."""
        before, names = self.context, dict(scope.names)
        self.context = (*before, what)
        try:
            yield
        finally:
            self.context = before
            for name, value in scope.names.items():
                if value is not names.get(name) and (is_known(value) or isinstance(value, Pieces)):
                    data = name not in names or is_known(names[name])
                    scope.names[name] = Unknown(ast.Name(name)) if data else names[name]

    def bind(self, target: ast.expr, value: Any, scope: Scope) -> None:
        """Have a name, or what else may be assigned to, stand for a value."""
        if isinstance(target, ast.Name):
            changed = target.id in self._changed and isinstance(value, list | dict | set)
            scope.names[target.id] = Unknown(target) if changed else value
        elif isinstance(target, ast.Tuple | ast.List):
            several = isinstance(value, tuple | list) and len(value) == len(target.elts)
            for number, part in enumerate(target.elts):
                self.bind(part, value[number] if several else Unknown(part), scope)
        elif isinstance(target, ast.Starred):
            self.bind(target.value, Unknown(target.value), scope)
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value, scope)
            if isinstance(owner, Class):
                owner.scope.names[target.attr] = value
            elif not isinstance(owner, Parser):
                known = isinstance(value, Parser | Group | Subparsers | Method) or target.attr not in self._attributes
                self._attributes[target.attr] = value if known else Unknown(target)

    def _of_other(self, node: ast.expr, scope: Scope) -> Any:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child, scope)
        return Unknown(node)

    def _of_constant(self, node: ast.Constant, scope: Scope) -> Any:
        return node.value if is_known(node.value) else Unknown(node)

    def _of_name(self, node: ast.Name, scope: Scope) -> Any:
        return scope.get(node.id)

    def _of_lambda(self, node: ast.Lambda, scope: Scope) -> Any:
        return Function(node, scope)

    def _of_named(self, node: ast.NamedExpr, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        self.bind(node.target, value, scope)
        return value

    def _of_binary(self, node: ast.BinOp, scope: Scope) -> Any:
        return values.binary(node, self.value(node.left, scope), self.value(node.right, scope))

    def _of_unary(self, node: ast.UnaryOp, scope: Scope) -> Any:
        return values.unary(node, self.value(node.operand, scope))

    def _of_choice(self, node: ast.IfExp, scope: Scope) -> Any:
        test = self.value(node.test, scope)
        if is_known(test):
            return self.value(node.body if test else node.orelse, scope)
        with self.within(f"if {node.lineno}", scope):
            both = self.value(node.body, scope), self.value(node.orelse, scope)
        found = [one for one in both if isinstance(one, Parser | Group)]
        return found[0] if found else Unknown(node)

    def _of_text(self, node: ast.JoinedStr, scope: Scope) -> Any:
        parts = []
        for part in node.values:
            if not isinstance(part, ast.FormattedValue):
                parts.append(self.value(part, scope))
                continue
            value = self.value(part.value, scope)
            shown = part.conversion == -1 and part.format_spec is None and isinstance(value, str | int | float)
            parts.append(str(value) if shown else Unknown(part.value))
        return "".join(parts) if all(isinstance(part, str) for part in parts) else Pieces(tuple(parts))

    def _of_several(self, node: ast.List | ast.Tuple | ast.Set, scope: Scope) -> Any:
        found = self.all_values(node.elts, scope)
        if found is None:
            return Unknown(node)
        if isinstance(node, ast.Set):
            return set(found) if all(isinstance(one, str | int | float) for one in found) else Unknown(node)
        return found if isinstance(node, ast.List) else tuple(found)

    def _of_dict(self, node: ast.Dict, scope: Scope) -> Any:
        found: dict[Any, Any] = {}
        known = True
        for key, one in zip(node.keys, node.values, strict=True):
            value = self.value(one, scope)
            name = self.value(key, scope) if key is not None else None
            if key is None and isinstance(value, Mapping):
                found.update(value)
            elif key is not None and isinstance(name, str | int | float):
                found[name] = value
            else:
                known = False
        return found if known else Unknown(node)

    def all_values(self, nodes: Sequence[ast.expr], scope: Scope) -> list[Any] | None:
        """Return the values of a list, ``*`` included; None where it is not known how many these are."""
        found: list[Any] = []
        known = True
        for node in nodes:
            if isinstance(node, ast.Starred):
                several = self.value(node.value, scope)
                known = known and isinstance(several, list | tuple)
                found.extend(several if isinstance(several, list | tuple) else [])
            else:
                found.append(self.value(node, scope))
        return found if known else None

    def _of_subscript(self, node: ast.Subscript, scope: Scope) -> Any:
        value = self.value(node.value, scope)
        part = node.slice
        if isinstance(part, ast.Slice):
            bounds = [None if one is None else self.value(one, scope) for one in (part.lower, part.upper, part.step)]
            if value == Symbol("sys.argv") and isinstance(bounds[0], int) and bounds[1:] == [None, None]:
                return Words(bounds[0])
            fits = isinstance(value, str | list | tuple) and all(one is None or isinstance(one, int) for one in bounds)
            return values.bounded(node, lambda: value[slice(*bounds)]) if fits else Unknown(node)
        index = self.value(part, scope)
        if isinstance(value, str | list | tuple | dict) and isinstance(index, str | int):
            return values.bounded(node, operator.getitem, value, index)
        return Unknown(node)

    def _of_call(self, node: ast.Call, scope: Scope) -> Any:
        return self.call(node, scope)

    def _of_attribute(self, node: ast.Attribute, scope: Scope) -> Any:
        owner, name = self.value(node.value, scope), node.attr
        found: Any = None
        if isinstance(owner, Symbol):
            return values.constant(f"{owner.name}.{name}")
        if isinstance(owner, Parser):
            found = owner.kind.find(name) if owner.kind is not None else None
            return replace(found, bound=owner) if isinstance(found, Function) else Method(owner, name)
        if isinstance(owner, Super):
            return Method(owner.parser, name)
        if is_known(owner):
            return DataMethod(owner, name)
        if isinstance(owner, Group | Subparsers):
            return Method(owner, name)
        if isinstance(owner, Class):
            found = owner.find(name)
        elif isinstance(owner, Instance):
            found = self._attributes.get(name, owner.kind.find(name))
        elif isinstance(owner, Unknown):
            found = self._attributes.get(name)
        if isinstance(found, Function):
            return bound_to(found, owner)
        return found if found is not None else Unknown(node, getattr(owner, "origin", ""))

    _LOOKS: ClassVar[Mapping[type[ast.expr], Callable[..., Any]]] = {
        ast.Attribute: _of_attribute,
        ast.BinOp: _of_binary,
        ast.Call: _of_call,
        ast.Constant: _of_constant,
        ast.Dict: _of_dict,
        ast.IfExp: _of_choice,
        ast.JoinedStr: _of_text,
        ast.Lambda: _of_lambda,
        ast.List: _of_several,
        ast.Name: _of_name,
        ast.NamedExpr: _of_named,
        ast.Set: _of_several,
        ast.Subscript: _of_subscript,
        ast.Tuple: _of_several,
        ast.UnaryOp: _of_unary,
    }


def bound_to(function: Function, owner: Any) -> Function:
    """Return a function found on an object or a class, as a call of it would have it."""
    marks = {one.id for one in getattr(function.node, "decorator_list", ()) if isinstance(one, ast.Name)}
    if "staticmethod" in marks or (isinstance(owner, Class) and "classmethod" not in marks):
        return function
    return replace(function, bound=owner)
