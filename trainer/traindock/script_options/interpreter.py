"""Follows a script from its first line on as far as its parsers are concerned, and executes nothing of it.

Names, containers, conditions, calls of the script's own functions and methods are followed; all else is unknown. What
is not reached from the module's own lines is looked at afterwards, as if it were called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from traindock.script_options import values
from traindock.script_options.adding import READING, Called, make_parser, on_parser
from traindock.script_options.evaluator import Evaluator, bound_to
from traindock.script_options.parsers import Group, Method, Parser, Super
from traindock.script_options.values import Class, DataMethod, Function, Instance, Scope, Symbol, Unknown, is_known
from traindock.script_options.walking import functions_with, is_about_the_module

_PARSERS: Final = frozenset({"argparse.ArgumentParser"})
#: Functions that have one of these words in them, or call one that has, are followed.
_WORDS: Final = frozenset({
    "ArgumentParser", "add_argument", "add_argument_group", "add_mutually_exclusive_group", "add_subparsers",
    "set_defaults", *READING,
})  # fmt: skip
#: Functions of others that add nothing to a parser that they are given.
_HARMLESS: Final = frozenset({"argcomplete.autocomplete"}).union(
    f"builtins.{name}" for name in ("print", "vars", "isinstance", "type", "id", "repr", "str", "hasattr", "callable")
)
_MOST_CALLS: Final = 30


class Interpreter(Evaluator):
    """Follows one script.

    Args:
        tree: the script.

    Attributes:
        parsers: those that it makes, in order.
        faults: what keeps its command line from being known, in sentences.
        strangers: lines that add options to a parser that was not seen to be made.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.parsers: list[Parser] = []
        self.faults: list[str] = []
        self.strangers: list[int] = []
        super().__init__(tree)
        self._tree = tree
        self._module = Scope()
        self._followed = functions_with(_WORDS, tree)
        self._functions: list[Function] = []
        self._classes: dict[ast.AST, Class] = {}
        self._entered: set[ast.AST] = set()
        self._answers: dict[ast.AST, Any] = {}
        self._stack: list[ast.AST] = []
        self._returned: list[list[Any]] = []

    def follow(self) -> None:
        """Follow all of it.

        Raises:
            TooLongError: it takes too many steps.
            RecursionError: it is nested too deeply.
        """
        self._do(self._tree.body, self._module)
        called = {
            node.id if isinstance(node, ast.Name) else node.attr
            for function in self._functions
            if function.node in self._followed
            for node in ast.walk(function.node)
            if isinstance(node, ast.Name | ast.Attribute)
        }
        # Those first that nobody calls: they give those that they call what these expect.
        for function in sorted(self._functions, key=lambda one: getattr(one.node, "name", "") in called):
            if function.node in self._followed and function.node not in self._entered:
                kind = self._classes.get(function.node)
                of_parser = kind is not None and kind.derives_from(_PARSERS)
                self._enter(function if kind is None or of_parser else bound_to(function, Instance(kind)), [], {})

    def value_of(self, node: ast.expr) -> Any:
        """Return what an expression of the module comes to."""
        return self.value(node, self._module)

    # -- statements --------------------------------------------------------------------------------------------------

    def _do(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        for statement in body:
            self.step()
            self._ACTS.get(type(statement), Interpreter._do_other)(self, statement, scope)
            if isinstance(statement, ast.Return):
                return

    def _do_other(self, node: ast.AST, scope: Scope) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.value(child, scope)

    def _do_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
        home = scope.parent if scope.of_class and scope.parent is not None else scope
        made = Function(node, home)
        scope.names[node.name] = made
        self._functions.append(made)

    def _do_class(self, node: ast.ClassDef, scope: Scope) -> None:
        home = scope.parent if scope.of_class and scope.parent is not None else scope
        inside = Scope(parent=home, of_class=True)
        bases = tuple(self.value(base, scope) for base in node.bases)
        self._do(node.body, inside)
        made = Class(node, inside, bases)
        scope.names[node.name] = made
        self._classes.update({one.node: made for one in inside.names.values() if isinstance(one, Function)})

    def _do_import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            scope.names[alias.asname or root] = Symbol(alias.name if alias.asname else root)

    def _do_import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                if module == "argparse":
                    names = ("ArgumentParser", "SUPPRESS", "REMAINDER", "BooleanOptionalAction", "FileType")
                    scope.names.update({name: Symbol(f"argparse.{name}") for name in names})
                continue
            scope.names[alias.asname or alias.name] = values.constant(f"{module}.{alias.name}")

    def _do_assign(self, node: ast.Assign, scope: Scope) -> None:
        value = self.value(node.value, scope)
        for target in node.targets:
            self.bind(target, value, scope)

    def _do_annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        if node.value is not None:
            self.bind(node.target, self.value(node.value, scope), scope)

    def _do_changed(self, node: ast.AugAssign, scope: Scope) -> None:
        self.value(node.value, scope)
        self.bind(node.target, Unknown(node.target), scope)

    def _do_delete(self, node: ast.Delete, scope: Scope) -> None:
        for target in node.targets:
            self.bind(target, Unknown(target), scope)

    def _do_return(self, node: ast.Return, scope: Scope) -> None:
        if node.value is not None:
            value = self.value(node.value, scope)
            if self._returned:
                self._returned[-1].append(value)

    def _do_if(self, node: ast.If, scope: Scope) -> None:
        test = self.value(node.test, scope)
        if is_about_the_module(node.test):
            self._do(node.body, scope)
            self._do(node.orelse, scope)
        elif is_known(test):
            self._do(node.body if test else node.orelse, scope)
        else:
            with self.within(f"if {node.lineno}", scope):
                self._do(node.body, scope)
                self._do(node.orelse, scope)

    def _do_for(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self.value(node.iter, scope)
        self.bind(node.target, Unknown(node.target), scope)
        with self.within(f"loop {node.lineno}", scope):
            self._do(node.body, scope)
        self._do(node.orelse, scope)

    def _do_while(self, node: ast.While, scope: Scope) -> None:
        self.value(node.test, scope)
        with self.within(f"loop {node.lineno}", scope):
            self._do(node.body, scope)
        self._do(node.orelse, scope)

    def _do_with(self, node: ast.With | ast.AsyncWith, scope: Scope) -> None:
        for item in node.items:
            value = self.value(item.context_expr, scope)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, value, scope)
        self._do(node.body, scope)

    def _do_try(self, node: ast.Try, scope: Scope) -> None:
        self._do(node.body, scope)
        for handler in node.handlers:
            with self.within(f"if {handler.lineno}", scope):
                self._do(handler.body, scope)
        self._do(node.orelse, scope)
        self._do(node.finalbody, scope)

    def _do_match(self, node: ast.Match, scope: Scope) -> None:
        self.value(node.subject, scope)
        for case in node.cases:
            with self.within(f"if {node.lineno}", scope):
                self._do(case.body, scope)

    _ACTS: ClassVar[Mapping[type[ast.stmt], Callable[..., Any]]] = {
        ast.AnnAssign: _do_annotated,
        ast.Assign: _do_assign,
        ast.AsyncFor: _do_for,
        ast.AsyncFunctionDef: _do_function,
        ast.AsyncWith: _do_with,
        ast.AugAssign: _do_changed,
        ast.ClassDef: _do_class,
        ast.Delete: _do_delete,
        ast.For: _do_for,
        ast.FunctionDef: _do_function,
        ast.If: _do_if,
        ast.Import: _do_import,
        ast.ImportFrom: _do_import_from,
        ast.Match: _do_match,
        ast.Return: _do_return,
        ast.Try: _do_try,
        ast.TryStar: _do_try,
        ast.While: _do_while,
        ast.With: _do_with,
    }

    # -- calls -----------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, scope: Scope) -> Any:
        """Follow a call, and return what it comes to."""
        function = self.value(node.func, scope)
        called = self._called(node, scope)
        if isinstance(function, Method):
            return on_parser(function, called)
        if _makes_parser(function):
            return self._make_parser(function, called)
        parsers = [one for one in (*called.given, *called.named.values()) if isinstance(one, Parser | Group)]
        if isinstance(function, Function):
            wanted = function.node in self._followed or bool(parsers)
            return self._answer(function, called) if wanted else Unknown(node)
        if isinstance(function, Class):
            return self._make_instance(function, called)
        if isinstance(function, DataMethod):
            plain = not called.computed and not called.named
            return values.call_method(node, function, called.given) if plain else Unknown(node)
        if function == Symbol("builtins.super"):
            own = scope.get("self")
            return Super(own) if isinstance(own, Parser) else own if isinstance(own, Instance) else Unknown(node)
        if isinstance(function, Unknown) and isinstance(node.func, ast.Attribute):
            self._on_stranger(node.func, function)
        if parsers and getattr(function, "name", "") not in _HARMLESS:
            owner = parsers[0].parser if isinstance(parsers[0], Group) else parsers[0]
            what = values.source_of(node.func)
            owner.faults.append(f"line {node.lineno} hands the parser to {what}, which may add options")
            return parsers[0]
        if not isinstance(function, Symbol):
            return Unknown(node)
        if called.computed:
            return Unknown(node, function.name)
        return values.call_symbol(node, function, called.given, called.named)

    def _called(self, node: ast.Call, scope: Scope) -> Called:
        given = self.all_values(node.args, scope)
        named: dict[str, Any] = {}
        computed = given is None
        for keyword in node.keywords:
            value = self.value(keyword.value, scope)
            if keyword.arg is not None:
                named[keyword.arg] = value
            elif isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
                named.update(value)
            else:
                computed = True
        return Called(node, given or [], named, computed, self.context)

    def _make_parser(self, kind: Class | Symbol, called: Called) -> Parser:
        parser = make_parser(called)
        self.parsers.append(parser)
        if isinstance(kind, Class):
            parser.kind = kind
            start = kind.find("__init__")
            if isinstance(start, Function):
                self._answer(replace(start, bound=parser), called)
        return parser

    def _make_instance(self, kind: Class, called: Called) -> Instance:
        made = Instance(kind)
        start = kind.find("__init__")
        if isinstance(start, Function) and start.node in self._followed:
            self._answer(replace(start, bound=made), called)
        return made

    def _on_stranger(self, function: ast.Attribute, value: Unknown) -> None:
        """Note what is asked of a parser that was not seen to be made."""
        if function.attr in READING:
            whence = f"from {value.origin}" if value.origin else "from elsewhere"
            self.faults.append(f"the parser of line {function.lineno} comes {whence}, which is not read")
        elif function.attr == "add_argument":
            self.strangers.append(function.lineno)

    def _answer(self, function: Function, called: Called) -> Any:
        """Return what a call of one of the script's functions returns."""
        plain = not called.given and not called.named and function.bound is None
        if plain and function.node in self._answers:
            return self._answers[function.node]
        answers = [one for one in self._enter(function, called.given, called.named) if not isinstance(one, Unknown)]
        answer = next((one for one in answers if not is_known(one)), None)
        if answer is None:
            answer = answers[0] if len(answers) == 1 else Unknown(called.node)
        if plain:
            self._answers[function.node] = answer
        return answer

    def _enter(self, function: Function, given: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
        """Follow a function's body, and return what it returns."""
        node = function.node
        if node in self._stack or len(self._stack) >= _MOST_CALLS:
            return []
        self._entered.add(node)
        scope = Scope(parent=function.scope)
        parameters = node.args
        places = [*parameters.posonlyargs, *parameters.args]
        defaults = dict(zip([one.arg for one in reversed(places)], reversed(parameters.defaults), strict=False))
        defaults.update({one.arg: d for one, d in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True) if d})
        for one in (*places, *parameters.kwonlyargs):
            default = defaults.get(one.arg)
            unknown = Unknown(ast.Name(one.arg))
            scope.names[one.arg] = unknown if default is None else self.value(default, function.scope)
        for extra in (parameters.vararg, parameters.kwarg):
            if extra is not None:
                scope.names[extra.arg] = Unknown(ast.Name(extra.arg))
        handed = given if function.bound is None else [function.bound, *given]
        scope.names.update(zip([one.arg for one in places], handed, strict=False))
        scope.names.update({name: value for name, value in named.items() if name in scope.names})
        self._stack.append(node)
        self._returned.append([])
        try:
            if isinstance(node, ast.Lambda):
                self._returned[-1].append(self.value(node.body, scope))
            else:
                self._do(node.body, scope)
        finally:
            self._stack.pop()
            returned = self._returned.pop()
        return returned


def _makes_parser(called: Any) -> bool:
    if isinstance(called, Class):
        return called.derives_from(_PARSERS)
    return isinstance(called, Symbol) and called.name in _PARSERS
