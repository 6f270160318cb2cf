"""What a run can do outside of its job only: here each says what to do instead."""

from __future__ import annotations

from .errors import RunEnvironmentException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, NoReturn

    from .base_run import Run


class Outside:
    """The part of a run that its own script cannot have."""

    @staticmethod
    def get(workspace: Any, run_id: str) -> NoReturn:
        """Not to be had by a training script, which knows its own run: see :meth:`get_context`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("get", _OTHERS)

    @staticmethod
    def list(
        experiment: Any,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
        **more: Any,
    ) -> NoReturn:
        """Not to be had by a training script, which knows its own run: see :meth:`get_context`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("list", _OTHERS)

    @staticmethod
    def list_by_compute(
        compute: Any,
        type: str | None = None,  # noqa: A002 (Azure ML's name)
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
    ) -> NoReturn:
        """Not to be had by a training script, which knows its own run: see :meth:`get_context`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("list_by_compute", _OTHERS)

    def submit_child(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Not to be had inside a job, which starts no others; :meth:`child_run` makes runs to log into.

        Raises:
            RunEnvironmentException: inside a job.
        """
        raise _only_outside(
            "submit_child", "child_run() makes runs below this one to log into; submit others from outside of the job"
        )

    def restore_snapshot(self, snapshot_id: str | None = None, path: Any = None) -> str:
        """Not to be had inside a job, whose working directory is a copy of the snapshot.

        Raises:
            RunEnvironmentException: inside a job.
        """
        raise _only_outside("restore_snapshot", "the job's working directory was a fresh copy of the snapshot")

    def delete(self, with_children: bool = False) -> NoReturn:
        """Not to be had inside a job, whose run goes on.

        Raises:
            RunEnvironmentException: inside a job.
        """
        raise _only_outside("delete", "a run can be deleted from outside of the job, once it has ended")

    def resubmit(
        self,
        *,
        arguments: Any = None,
        compute_target: Any = None,
        gpus: int | None = None,
        environment_variables: Mapping[str, str] | None = None,
        max_run_duration_seconds: float | None = None,
        display_name: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> NoReturn:
        """Not to be had inside a job, which starts no others.

        Raises:
            RunEnvironmentException: inside a job.
        """
        raise _only_outside("resubmit", "a run is submitted again from outside of the job")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                text += ": a run has fewer of them in its own script than outside of the job, see dir(run)"
            raise AttributeError(text)


_OTHERS = "it knows its own run: get that by Run.get_context(), and others from outside, for instance in a notebook"


def _only_outside(call: str, instead: str) -> RunEnvironmentException:
    return RunEnvironmentException(f"Run.{call}() is not available to a training script: {instead}")
