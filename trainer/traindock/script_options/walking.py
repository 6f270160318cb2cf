"""What is found by a look at all of a script's syntax tree, in no order."""

from __future__ import annotations

import ast


def is_about_the_module(test: ast.expr) -> bool:
    """Whether a condition is ``__name__ == "__main__"`` or the like, which holds where the script is run."""
    names = {node.id if isinstance(node, ast.Name) else node.attr for node in ast.walk(test)
             if isinstance(node, ast.Name | ast.Attribute)}  # fmt: skip
    return bool(names & {"__name__", "TYPE_CHECKING"})


def functions_with(words: frozenset[str], tree: ast.Module) -> set[ast.AST]:
    """Return the functions that have one of these words in them, or the name of another such function."""
    nodes = list(ast.walk(tree))
    parents = {child: node for node in nodes for child in ast.iter_child_nodes(node)}
    by_word: dict[str, list[ast.AST]] = {}
    for node in nodes:
        word = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
        if word is not None:
            by_word.setdefault(word, []).append(node)
    found: set[ast.AST] = set()
    todo, seen = list(words), set(words)
    while todo:
        for node in by_word.get(todo.pop(), ()):
            inside: ast.AST | None = node
            while inside is not None:
                if isinstance(inside, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
                    if inside in found:
                        break
                    found.add(inside)
                    name = getattr(inside, "name", "")
                    if name not in ("", "__init__") and name not in seen:  # what makes objects is known by its class
                        seen.add(name)
                        todo.append(name)
                inside = parents.get(inside)
    return found


def changed_in_place(tree: ast.Module) -> set[str]:
    """Return the names of lists, dicts and sets that some line changes in place."""
    changed: set[str] = set()
    changing = ("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "update", "add", "discard",
                "setdefault", "popitem")  # fmt: skip
    for node in ast.walk(tree):
        owner: ast.AST | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in changing:
            owner = node.func.value
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            owner = node.value
        elif isinstance(node, ast.AugAssign):
            owner = node.target
        if isinstance(owner, ast.Name):
            changed.add(owner.id)
    return changed
