"""What a training script can log, and how a run speaks to it.

:class:`Logging` checks and converts what it is given; what becomes of it is the business of the kinds of run.
"""

from __future__ import annotations

from . import values
from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    import pandas as pd

    from .metrics import Metrics


class Logging:
    """The part of a run that logs, and reads that back."""

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
            plot: a matplotlib figure, or pyplot for the current one. Exactly one of both; a figure in the place of
                ``path`` is understood too.
            description: a text for readers.

        Raises:
            UserErrorException: both or none given, or no such file. Never raises for a full disk.
        """
        if plot is None and callable(getattr(path, "savefig", None)):
            path, plot = None, path
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

    @property
    def metrics(self) -> Metrics:
        """What was logged so far, to read by values, points or sums; :meth:`Run.get_metrics` has it all at once."""
        raise self._unavailable()

    def to_pandas(self) -> pd.DataFrame:
        """Return all points of all scalar metrics so far as a table with columns name, time, step and value.

        Raises:
            UserErrorException: pandas is not installed where the script runs.
        """
        columns = self.metrics.to_frame_columns()
        try:
            import pandas as pd
        except ImportError:
            raise UserErrorException(
                "to_pandas needs pandas, which is not installed here: pip install pandas, or, for a job, name it among "
                "the packages of its environment"
            ) from None
        return pd.DataFrame(columns)

    # -- what the kinds provide -----------------------------------------------------------------------------

    def _unavailable(self) -> UserErrorException:
        return UserErrorException(
            "inside a job, only the run of the job itself can do that; get it by Run.get_context()"
        )

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        raise self._unavailable()

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
        raise self._unavailable()


def say(text: str) -> None:
    """Print, wherever standard output leads: no training ends because of what a run has to say.

    What the encoding lacks is written as an escape; a full disk, a closed file or a broken pipe swallows the text.
    """
    try:
        try:
            print(text)
        except UnicodeEncodeError as error:
            print(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
    except Exception:  # noqa: BLE001, S110 - notebooks and loggers put objects of all sorts in its place
        pass
