"""``traindock show``."""

from __future__ import annotations

import argparse
import os
import shlex
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from traindock.cli import parsers
from traindock.cli.finding import command, find_run, look_after, open_workspace
from traindock.cli.output import emit, say
from traindock.cli.text import Column, clean, duration, moment, number, pairs, screen_width, size, table
from traindock.compute.node_shapes import memory_text
from traindock.documents import file_sizes, run_document, seconds_of, summaries
from traindock.run_details import brief_detail
from traindock.states import State

if TYPE_CHECKING:
    from traindock.run import Run
    from traindock.store.run_records import RunRecord

_METRICS = 20
_FILES = 40


def configure(parser: parsers.Parser) -> None:
    """Say what ``traindock show`` understands."""
    parser.teach(
        "Show everything about a run: how its states followed each other and why, what it was asked to do, the "
        "environment it got, what it has logged and left, and what to do if it failed.",
        """
        traindock show last
        traindock show pytorch-hymenoptera:3
        traindock show last --json | jq .history
        """,
    )
    parser.add_argument("run_name", metavar="RUN", help='an id, a part of one, EXPERIMENT:NUMBER, or "last"')


def run(args: argparse.Namespace) -> int:
    """Print the run."""
    workspace = open_workspace(args)
    found = find_run(args, workspace, args.run_name)
    look_after(workspace)
    if args.json:
        emit(run_document(found))
        return 0
    for number_, section in enumerate(_sections(args, found)):
        if number_:
            say()
        say(section)
    return 0


def _sections(args: argparse.Namespace, found: Run) -> list[list[str]]:
    record = found.record
    sections = [_head(found, record), _history(record), _request(record)]
    warnings = [warning["message"] for warning in found.get_details().get("warnings", [])]
    sections.append([f"Warning: {clean(text)}" for text in warnings])
    sections += [_resources(record), _failure(found, record), _metrics(args, found), _files(found)]
    return [section for section in sections if section]


def _head(found: Run, record: RunRecord) -> list[str]:
    from traindock.store.signing import Signature

    state = f"{record.state}{f' ({record.reason})' if record.reason else ''}"
    signature = {
        Signature.VALID: "",
        Signature.COPIED: "submitted to the workspace that this one is a copy of: shown, never launched",
        Signature.INVALID: "not submitted by you: shown, never launched or changed",
    }[record.signature]
    title = f"Run {record.number} of {record.experiment}"
    facts: list[tuple[str, object]] = [
        ("Id", record.id),
        ("Name", record.display_name),
        ("State", state),
        ("", brief_detail(record, found.workspace.layout.run(found.id))),
        ("Signature", signature),
        ("Cancel", f"asked for by {record.cancel_requested_by}" if record.cancel_requested else ""),
        ("Description", record.description),
        ("Submitted", f"{moment(record.created)} by {record.user}"),
        ("Started", moment(record.started)),
        ("Ended", moment(record.ended)),
        ("Duration", duration(seconds_of(record))),
        ("Parent", record.parent),
        ("Children", len(list(found.get_children())) or ""),
        ("Tags", ", ".join(f"{name}={value}" for name, value in record.tags.items())),
        *((name, value) for name, value in record.properties.items()),
        ("Folder", found.path),
    ]
    return [title, *pairs(facts, "  ")]


def _history(record: RunRecord) -> list[str]:
    rows = []
    last = record.created
    for change in record.history:
        # How it ended stands above, in full.
        detail = "" if change.state.terminal else change.detail
        reason = ": ".join(part for part in (change.reason and str(change.reason), detail) if part)
        rows.append(["", moment(change.time), f"+{duration(change.time - last)}", change.state, reason])
        last = change.time
    columns = [Column(""), Column("TIME"), Column("AFTER", right=True), Column("STATE"), Column("REASON", least=20)]
    return ["History", *table(columns, rows, screen_width())]


def _request(record: RunRecord) -> list[str]:
    from traindock.masking import masked_arguments, masked_variables

    spec, environment, ended = record.spec, record.environment, record.exit
    variables = masked_variables(spec.environment_variables)
    executed = spec.script if spec.script is not None else spec.notebook
    words = masked_arguments([executed, *spec.arguments] if executed is not None else spec.command)
    what = "Script" if spec.script is not None else "Notebook" if spec.notebook is not None else "Command"
    facts: list[tuple[str, object]] = [
        (what, shlex.join(words)),
        ("Compute target", spec.compute_target),
        ("GPUs", spec.gpus or ""),
        ("Variables", shlex.join(f"{name}={value}" for name, value in variables.items())),
        ("At most", duration(spec.max_run_duration_seconds)),
        ("Snapshot", spec.snapshot[:12]),
        ("Environment", " ".join(filter(None, (spec.environment_name, str(environment.get("action") or ""))))),
        ("", environment.get("why")),
        ("Python", environment.get("python")),
        ("Packages", len(environment.get("packages") or ()) or ""),
        ("Exit code", ended.get("exit_code")),
        ("Signal", ended.get("signal")),
        ("Peak memory", memory_text(int(ended["peak_memory_bytes"])) if ended.get("peak_memory_bytes") else ""),
        ("Processor", _processor(ended)),
    ]
    return ["Request", *pairs(facts, "  ")]


def _processor(ended: dict[str, object]) -> str:
    user, system = ended.get("user_seconds"), ended.get("system_seconds")
    if not isinstance(user, (int, float)) or not isinstance(system, (int, float)):
        return ""
    return f"{duration(user)} user, {duration(system)} system"


def _resources(record: RunRecord) -> list[str]:
    """Name the peak of each resource, and what there was of it."""
    facts: list[tuple[str, object]] = []
    for name, fact in record.resources.items():
        limit = f" of {_amount(fact['limit'], fact)} ({fact['limit_of']})" if fact.get("limit") is not None else ""
        facts.append((name, f"{_amount(fact['peak'], fact)}{limit}"))
    return ["Used at most", *pairs(facts, "  ")] if facts else []


def _amount(value: float, fact: Mapping[str, object]) -> str:
    if fact["unit"] == "bytes":
        return memory_text(int(value))
    return f"{value:.3g}{' %' if fact['unit'] == 'percent' else ''}"


def _failure(found: Run, record: RunRecord) -> list[str]:
    from traindock import run_details

    if record.state is not State.FAILED or record.reason is None:
        return []
    told = run_details.failure(record, found.workspace.layout.run(found.id))
    lines = [f"Last lines of {clean(told.log)}", *(f"    {clean(line)}" for line in told.tail)] if told.tail else []
    return [*lines, *textwrap.wrap(told.hint, screen_width() or 100)]


def _metrics(args: argparse.Namespace, found: Run) -> list[str]:
    summary = summaries(found)
    if not summary:
        return []
    rows = [["", name, *map(number, values)] for name, values in list(summary.items())[:_METRICS]]
    columns = [
        Column(""),
        Column("METRIC", least=10),
        *(Column(title, right=True) for title in ("LAST", "MIN", "MAX", "COUNT")),
    ]
    lines = table(columns, rows, screen_width())
    if len(summary) > _METRICS:
        lines.append(f"  and {len(summary) - _METRICS} more: {command(args, 'metrics', found.id)}")
    return ["Metrics", *lines]


def _files(found: Run) -> list[str]:
    files = file_sizes(found)
    lines = [f"  {'' if bytes_ is None else size(bytes_):>10}  {clean(name)}" for name, bytes_ in files[:_FILES]]
    if len(files) > _FILES:
        lines.append(f"  and {len(files) - _FILES} more in {clean(os.fspath(found.path))}")
    return ["Files", *lines] if files else []
