"""The JSON documents of runs and models, the same on the command line and over HTTP.

Their keys stay as they are, new ones may come.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from traindock.model import Model
    from traindock.run import Run
    from traindock.store.alias_history import Alias, AliasMove
    from traindock.store.index import RunRow
    from traindock.store.run_records import RunRecord

#: In the order in which the index gives them.
STATISTICS = ("last", "min", "max", "count")


def row_document(row: RunRow, metrics: Mapping[str, tuple[float, float, float, int]]) -> dict[str, Any]:
    """One run as a list has it, made of what JSON has (see :func:`plain`)."""
    return {
        "id": row.id,
        "experiment": row.experiment,
        "number": row.number,
        "display_name": row.display_name,
        "type": row.type,
        "state": row.state.value,
        "reason": row.reason.value if row.reason else None,
        "detail": row.detail,
        "compute_target": row.compute_target,
        "user": row.user,
        "parent": row.parent,
        "signed": row.signed,
        "created": timestamp(row.created),
        "started": timestamp(row.started),
        "ended": timestamp(row.ended),
        "seconds": seconds_of(row),
        "tags": dict(row.tags),
        "properties": dict(row.properties),
        "metrics": metrics_document(metrics),
        "children": row.children,
    }


def run_document(run: Run, most_files: int | None = None) -> dict[str, Any]:
    """One run with everything that is known about it.

    Args:
        run: the run.
        most_files: how many files are listed at most; where there are more, ``files`` is None. By default all are.
    """
    from traindock import run_details
    from traindock.images.uv import masked
    from traindock.masking import masked_spec
    from traindock.store.signing import Signature

    record, layout = run.record, run.workspace.layout.run(run.id)
    failure = None
    if record.state.value == "Failed" and record.reason is not None:
        found = run_details.failure(record, layout)
        failure = {"log": str(found.log), "log_tail": found.tail, "hint": found.hint}
    losses = run_details.metric_losses(layout)
    files = file_sizes(run) if most_files is None else few_file_sizes(run, most_files)
    return {
        "id": record.id,
        "workspace_name": run.workspace.name,
        "experiment": record.experiment,
        "number": record.number,
        "display_name": record.display_name,
        "description": record.description,
        "type": record.spec.type,
        "state": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "detail": record.detail,
        "compute_target": record.spec.compute_target,
        "user": record.user,
        "parent": record.parent,
        "signed": record.signature is not Signature.INVALID,
        "signature": record.signature.value,
        "cancel_requested_by": record.cancel_requested_by,
        "created": timestamp(record.created),
        "started": timestamp(record.started),
        "ended": timestamp(record.ended),
        "seconds": seconds_of(record),
        "folder": str(run.path),
        "tags": record.tags,
        "properties": record.properties,
        "spec": masked_spec(record.spec.to_json()),
        "data": [{**fact, "modified": timestamp(fact["modified"])} for fact in record.data],
        "environment": masked(record.environment),
        "exit": record.exit,
        "resources": record.resources,
        "event_files": record.event_files,
        "warnings": run_details.warnings(record, layout, losses),
        "metric_losses": asdict(losses),
        "failure": failure,
        "history": [
            {
                "state": change.state.value,
                "time": timestamp(change.time),
                "reason": change.reason.value if change.reason else None,
                "detail": change.detail,
            }
            for change in record.history
        ],
        "metrics": metrics_document(summaries(run)),
        "files": None if files is None else [{"name": name, "size": size} for name, size in files],
    }


def metrics_document(metrics: Mapping[str, tuple[float, float, float, int]]) -> dict[str, dict[str, float | int]]:
    """Summaries of scalar metrics by name, made of what JSON has."""
    found = {
        name: {"last": last, "min": low, "max": high, "count": count}
        for name, (last, low, high, count) in metrics.items()
    }
    # In a list these are most of the numbers. A sum is finite where all of it is, and hardly ever else.
    odd = [name for name, (last, low, high, _) in metrics.items() if not math.isfinite(last + low + high)]
    return {**found, **{name: plain(found[name]) for name in odd}} if odd else found


def summaries(run: Run) -> dict[str, tuple[float, float, float, int]]:
    """Read the summaries of a run's scalar metrics, sorted by name, as they are now."""
    found = run.metrics.summary()
    return {name: (one.last, one.min, one.max, one.count) for name, one in sorted(found.items())}


def file_sizes(run: Run) -> list[tuple[str, int | None]]:
    """Names and sizes of a run's files; None for one that vanished meanwhile."""
    from traindock.store import run_files

    return _sized(run, run_files.list_files(run.workspace.layout.run(run.id)))


def few_file_sizes(run: Run, most: int) -> list[tuple[str, int | None]] | None:
    """Return what :func:`file_sizes` does; None where a run has more than ``most`` files, which is soon known."""
    from traindock.store import run_files

    names = run_files.list_few(run.workspace.layout.run(run.id), most)
    return None if names is None else _sized(run, names)


def _sized(run: Run, names: list[str]) -> list[tuple[str, int | None]]:
    from traindock.errors import TraindockError
    from traindock.store import run_files

    layout = run.workspace.layout.run(run.id)
    found = []
    for name in names:
        size = None
        with contextlib.suppress(TraindockError, OSError):
            size = run_files.resolve(layout, name).stat().st_size
        found.append((name, size))
    return found


def seconds_of(run: RunRow | RunRecord) -> float | None:
    """How long a run's script has been running, or ran; None before it started."""
    if run.started is None:
        return None
    end = run.ended if run.ended is not None else time.time()
    return max(0.0, end - run.started)


def model_row(model: Model) -> dict[str, Any]:
    """One version of a model as a list has it."""
    lineage = model.lineage
    return {
        "name": model.name,
        "version": model.version,
        "id": model.id,
        "description": model.description,
        "created": timestamp(model.created_time.timestamp()),
        "run": model.run_id,
        "experiment": model.experiment_name,
        "snapshot": lineage.snapshot or None,
        "environment": lineage.environment or None,
        "datasets": [*lineage.datasets],
        "framework": model.model_framework,
        "framework_version": model.model_framework_version,
        "tags": model.tags,
        "properties": model.properties,
        "aliases": model.aliases,
        "size": model.size,
        "file_count": len(model.files),
    }


def alias_document(alias: Alias) -> dict[str, Any]:
    """A name that stands for a version of a model."""
    return {
        "alias": alias.name,
        "version": alias.version,
        "previous": alias.previous,
        "since": timestamp(alias.since),
        "by": alias.by,
    }


def alias_move_document(move: AliasMove) -> dict[str, Any]:
    """What somebody did to an alias."""
    return {
        "alias": move.alias,
        "version": move.version,
        "previous": move.previous,
        "time": timestamp(move.time),
        "by": move.by,
        "rolled_back": move.rolled_back,
    }


def model_document(model: Model) -> dict[str, Any]:
    """One version of a model with its files."""
    return {**model_row(model), "files": model_files(model)}


def model_files(model: Model) -> list[dict[str, Any]]:
    """The files of a version of a model: path below its folder, size in bytes, and SHA-256."""
    files = model.content.files.items()
    return [{"name": name, "size": file.size, "sha256": file.sha256} for name, file in files]


def plain(value: Any) -> Any:
    """Return ``value`` made of what JSON has; what is unknown, and integers beyond 64 bits, as their text."""
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else _long(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [plain(entry) for entry in value]
    return str(value)


def _long(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no more than some thousand decimal digits
        return hex(value)


def timestamp(seconds: float | None) -> str | None:
    """Write a time (seconds since 1970) as JSON documents have it: ISO 8601 in UTC, with microseconds."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
