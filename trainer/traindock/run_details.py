"""What a run's details consist of, and tables made of its metrics."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traindock.errors import ModelPathNotFoundException, UserErrorException
from traindock.names import readable
from traindock.repetition import without_repetition
from traindock.runtime.files import ALIASES
from traindock.states import Reason, State
from traindock.store import events, run_files, submitter
from traindock.store.layout import RunLayout
from traindock.store.metrics import MetricReader
from traindock.store.run_records import RunRecord
from traindock.store.sealed_files import read_sealed
from traindock.store.signing import Signature

if TYPE_CHECKING:
    import pandas as pd

    from traindock.run_facts import RunFacts

_LOG_BYTES = 1_000_000
_TAIL_LINES = 20
_TAIL_BYTES = 64_000
_NAMED = 10


class LogFiles(dict[str, str]):
    """Logs by name. Azure ML's old names lead to them too, though they are not listed."""

    def __missing__(self, name: str) -> str:
        return dict.__getitem__(self, ALIASES[name])

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, ALIASES.get(str(name), name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the log of this name, or ``default`` where there is none."""
        return dict.get(self, ALIASES.get(name, name), default)


def details(run: RunFacts, *, with_logs: bool = False) -> dict[str, Any]:
    """Return what :meth:`Run.get_details` returns."""
    from traindock.images.uv import masked
    from traindock.masking import masked_spec

    record, layout = run.record, run.workspace.layout.run(run.id)
    logs = log_files(layout)
    found: dict[str, Any] = {
        "runId": run.id,
        "target": record.spec.compute_target,
        "status": record.state.value,
        "reason": record.reason.value if record.reason else None,
        "statusDetails": record.detail or None,
        "startTimeUtc": _utc(record.started),
        "endTimeUtc": _utc(record.ended),
        "properties": dict(record.properties),
        "tags": dict(record.tags),
        "inputDatasets": [],
        "outputDatasets": [],
        "runDefinition": masked_spec(record.spec.to_json()),
        "environment": masked(record.environment),
        "exit": dict(record.exit),
        "lostMetricPoints": MetricReader.of_run(layout).lost(),
        "lostOutputBytes": _lost_output(record),
        "logFiles": LogFiles(
            (name, tail_text(path, _LOG_BYTES) if with_logs else str(path)) for name, path in logs.items()
        ),
        "submittedBy": record.user,
    }
    if texts := warnings(record, layout):
        found["warnings"] = [{"message": text} for text in texts]
    if record.state is State.FAILED:
        found["error"] = {
            "code": record.reason.value if record.reason else "unknown",
            "message": record.detail,
            "details": dict(record.exit.get("error") or {}),
        }
    return found


@dataclass(frozen=True, slots=True)
class MetricLosses:
    """What is missing of a run's metrics.

    Attributes:
        lost: how many points the job could not write, because the disk was full.
        damaged: how many records readers pass over: torn, or without sense.
    """

    lost: int
    damaged: int


def metric_losses(layout: RunLayout) -> MetricLosses:
    """Return what is missing of a run's metrics, as they are now."""
    metrics = MetricReader.of_run(layout)
    return MetricLosses(metrics.lost(), metrics.damaged())


def warnings(record: RunRecord, layout: RunLayout, losses: MetricLosses | None = None) -> list[str]:
    """Return what people are to know about a run besides its state.

    Args:
        record: the run.
        layout: where it lies.
        losses: what is missing of its metrics, where that is known already.
    """
    losses = losses or metric_losses(layout)
    return [*record.warnings, *_losses(record, losses), *_damages(layout, losses), *_not_kept(layout)]


def log_files(layout: RunLayout) -> dict[str, Path]:
    """Return the paths of a run's logs by name, the build log first."""
    names = [name for name in run_files.list_files(layout) if name.startswith("logs/")]
    names.sort(key=lambda name: (name not in ("logs/build.txt", "logs/stdout.txt"), name))
    return {name: run_files.resolve(layout, name) for name in names}


@dataclass(frozen=True, slots=True)
class Failure:
    """What people are told of a run that failed, besides its reason.

    Attributes:
        log: the log that explains it.
        tail: last lines of that, without what the run's variables and arguments keep secret.
        hint: what to do, in a sentence.
    """

    log: Path
    tail: list[str]
    hint: str


def failure(record: RunRecord, layout: RunLayout) -> Failure:
    """Return what to tell of a run that failed."""
    from traindock.hints import hint
    from traindock.masking import Veil

    building = record.reason is Reason.ENVIRONMENT_FAILED
    path = layout.build_log if building else layout.stdout
    lines = tail_text(path, _TAIL_BYTES).splitlines() if path.exists() else []
    if building:  # what came before the last command went well
        commands = [number for number, line in enumerate(lines) if line.startswith("$ ")]
        lines = lines[commands[-1] + 1 :] if commands else lines
    # Notebooks keep what they show, and are passed on.
    veil = Veil.of_run(record.spec, submitter.known(layout, record.spec.submitter))
    tail: list[str] = veil.over(lines[-_TAIL_LINES:])
    return Failure(path, [line[:2000] for line in tail], hint(record, lines))


def brief_detail(record: RunRecord, layout: RunLayout) -> str:
    """Return a run's detail as it is to be told where the log that explains a failure is shown as well."""
    if record.state is not State.FAILED:
        return record.detail
    return without_repetition(record.detail, failure(record, layout).tail)


def tail_text(path: Path, limit: int) -> str:
    """Return the last ``limit`` bytes of a text file, or "" where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - limit))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def metrics_frame(metrics: MetricReader) -> pd.DataFrame:
    """Return what :meth:`Run.to_pandas` returns."""
    try:
        import pandas as pd
    except ImportError:
        raise UserErrorException("to_pandas needs pandas: pip install pandas") from None
    return pd.DataFrame(metrics.to_frame_columns())


@contextmanager
def wait_first(run: RunFacts) -> Iterator[None]:
    """Add to the error about files that are not there that the run has not ended, if that is so."""
    try:
        yield
    except ModelPathNotFoundException as error:
        state = run.record.state
        if state.terminal:
            raise
        raise ModelPathNotFoundException(f"{error} The run is still {state}: run.wait_for_completion() first") from None


def table(run: RunFacts) -> str:
    """Return what a notebook shows for a run, as HTML."""
    record = run.record
    cells = {
        "Experiment": run.experiment.name,
        "Run": f"{record.number}: {record.display_name or run.id}",
        "Id": run.id,
        "Type": record.spec.type,
        "Status": f"{record.state.value}{signature_note(record)}",
        "Reason": record.reason.value if record.reason else record.detail,
        "Started": _local_time(record.started),
        "Folder": str(run.path),
    }
    heads = "".join(f"<th>{escape(name)}</th>" for name in cells)
    return f"<table><tr>{heads}</tr><tr>{''.join(f'<td>{escape(v)}</td>' for v in cells.values())}</tr></table>"


def signature_note(record: RunRecord) -> str:
    """Return what is to be said behind the state of a run that you did not submit to this workspace, or ""."""
    if record.signature is Signature.INVALID:
        return " (not signed by you)"
    if record.signature is Signature.COPIED and not record.state.terminal:
        return " (copied with its workspace, never launched here)"
    return ""


def user_name() -> str:
    """Return who runs this process, for people to read."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _losses(record: RunRecord, losses: MetricLosses) -> list[str]:
    counts = ((losses.lost, "metric points"), (_lost_output(record), "bytes of output"))
    return [f"{count} {what} were lost because the disk was full" for count, what in counts if count]


def _lost_output(record: RunRecord) -> int:
    return int(record.exit.get("lost_output_bytes") or 0)


def _not_kept(layout: RunLayout) -> list[str]:
    """Say what lay among the run's files at its end and is none of them now, and why."""
    sealed = read_sealed(layout)
    left_out = sealed.left_out if sealed is not None else ()
    texts = [f"{readable(entry['name'])} was not kept: {entry['why']}" for entry in left_out[:_NAMED]]
    if len(left_out) > _NAMED:
        texts.append(f"{len(left_out) - _NAMED:,} more were not kept; {layout.sealed_json} names them")
    return texts


def _damages(layout: RunLayout, losses: MetricLosses) -> list[str]:
    """Say how much of the record and of the metrics readers have to pass over."""
    counts = ((layout.events, events.damaged(layout.events)), (layout.metrics, losses.damaged))
    return [f"{path} is damaged: passed over what cannot be read ({count})" for path, count in counts if count]


def _local_time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _utc(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
