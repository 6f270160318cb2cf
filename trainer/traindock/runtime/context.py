"""The run of this job, and how a script gets hold of it.

The launcher says who the run is in ``TRAINDOCK_`` variables; without ``TRAINDOCK_RUN_ID`` and
``TRAINDOCK_METRICS_DIR`` the script does not run inside a job.
"""

from __future__ import annotations

import os
import time
from _thread import allocate_lock
from time import monotonic

from . import values
from .base_log import say
from .base_run import Run
from .errors import RunEnvironmentException, StoreException
from .files import RunFiles
from .metric_format import LAYOUTS, PLAIN, STEPPED
from .metric_log import CLOCK, MetricLog, fits
from .records import Experiment, RegisteredModel, Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Dict, List, Mapping

    from .metrics import Metrics

__all__ = ["JobRun", "Run", "current"]

_pack_plain = LAYOUTS["f", False].pack
_pack_stepped = LAYOUTS["f", True].pack


class JobRun(Run):
    """The run that this process belongs to.

    Args:
        variables: the ``TRAINDOCK_`` variables, see CONTRIBUTING for the list.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__()
        self._variables = dict(variables)
        self._metrics = MetricLog(variables["TRAINDOCK_METRICS_DIR"])
        self._floats, self._stepped = self._metrics.floats, self._metrics.stepped
        self._files = RunFiles(
            variables.get("TRAINDOCK_OUTPUTS_DIR") or os.path.abspath("outputs"),
            variables.get("TRAINDOCK_LOGS_DIR") or os.path.abspath("logs"),
            variables.get("TRAINDOCK_UPLOADS_DIR") or os.path.abspath("uploads"),
            variables.get("TRAINDOCK_DRIVER_DIR", ""),
        )
        self._requests = variables.get("TRAINDOCK_REQUESTS_DIR") or os.path.abspath("requests")
        # A child's requests go through the folder of the job that made it.
        job = variables.get("TRAINDOCK_JOB_RUN_ID", self.id)
        self._about: Dict[str, Any] = {} if job == self.id else {"run": self.id}
        self._started = time.time()
        self._recorded: Dict[str, Any] | None = None
        self._warned = False
        self._children: List[Run] = []

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log one value of the metric ``name``, see :meth:`Run.log`."""
        # The quick road: a float, and its file is open. One dictionary look-up, one clock, one write, no lock.
        if step is None and type(value) is float:
            try:
                write = self._floats[name]
            except (KeyError, TypeError):
                pass  # TypeError: a name that cannot be looked up; refused below, in words
            else:
                try:
                    if write(_pack_plain(value, CLOCK + monotonic())) != PLAIN:
                        self._metrics.lose(name, None)
                except OSError as error:
                    self._metrics.lose(name, error)
                return
        elif type(step) is int and type(value) is float and fits(step):
            try:
                write = self._stepped[name]
            except (KeyError, TypeError):
                pass
            else:
                try:
                    if write(_pack_stepped(value, step, 0, CLOCK + monotonic())) != STEPPED:
                        self._metrics.lose(name, None, True)
                except OSError as error:
                    self._metrics.lose(name, error)
                return
        name = values.metric_name(name)
        self._put(name, "scalar", values.scalar(name, value), values.step(name, step), description)

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        number = kind == "scalar" and (value.__class__ is float or (value.__class__ is int and fits(value)))
        if number:
            self._metrics.number(name, value, step, str(description or ""))
        else:
            self._metrics.record(name, kind, value, step, str(description or ""))

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
        try:
            file = self._files.image(name, path, plot)
        except StoreException as error:
            cause = error.__cause__
            self._metrics.lose(name, cause if isinstance(cause, OSError) else OSError(str(error)))
            return
        self._put(name, "image", file, None, description)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Return once everything logged is stored, which it always is: each call writes by itself."""
        self._metrics.flush()

    def _close(self) -> None:
        """Let go of all open files. The run can be used on, and opens them again."""
        self._metrics.close()

    def _logged(self, name: str | None) -> Dict[str, Any]:
        """What all processes of the job have logged so far."""
        from .metric_read import read_metrics

        return read_metrics(self._metrics.folder, name)

    @property
    def metrics(self) -> Metrics:
        """What all processes of the job have logged so far, see :attr:`Run.metrics`."""
        from .metric_read import read_entries, read_lost
        from .metrics import Metrics

        folder = self._metrics.folder
        return Metrics(lambda name: read_entries(folder, name), lambda: read_lost(folder))

    @property
    def path(self) -> Path:
        """The folder that the run's ``outputs`` and ``logs`` lie in, see :attr:`Run.path`."""
        return self._files.folder_of_outputs()

    @property
    def id(self) -> str:
        """The run's id."""
        return self._variables["TRAINDOCK_RUN_ID"]

    @property
    def number(self) -> int:
        """The run's number within its experiment, from 1; 0 where it has none."""
        text = self._variables.get("TRAINDOCK_RUN_NUMBER", "")
        return int(text) if text.isdigit() else 0

    @property
    def experiment(self) -> Experiment:
        """The experiment, with ``.name`` and ``.workspace.name``."""
        known = self._variables.get
        workspace = Workspace(known("TRAINDOCK_WORKSPACE", ""), known("TRAINDOCK_WORKSPACE_ID", ""))
        return Experiment(known("TRAINDOCK_EXPERIMENT", ""), workspace)

    @property
    def parent(self) -> Run | None:
        """The parent run, of which a job knows no more than who it is; None where there is none."""
        identifier = self._variables.get("TRAINDOCK_PARENT_RUN_ID")
        return ParentRun(identifier, self.experiment) if identifier else None

    @property
    def display_name(self) -> str:
        """A name for people; can be set."""
        return str(self._record().get("display_name") or self.id)

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._record()["display_name"] = str(value)
        self._tell("display_name", value=str(value))

    @property
    def description(self) -> str:
        """A text for people; can be set."""
        return str(self._record().get("description") or "")

    @description.setter
    def description(self, value: str) -> None:
        self._record()["description"] = str(value)
        self._tell("description", value=str(value))

    def get_details(self) -> Dict[str, Any]:
        """Return runId, target, status, startTimeUtc, properties, tags and the like; log files by name and path."""
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        record = self._record()
        return {
            "runId": self.id,
            "target": record.get("target"),
            "status": self.status,
            "startTimeUtc": started,
            "properties": self.get_properties(),
            "tags": self.get_tags(),
            "inputDatasets": [],
            "outputDatasets": [],
            "runDefinition": {"arguments": record.get("arguments")},
            "logFiles": {name: self._files.path(name) for name in self.get_file_names() if name.startswith("logs/")},
        }

    def get_snapshot_id(self) -> str:
        """Return the id of the snapshot of the source folder; "" where there is none."""
        return str(self._record().get("snapshot") or "")

    def get_tags(self) -> Dict[str, str]:
        """Return the tags as of the start of the job, and what this process has changed since."""
        return dict(self._record()["tags"])

    def get_properties(self) -> Dict[str, str]:
        """Return the properties as of the start of the job, and what this process has added since."""
        return dict(self._record()["properties"])

    def _set_tags(self, tags: Dict[str, str]) -> None:
        self._record()["tags"].update(tags)
        self._tell("tag", tags=tags)

    def _remove_tags(self, keys: List[str]) -> None:
        for key in keys:
            self._record()["tags"].pop(key, None)
        self._tell("remove_tags", keys=keys)

    def _add_properties(self, properties: Dict[str, str]) -> None:
        self._record()["properties"].update(properties)
        self._tell("properties", properties=properties)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Store a file with the run, see :meth:`Run.upload_file`."""
        self._files.upload(name, path_or_stream)

    def upload_folder(self, name: str, path: Any) -> None:
        """Store all files of a folder below ``name``, see :meth:`Run.upload_folder`."""
        for file, source in self._files.folder(name, path):
            self._files.upload(file, source)

    def get_file_names(self) -> List[str]:
        """Return the names of the run's files, sorted: ``outputs/…``, ``logs/…`` and uploads."""
        return self._files.names()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """Copy a file of the run, see :meth:`Run.download_file`."""
        self._files.download(name, output_file_path)

    def _register(self, fields: Dict[str, Any], timeout: float) -> RegisteredModel:
        from .requests import ask

        result = ask(self._requests, "register_model", timeout, **fields, **self._about)
        return RegisteredModel(str(result.get("name", fields["model_name"])), result.get("version"), result)

    def _find_model(self, name: str, version: int | None) -> Dict[str, Any]:
        """Where the content of a registered model lies, as the dispatcher says."""
        from .requests import ask

        return ask(self._requests, "model", 60, name=name, version=version)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Create a run below this one, to log into, see :meth:`Run.child_run`."""
        from .requests import ask

        result = ask(self._requests, "child_run", 60, name=name, run_id=run_id, **self._about)
        return self._adopt([result.get("environment", {})])[0]

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Any = None
    ) -> List[Run]:
        """Create several runs below this one, see :meth:`Run.create_children`."""
        from .children import child_tags
        from .requests import ask

        listed = None if tag_values is None or isinstance(tag_values, str) else list(tag_values)
        asked = len(child_tags(count, tag_key, tag_values if listed is None else listed))
        values = None if listed is None else ["" if value is None else str(value) for value in listed]
        result = ask(
            self._requests, "create_children", 60 + asked,
            count=count, tag_key=tag_key, tag_values=values, **self._about,
        )  # fmt: skip
        return self._adopt(result.get("environments", []))

    def _adopt(self, environments: List[Mapping[str, str]]) -> List[Run]:
        from .children import ChildRun

        children: List[Run] = [ChildRun({**self._variables, **environment}) for environment in environments]
        self._children += children
        return children

    def _made(self) -> List[Run]:
        return self._children

    def _record(self) -> Dict[str, Any]:
        """What was recorded when the job started, with this process's own changes."""
        if self._recorded is None:
            import json

            record: Any = None
            try:
                with open(self._variables.get("TRAINDOCK_RUN_JSON", ""), encoding="utf-8") as file:
                    record = json.load(file)
            except (OSError, ValueError):
                pass  # names and tags are a convenience; training goes on without
            record = dict(record) if isinstance(record, dict) else {}
            for part in ("tags", "properties"):
                found = record.get(part)
                record[part] = dict(found) if isinstance(found, dict) else {}
            self._recorded = record
        return self._recorded

    def _tell(self, request: str, **arguments: Any) -> None:
        """Send a request that needs no answer. A full disk is said once and never raised into the training."""
        from .requests import send

        try:
            send(self._requests, request, **arguments, **self._about)
        except StoreException as error:
            if not self._warned:
                self._warned = True
                say(f"Traindock: {error}")


class ParentRun(Run):
    """The parent of this job's run: a job knows who it is, and cannot write into it."""

    def __init__(self, identifier: str, experiment: Experiment) -> None:
        super().__init__()
        self._identifier, self._experiment = identifier, experiment

    @property
    def id(self) -> str:
        """The parent's id."""
        return self._identifier

    @property
    def experiment(self) -> Experiment:
        """The experiment, the same as the child's."""
        return self._experiment


_current: Run | None = None
_lock = allocate_lock()


def current(allow_offline: bool) -> Run:
    """Return the one run of this process, see :meth:`Run.get_context`."""
    global _current
    inside = bool(os.environ.get("TRAINDOCK_RUN_ID")) and bool(os.environ.get("TRAINDOCK_METRICS_DIR"))
    if not inside and not allow_offline:
        raise RunEnvironmentException(
            "this code does not run inside a job (TRAINDOCK_RUN_ID is not set): submit it with "
            "experiment.submit(...), or call Run.get_context() to have calls printed only"
        )
    with _lock:
        if _current is None:
            if inside:
                _current = JobRun(os.environ)
            else:
                from .offline import OfflineRun

                _current = OfflineRun()
        return _current


def _after_fork() -> None:
    global _lock
    _lock = allocate_lock()


os.register_at_fork(after_in_child=_after_fork)
