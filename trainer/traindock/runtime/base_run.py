"""What a training script can do with its run. The same methods inside a job and outside of one.

:class:`Run` checks and converts arguments and leaves the deeds to a few methods that its kinds provide:
:class:`.context.JobRun` does them, :class:`.offline.OfflineRun` prints them. So neither can lack a method.
"""

from __future__ import annotations

from . import values
from .errors import UserErrorException
from .files import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, Iterable, List, Type

    from .records import Experiment, JobEnvironment, RegisteredModel


class Run:
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

    # -- logging --------------------------------------------------------------------------------------------

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log one value of the metric ``name``. Logged again, it becomes a series.

        Args:
            name: any string.
            value: a number, string, bool or None; scalars of numpy and tensors without dimensions are converted.
                NaN and the infinities are kept.
            description: a text for readers of the chart; the first one counts.
            step: a whole number for the chart's axis; points with and without one can be mixed.

        Raises:
            UserErrorException: ``value`` is a list, an array or no scalar at all. Never raises for a full disk:
                the run's details tell how many points were lost.
        """
        step = values.step(name, step)
        self._put(values.metric_name(name), "scalar", values.scalar(name, value), step, description)

    def log_list(self, name: str, value: Any, description: str = "") -> None:
        """Log several values at once: a list, another iterable or a one-dimensional array.

        Raises:
            UserErrorException: it is no such thing.
        """
        self._put(values.metric_name(name), "list", values.values_list(name, value), None, description)

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """Log one row of named columns. Called again, it becomes a table.

        Raises:
            UserErrorException: there is no column, or a cell is no scalar.
        """
        self._put(values.metric_name(name), "row", values.row(name, columns), None, description or "")

    def log_table(self, name: str, value: Dict[str, Any], description: str = "") -> None:
        """Log a table: a dict of column name to list, all of one length.

        Raises:
            UserErrorException: it is no such dict.
        """
        self._put(values.metric_name(name), "table", values.table(name, value), None, description)

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str = "") -> None:
        """Log a picture; it is stored among the run's files as ``<name>_<time>``.

        Args:
            name: the metric.
            path: an image file, or
            plot: a matplotlib figure, or pyplot for the current one. Exactly one of both.
            description: a text for readers.

        Raises:
            UserErrorException: both or none given, or no such file. Never raises for a full disk.
        """
        self._put_image(values.metric_name(name), path, plot, description)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Log a confusion matrix: a dict (or its JSON text) with schema_type "confusion_matrix" and data.

        Raises:
            UserErrorException: it is no such dict.
        """
        self._put_schema(name, "confusion_matrix", value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Log an accuracy table: a dict (or its JSON text) with schema_type "accuracy_table" and data.

        Raises:
            UserErrorException: it is no such dict.
        """
        self._put_schema(name, "accuracy_table", value, description)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Log residuals: a dict (or its JSON text) with schema_type "residuals" and data.

        Raises:
            UserErrorException: it is no such dict.
        """
        self._put_schema(name, "residuals", value, description)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Log predictions: a dict (or its JSON text) with schema_type "predictions" and data.

        Raises:
            UserErrorException: it is no such dict.
        """
        self._put_schema(name, "predictions", value, description)

    def _put_schema(self, name: str, kind: str, value: Any, description: str) -> None:
        self._put(values.metric_name(name), kind, values.schema(name, value, kind), None, description)

    def flush(self, timeout_seconds: float = 300) -> None:
        """Return once everything logged is stored, which it always is: each call writes by itself."""

    def get_metrics(self, name: str | None = None) -> Dict[str, Any]:
        """Return what was logged so far, by name: logged once the value, more often a list.

        Args:
            name: only this one; a name without values gives an empty dict.
        """
        raise self._unavailable()

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
            print(f"Run {self.id}: {text}")

    def cancel(self) -> None:
        """Say that the run is not to go on. From inside the job this changes nothing; end the script instead."""

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> Dict[str, Any]:
        """Return the details at once: a script cannot wait for its own end, and this says so."""
        print(f"Run {self.id}: a script cannot wait for the end of its own run; going on.")
        return self.get_details()

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

    def get_detailed_status(self) -> Dict[str, Any]:
        """Return the state and its details."""
        return {"status": self.status, "details": None}

    def get_details(self) -> Dict[str, Any]:
        """Return runId, status, startTimeUtc, properties, tags and the like."""
        raise self._unavailable()

    def get_environment(self) -> JobEnvironment:
        """Return what the script runs in: interpreter, version and environment variables."""
        from .records import JobEnvironment

        return JobEnvironment()

    def __str__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    __repr__ = __str__

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

    # -- files ----------------------------------------------------------------------------------------------

    def upload_file(self, name: str, path_or_stream: Any) -> None:
        """Store a file with the run.

        Args:
            name: relative, with forward slashes; ``outputs/…`` and ``logs/…`` are the script's own folders.
            path_or_stream: a path, or an object with ``read``.

        Raises:
            UserErrorException: the name leads out of the run or is taken, or there is no such file.
            StoreException: the disk refuses to take it.
        """
        raise self._unavailable()

    def upload_files(
        self,
        names: Iterable[str],
        paths: Iterable[Any],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        """Store several files: each path under the name at its place.

        Raises:
            UserErrorException: not as many names as paths, and what :meth:`upload_file` raises.
        """
        for name, path in pairs(names, paths).items():
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: Any) -> None:
        """Store all files of a folder below ``name``.

        Raises:
            UserErrorException: there is no such folder, and what :meth:`upload_file` raises.
        """
        raise self._unavailable()

    def get_file_names(self) -> List[str]:
        """Return the names of the run's files, sorted: ``outputs/…``, ``logs/…`` and uploads."""
        raise self._unavailable()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """Copy a file of the run.

        Args:
            name: one of :meth:`get_file_names`.
            output_file_path: where to; an existing folder gets the file under its own name. Default: here.

        Raises:
            ModelPathNotFoundException: the run has no such file; the text lists those it has.
        """
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
            timeout_seconds: how long to wait for the dispatcher.
            more: other fields, stored as texts.

        Raises:
            UserErrorException: the name is not allowed.
            ModelPathNotFoundException: nothing lies there; the text lists what does.
            TraindockError: the dispatcher does not answer.
        """
        fields: Dict[str, Any] = {
            "model_name": model_name,
            "model_path": model_path if model_path is not None else model_name,
            "tags": _texts("tag", tags or {}),
            "properties": _texts("property", properties or {}),
            "model_framework": model_framework,
            "model_framework_version": model_framework_version,
            "description": description,
        }
        fields.update({key: str(value) for key, value in more.items() if value is not None})
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

    # -- what the kinds provide -----------------------------------------------------------------------------

    def _unavailable(self) -> UserErrorException:
        return UserErrorException(
            "inside a job, only the run of the job itself can do that; get it by Run.get_context()"
        )

    def _register(self, fields: Dict[str, Any], timeout: float) -> RegisteredModel:
        raise self._unavailable()

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        raise self._unavailable()

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
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
