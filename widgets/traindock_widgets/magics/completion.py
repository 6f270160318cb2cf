"""Completion of the magics' lines: verbs, options, and what is in the workspace."""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

from traindock import workspace_finding
from traindock.errors import TraindockError
from traindock.model import Model
from traindock.store.index_queries import ORDERS, RunQuery, order_by
from traindock.workspace import Workspace
from traindock_widgets.magics import cell_options, grammar

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_RUNS: Final = 30
_LINE: Final = re.compile(r"\s*(%%?)traindock\s+")
#: The identifier of ours among the functions that IPython asks.
_IDENTIFIER: Final = "traindock"


def add_to(shell: InteractiveShell) -> None:
    """Have a shell complete the magics' lines; to do so twice changes nothing."""

    @context_matcher(identifier=_IDENTIFIER)  # type: ignore[untyped-decorator]
    def matcher(context: CompletionContext) -> dict[str, Any]:
        return _matches(context, [name for name in shell.user_ns if name not in shell.user_ns_hidden])

    remove_from(shell)
    shell.Completer.custom_matchers.append(matcher)


def remove_from(shell: InteractiveShell) -> None:
    """Undo :func:`add_to`."""
    matchers = shell.Completer.custom_matchers
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != _IDENTIFIER]


def _matches(context: CompletionContext, notebook: Sequence[str]) -> dict[str, Any]:
    line = context.text_until_cursor
    head = _LINE.match(line)
    if head is None:
        return {"completions": []}
    *words, word = re.split(r"\s+", line[head.end() :])
    try:
        found = list(dict.fromkeys(_candidates(words, word, notebook, is_cell=head[1] == "%%")))
    except (TraindockError, OSError):
        found = []  # what is wrong is told when the line is executed
    # IPython replaces its own token, which is only the end of a word such as "digits:3".
    cut = max(0, len(word) - len(context.token))
    completions = [SimpleCompletion(text[cut:], type="param") for text in found if text.startswith(word)]
    fragment = context.token[max(0, len(context.token) - len(word)) :]
    return {"completions": completions, "matched_fragment": fragment, "suppress": bool(completions), "ordered": True}


def _candidates(words: Sequence[str], word: str, notebook: Sequence[str], *, is_cell: bool) -> Iterator[str]:
    """Yield what the word at the cursor may become, as whole words.

    Args:
        words: those before it.
        word: what there is of it.
        notebook: names of the notebook's variables.
        is_cell: whether the line is a cell's.
    """
    parser = cell_options.parser() if is_cell else grammar.used_parser(words)
    options = {name: action for action in parser._actions for name in action.option_strings}
    name, equals, _ = word.partition("=")
    at = grammar.verb_at(words)
    if equals and name in options:
        yield from (f"{name}={value}" for value in _values(options[name], words, word, notebook))
    elif word.startswith("-"):
        yield from sorted(name for name in options if name.startswith("--"))
    elif words and (action := options.get(words[-1])) is not None and action.nargs != 0:
        yield from _values(action, words, word, notebook)
    elif not is_cell and at >= len(words):
        yield from (*(verb for verb, _, _ in grammar.VERBS), "help")
    elif not is_cell:
        yield from _positionals(grammar.meant(words[at]), words[at + 1 :], words)


def _values(action: argparse.Action, words: Sequence[str], word: str, notebook: Sequence[str]) -> Iterator[str]:
    """Yield what may follow an option."""
    if action.choices:
        yield from map(str, action.choices)
    elif action.dest == "workspace":
        yield from sorted(Workspace.list())
    elif action.dest in ("passed", "var"):
        done = word.rpartition(",")[0]
        names = [name for name in sorted(notebook) if not name.startswith("_") and name not in done.split(",")]
        yield from (f"{done},{name}" if done else name for name in names)
    elif (workspace := _workspace(words)) is not None:
        yield from _named(action.dest, workspace)


def _named(dest: str, workspace: Workspace) -> Iterator[str]:
    """Yield what of a workspace an option of this name takes."""
    if dest == "experiment":
        yield from sorted(workspace.index.hasty.experiments())
    elif dest == "compute":
        yield from sorted(workspace.compute_targets)
    elif dest in ("run_name", "before"):
        yield from _runs(workspace)
    elif dest in ("metric", "order"):
        names = workspace.index.hasty.metric_names()
        if dest == "order":
            yield from ORDERS
            names = [order_by(name) for name in names]
        yield from names
    elif dest in ("alias", "set_alias", "remove_alias", "roll_back"):
        yield from sorted({alias for model in Model.list(workspace) for alias in model.aliases})


def _positionals(verb: str, behind: Sequence[str], words: Sequence[str]) -> Iterator[str]:
    """Yield what a verb takes at this place.

    Args:
        verb: which.
        behind: the words behind it.
        words: all words of the line.
    """
    before = [one for one in behind if not one.startswith("-")]
    if verb == "help" and not before:
        yield from (each for each, _, _ in grammar.VERBS)
    if verb == "compute" and not before:
        yield from ("create", "show", "update", "delete")
    workspace = _workspace(words)
    if workspace is None:
        return
    takes_run = verb in ("show", "logs", "metrics", "register", "move") and not before
    if takes_run or verb in ("compare", "cancel", "delete"):
        yield from _runs(workspace)
    elif (verb == "register" and len(before) == 1) or (verb == "models" and not before):
        yield from sorted({model.name for model in Model.list(workspace, latest=True)})
    elif verb == "compute" and before:
        yield from sorted(workspace.compute_targets)


def _runs(workspace: Workspace) -> Iterator[str]:
    """Yield the newest runs, by the ways in which they may be named."""
    rows = workspace.index.hasty.runs(RunQuery(limit=_RUNS))
    yield "last"
    yield from (f"{row.experiment}:{row.number}" for row in rows)
    yield from (row.id for row in rows)


def _workspace(words: Sequence[str]) -> Workspace | None:
    """Return the workspace that a line means; None where there is none: to complete a line makes none."""
    named = ""
    for word, following in pairwise([*words, ""]):
        if word == "--workspace":
            named = following
        elif word.startswith("--workspace="):
            named = word.partition("=")[2]
    if named:
        with contextlib.suppress(TraindockError):
            return Workspace(Path(named).expanduser())
        root = workspace_finding.only(named)
    else:
        root = workspace_finding.present(Path.cwd())
    return None if root is None else Workspace(root)
