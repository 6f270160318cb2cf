"""Child runs that a job makes, to log into beside its own run: one for each fold, say.

The dispatcher makes them by request and answers with the variables by which their folders are found. A child is
Running from the start and ends when the job says so, at the latest with the job and then for the same reason. Its
requests go through the folder of the job's own run and name the child.
"""

from __future__ import annotations

import os
import time

from .context import JobRun
from .errors import UserErrorException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, List, Mapping, Type

#: Children made by one call, at most.
MAX_AT_ONCE = 100
_LINES, _LINE = 40, 300
_STATES = {"complete()": "Completed", "fail()": "Failed", "cancel()": "Canceled"}


def child_tags(count: Any = None, tag_key: Any = None, tag_values: Any = None) -> List[Dict[str, str]]:
    """Return the tags of each child that ``create_children`` is to make.

    Args:
        count: how many, at most 100; or
        tag_key: a tag for each, with
        tag_values: its value for each; one child for each value.

    Raises:
        UserErrorException: neither or half of it is given, the numbers differ, or it is too many.
    """
    if (tag_key is None) != (tag_values is None) or (tag_key is None and count is None):
        raise UserErrorException("create_children takes a count, or both tag_key and tag_values")
    if tag_key is None:
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise UserErrorException(f"create_children takes a whole number of children from 1, not {count!r}")
        tags: List[Dict[str, str]] = [{} for _ in range(min(count, MAX_AT_ONCE + 1))]
    else:
        if not isinstance(tag_key, str) or not tag_key or isinstance(tag_values, (str, bytes)):
            raise UserErrorException(
                f"create_children takes a string and a list as tag_key and tag_values, not {tag_key!r}, {tag_values!r}"
            )
        tags = [{tag_key: "" if value is None else str(value)} for value in tag_values]
        if count is not None and count != len(tags):
            raise UserErrorException(f"create_children: {count} children, but {len(tags)} tag_values")
    if not 0 < len(tags) <= MAX_AT_ONCE:
        raise UserErrorException(f"create_children makes 1 to {MAX_AT_ONCE} children at once: call it several times")
    return tags


def described(error: BaseException) -> Dict[str, Any]:
    """Return what an exit record says about an exception: "type", "message" and the last lines of its "traceback"."""
    import traceback

    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).splitlines()
    return {
        "type": type(error).__name__,
        "message": _message(error)[:4000],
        "traceback": [line[:_LINE] for line in lines[-_LINES:]],
    }


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error that cannot be shown must still be named
        return ""


def ends_well(error: BaseException | None) -> bool:
    """Whether a block that is left by ``error`` is left as planned: by none, or by ``sys.exit(0)``."""
    return error is None or (isinstance(error, SystemExit) and error.code in (None, 0))


def failure(details: Any, code: Any) -> Dict[str, Any]:
    """Return what an exit record says about ``fail(error_details, error_code)``."""
    if isinstance(details, BaseException):
        return dict(described(details), **({"type": str(code)[:200]} if code is not None else {}))
    message = "" if details is None else str(details)[:4000]
    return {"type": "" if code is None else str(code)[:200], "message": message}


class ChildRun(JobRun):
    """A child of this job's run. As a context manager it ends with the block: Completed, or Failed by an exception.

    Args:
        variables: the ``TRAINDOCK_`` variables of the job, with the child's own put over them.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__(variables)
        self._ended = ""
        self._entered_by = 0

    @property
    def type(self) -> str:
        """Kind of run, "traindock.childrun"."""
        return "traindock.childrun"

    @property
    def status(self) -> str:
        """The state as this process knows it: "Running", or what the child was ended as."""
        return _STATES.get(self._ended, "Running")

    def log(self, name: str, value: Any, description: str = "", step: int | None = None) -> None:
        """Log one value of the metric ``name``, see :meth:`Run.log`.

        Raises:
            UserErrorException: the child was ended, and what :meth:`Run.log` raises.
        """
        self._check_going()
        super().log(name, value, description, step)

    def _put(self, name: str, kind: str, value: Any, step: int | None, description: str) -> None:
        self._check_going()
        super()._put(name, kind, value, step, description)

    def _put_image(self, name: str, path: Any, plot: Any, description: str) -> None:
        self._check_going()
        super()._put_image(name, path, plot, description)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Store a file with the child, see :meth:`Run.upload_file`."""
        self._check_going()
        super().upload_file(name, path_or_stream, datastore_name)

    def upload_folder(self, name: str, path: Any) -> None:
        """Store all files of a folder with the child, see :meth:`Run.upload_folder`."""
        self._check_going()
        super().upload_folder(name, path)

    def complete(self) -> None:
        """End the child as Completed."""
        self._end("complete()", {"exit_code": 0})

    def fail(self, error_details: Any = None, error_code: Any = None) -> None:
        """End the child as Failed.

        Args:
            error_details: what went wrong: a text, or an exception.
            error_code: a short name for it.
        """
        self._end("fail()", {"exit_code": 1, "error": failure(error_details, error_code)})

    def cancel(self) -> None:
        """End the child as Canceled."""
        self._end("cancel()", {"exit_code": 0, "canceled": True})

    def __enter__(self) -> ChildRun:
        self._entered_by = os.getpid()
        return self

    def __exit__(
        self, kind: Type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entered_by != os.getpid():
            return  # a fork that leaves the block ends by itself; the child goes on where it was entered
        if ends_well(error):
            self.complete()
        else:
            self.fail(error)

    def _end(self, by: str, record: Dict[str, Any]) -> None:
        if self._ended:
            return
        self._ended = by
        self._close()
        now = time.time()
        times = {"started": self._started, "ended": now, "seconds": max(0.0, now - self._started)}
        self._tell("end_child", exit=dict(record, **times))

    def _check_going(self) -> None:
        if self._ended:
            raise UserErrorException(f"child run {self.id} was ended by {self._ended}: nothing can be added to it")
