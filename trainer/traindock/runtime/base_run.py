"""What a training script can do with its run. The same methods inside a job and outside of one.

:class:`Run` checks and converts arguments and leaves the deeds to a few methods that its kinds provide:
:class:`.context.JobRun` does them, :class:`.offline.OfflineRun` prints them. So neither can lack a method.
"""

from __future__ import annotations

from . import values
from .base_files import Files
from .base_log import say
from .base_outside import Outside
from .errors import UserErrorException
from .files import relative_name, tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, Generator, Iterable, Iterator, List, Mapping, Type

    from .records import Experiment, JobEnvironment, RegisteredModel, Workspace


class Run(Outside, Files):
    """A run, as its own script sees it: get it by ``Run.get_context()``.

    Used as a context manager it changes nothing; an exception passes through.

    Attributes:
        input_datasets: what the script was given, by name.
        output_datasets: where it is to write, by name.
    """

    input_datasets: Dict[str, Any]
    output_datasets: Dict[str, Any]

    def __init__(self) -> None:
        self.input_datasets = {}
        self.output_datasets = {}

    @staticmethod
    def get_context(allow_offline: bool = True) -> Run:
        """Return the run of this job, one object per process; outside of a job one whose calls only print.

        Args:
            allow_offline: False to insist on a job.

        Raises:
            RunEnvironmentException: not inside a job, and ``allow_offline`` is False.
        """
        from .context import current

        return current(allow_offline)

    # -- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Say that the run starts. The recorded state is the dispatcher's business; this changes nothing."""

    def complete(self) -> None:
        """Say that the run is done. The recorded state follows from how the script ends; this changes nothing."""

    def fail(self, error_details: Any = None, error_code: Any = None) -> None:
        """Say that the run failed. To end it as Failed, let the script raise, or exit with a code that is not 0.

        Args:
            error_details: printed, if given.
            error_code: printed, if given.
        """
        said = [str(one) for one in (error_code, error_details) if one is not None]
        if said:
            text = ": ".join(said)
            say(f"Run {self.id}: {text}")

    def cancel(self) -> None:
        """Say that the run is not to go on. From inside the job this changes nothing; end the script instead."""

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> Dict[str, Any]:
        """Return the details at once: a script cannot wait for its own end, and this says so."""
        say(f"Run {self.id}: a script cannot wait for the end of its own run; going on.")
        return self.get_details()

    def __await__(self) -> Generator[Any, None, Dict[str, Any]]:
        """As :meth:`wait_for_completion`: a script that awaits its own run goes on."""
        return self.wait_for_completion()
        yield  # what can be awaited is a generator

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self, kind: Type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()

    # -- who it is ------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id."""
        raise self._unavailable()

    @property
    def number(self) -> int:
        """The run's number within its experiment, from 1; 0 where it has none."""
        raise self._unavailable()

    @property
    def experiment(self) -> Experiment:
        """The experiment, with ``.name`` and ``.workspace.name``."""
        raise self._unavailable()

    @property
    def workspace(self) -> Workspace:
        """The workspace, with ``.name`` and ``.id``."""
        return self.experiment.workspace

    @property
    def parent(self) -> Run | None:
        """The parent run; None where there is none."""
        raise self._unavailable()

    @property
    def type(self) -> str:
        """Kind of run, always "traindock.scriptrun"."""
        return "traindock.scriptrun"

    @property
    def name(self) -> str:
        """The same as :attr:`display_name`."""
        return self.display_name

    @property
    def display_name(self) -> str:
        """A name for people; can be set."""
        raise self._unavailable()

    @display_name.setter
    def display_name(self, value: str) -> None:
        raise self._unavailable()

    @property
    def description(self) -> str:
        """A text for people; can be set."""
        raise self._unavailable()

    @description.setter
    def description(self, value: str) -> None:
        raise self._unavailable()

    @property
    def status(self) -> str:
        """The state, "Running" as seen from inside."""
        return "Running"

    def get_status(self) -> str:
        """Return :attr:`status`."""
        return self.status

    @property
    def reason(self) -> str | None:
        """Why the run ended: None, since it goes on."""
        return None

    def get_detailed_status(self) -> Dict[str, Any]:
        """Return the state, its reason and its details."""
        return {"status": self.status, "reason": self.reason, "details": None}

    def get_details(self) -> Dict[str, Any]:
        """Return runId, target, status, startTimeUtc, properties, tags and the like; log files by name and path."""
        raise self._unavailable()

    def get_details_with_logs(self) -> Dict[str, Any]:
        """Return :meth:`get_details` with the logs' content (the last 1 MB of each) in place of their paths."""
        details = self.get_details()
        return {**details, "logFiles": {name: tail(path) for name, path in details["logFiles"].items()}}

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> Dict[str, Any]:
        """Return what was logged so far, by name: logged once the value, more often a list.

        Args:
            name: only this one; a name without values gives an empty dict.
            recursive: also those of the runs of :meth:`get_children`, as ``{run id: metrics}``.
            run_type: with ``recursive``, only of runs of this type.
            populate: accepted for old scripts.
        """
        if recursive:
            family = [self, *self.get_children(recursive=True)]
            return {run.id: run._logged(name) for run in family if run_type in (None, run.type)}
        return self._logged(name)

    def get_portal_url(self) -> str:
        """Return "": the run's folder, whose URL notebooks get, may lie where a job does not see it."""
        return ""

    def get_snapshot_id(self) -> str:
        """Return the id of the snapshot of the source folder; "" outside of a job."""
        raise self._unavailable()

    def get_environment(self) -> JobEnvironment:
        """Return what the script runs in: interpreter, version and environment variables."""
        from .records import JobEnvironment

        return JobEnvironment()

    def __str__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        cells = {"Experiment": self.experiment.name, "Id": self.id, "Type": self.type, "Status": self.status}
        heads = "".join(f"<th>{name}</th>" for name in cells)
        return f"<table><tr>{heads}</tr><tr>{''.join(f'<td>{escape(v)}</td>' for v in cells.values())}</tr></table>"

    # -- tags and properties --------------------------------------------------------------------------------

    @property
    def tags(self) -> Dict[str, str]:
        """The tags, see :meth:`get_tags`."""
        return self.get_tags()

    @property
    def properties(self) -> Dict[str, str]:
        """The properties, see :meth:`get_properties`."""
        return self.get_properties()

    def tag(self, key: str, value: Any = None) -> None:
        """Set one tag.

        Raises:
            UserErrorException: the key is no string.
        """
        self.set_tags({key: value})

    def set_tags(self, tags: Dict[str, Any]) -> None:
        """Set tags; the others stay.

        Raises:
            UserErrorException: a key is no string.
        """
        self._set_tags(_texts("tag", tags))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove the tags with these keys; those that are not there are passed over."""
        self._remove_tags([tags] if isinstance(tags, str) else [str(tag) for tag in tags])

    def get_tags(self) -> Dict[str, str]:
        """Return the tags as of the start of the job, and what this process has changed since."""
        raise self._unavailable()

    def add_properties(self, properties: Dict[str, Any]) -> None:
        """Add properties. They can never be changed nor removed.

        Raises:
            UserErrorException: a key is no string, or is set already to something else.
        """
        texts = _texts("property", properties)
        known = self.get_properties()
        for key, value in texts.items():
            if known.get(key, value) != value:
                raise UserErrorException(f"property {key!r} is {known[key]!r} already and can never change")
        self._add_properties(texts)

    def get_properties(self) -> Dict[str, str]:
        """Return the properties as of the start of the job, and what this process has added since."""
        raise self._unavailable()

    # -- what needs the dispatcher --------------------------------------------------------------------------

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Dict[str, Any] | None = None,
        properties: Dict[str, Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Any = None,
        timeout_seconds: float = 600,
        **more: Any,
    ) -> RegisteredModel:
        """Register a file or folder of the run as the next version of a model.

        Args:
            model_name: the model.
            model_path: a file or folder among the run's files, such as "outputs/"; default is the model's name.
            tags: texts by key, changeable later.
            properties: texts by key, never changeable.
            model_framework: for instance "PyTorch".
            model_framework_version: for instance "2.6".
            description: a text for people.
            datasets: the data it was trained on, for its lineage: names, or (purpose, data set) pairs.
            timeout_seconds: how long to wait for the dispatcher.
            more: accepted for old scripts.

        Raises:
            UserErrorException: the name is not allowed, or the path leads out of the run.
            ModelPathNotFoundException: nothing lies there; the text lists what does.
            TraindockError: the dispatcher does not answer.
        """
        values.model_name(model_name)
        if model_path is not None:
            relative_name(model_path, "model_path")
        fields: Dict[str, Any] = {
            "model_name": model_name,
            "model_path": model_name if model_path is None else model_path,
            "tags": _texts("tag", tags or {}),
            "properties": _texts("property", properties or {}),
            "model_framework": model_framework,
            "model_framework_version": model_framework_version,
            "description": description,
            "datasets": [_data_name(entry) for entry in datasets or ()],
        }
        return self._register(fields, timeout_seconds)

    def child_run(self, name: str | None = None, run_id: str | None = None, outputs: str | None = None) -> Run:
        """Create a run below this one, to log into.

        End it by ``complete()`` or ``fail()``, or use it in a ``with`` block, which ends it as Completed, or as
        Failed where an exception leaves the block. A child that is not ended ends with the job.

        Args:
            name: its display name.
            run_id: its id; default is a new one.
            outputs: accepted for old scripts; a child's files are uploaded one by one.

        Raises:
            UserErrorException: ``run_id`` is taken or not allowed, this run has ended, or it has 1,000 children.
            TraindockError: the dispatcher does not answer.
        """
        raise self._unavailable()

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Any = None
    ) -> List[Run]:
        """Create several runs below this one, to log into; see :meth:`child_run`.

        Args:
            count: how many, at most 100; or
            tag_key: a tag that each of them gets, with
            tag_values: its value for each: one child for each value, at most 100.

        Raises:
            UserErrorException: neither or half of it is given, or it is too many; and what :meth:`child_run` raises.
            TraindockError: the dispatcher does not answer.
        """
        raise self._unavailable()

    def get_children(
        self,
        recursive: bool = False,
        tags: str | Mapping[str, str] | None = None,
        properties: str | Mapping[str, str] | None = None,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        status: str | None = None,
    ) -> Iterator[Run]:
        """Return the runs that this process has made below this one, the newest first.

        Args:
            recursive: also their children, and so on, whatever their parents are like.
            tags: only runs with this tag, or with these tags and values (None: any value).
            properties: likewise.
            type: only runs of this type.
            status: only runs in this state.
        """
        found: List[Run] = []
        for child in self._made()[::-1]:
            wanted = type in (None, child.type) and status in (None, child.status)
            if wanted and _has(child.tags, tags) and _has(child.properties, properties):
                found.append(child)
            if recursive:
                found.extend(child.get_children(True, tags, properties, type, status))
        return iter(found)

    # -- what the kinds provide -----------------------------------------------------------------------------

    def _logged(self, name: str | None) -> Dict[str, Any]:
        raise self._unavailable()

    def _made(self) -> List[Run]:
        raise self._unavailable()

    def _register(self, fields: Dict[str, Any], timeout: float) -> RegisteredModel:
        raise self._unavailable()

    def _set_tags(self, tags: Dict[str, str]) -> None:
        raise self._unavailable()

    def _remove_tags(self, keys: List[str]) -> None:
        raise self._unavailable()

    def _add_properties(self, properties: Dict[str, str]) -> None:
        raise self._unavailable()


def _texts(what: str, given: Dict[str, Any]) -> Dict[str, str]:
    if not isinstance(given, dict) or not all(isinstance(key, str) and key for key in given):
        raise UserErrorException(f"{what} keys must be strings: {values.shown(given)}")
    return {key: "" if value is None else str(value) for key, value in given.items()}


def _data_name(entry: Any) -> str:
    data = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
    return str(getattr(data, "id", None) or getattr(data, "name", None) or data)


def _has(own: Dict[str, str], wanted: str | Mapping[str, str] | None) -> bool:
    if wanted is None or isinstance(wanted, str):
        return wanted is None or wanted in own
    return all(key in own and (value is None or own[key] == str(value)) for key, value in wanted.items())
