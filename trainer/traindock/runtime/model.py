"""Registered models, as a script gets at their files."""

from __future__ import annotations

import os

from . import values
from .context import JobRun, current
from .errors import ModelNotFoundException, RunEnvironmentException, StoreException, UserErrorException
from .local_models import fetch, find, folder_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, NoReturn


class Model:
    """A registered model: inside a job only its files are to be had, by :meth:`get_model_path`.

    Raises:
        RunEnvironmentException: always; :meth:`Run.register_model` registers models.
    """

    class Framework:
        """Names of frameworks, as Azure ML spelled them."""

        CUSTOM = "Custom"
        TENSORFLOW = "TensorFlow"
        SCIKITLEARN = "ScikitLearn"
        ONNX = "Onnx"
        TFKERAS = "TfKeras"
        PYTORCH = "PyTorch"
        MULTI = "Multi"

    def __init__(self, *arguments: Any, **more: Any) -> None:
        raise _only_outside("Model(…)", "Model.get_model_path(name) gives a model's files")

    @staticmethod
    def register(*arguments: Any, **more: Any) -> NoReturn:
        """Not to be had inside a job: see :meth:`Run.register_model`.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("Model.register()", "run.register_model(name, path) registers files of the run")

    @staticmethod
    def list(*arguments: Any, **more: Any) -> NoReturn:
        """Not to be had inside a job.

        Raises:
            RunEnvironmentException: always.
        """
        raise _only_outside("Model.list()", "list models outside of the job, for instance in a notebook")

    @staticmethod
    def get_model_path(model_name: str, version: int | str | None = None, _workspace: Any = None) -> str:
        """Return the path of a model's file or folder.

        Without a version it is the newest one registered in the job's workspace. It is looked for below the current
        folder, in ``azureml-models/<name>/<version>/``, and copied there from the workspace if it is missing. What
        the workspace does not have, or outside of a job, is the newest version that lies there, or ``./<name>``.

        Args:
            model_name: the model's name, or ``name:version``.
            version: which one.
            _workspace: accepted for old scripts; a job has one workspace.

        Raises:
            ModelNotFoundException: it is in none of these places, or a version's folder holds several entries.
            StoreException: its content is damaged, or the disk refuses.
            TraindockError: the dispatcher does not answer.
        """
        name, _, tail = str(model_name).partition(":")
        values.model_name(name)
        wanted = _number(tail or version)
        found = find(name, wanted) if wanted is not None else None
        if found is not None:
            return found
        missing = ModelNotFoundException(
            f"model {name!r}{'' if wanted is None else f' in version {wanted}'} was found neither in "
            f"{folder_of(name)!r} nor as {name!r}, looked for in {os.getcwd()!r}"
        )
        run = current(True)
        if isinstance(run, JobRun):
            try:
                return _fetched(run._find_model(name, wanted))
            except ModelNotFoundException as error:
                missing = error
        if wanted is None:
            found = find(name, None) or (name if os.path.exists(name) else None)
            if found is not None:
                return found
        raise missing


def _number(version: Any) -> int | None:
    try:
        return None if version is None else int(version)
    except (TypeError, ValueError):
        raise UserErrorException(f"{version!r} is no version of a model: use a number such as 1") from None


def _fetched(told: Dict[str, Any]) -> str:
    """Return the path of the version that the dispatcher has named, copied if it is not there."""
    name, version, root, files = told["name"], int(told["version"]), told["root"], told["files"]

    def download(folder: str) -> None:
        for inside, file in files.items():
            target = os.path.join(folder, root, inside) if told["folder"] else os.path.join(folder, root)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            _copy(file, target, f"{name}:{version}")

    try:
        return fetch(name, version, download)
    except OSError as error:
        raise StoreException(f"model {name}:{version} cannot be copied to {folder_of(name)!r}: {error}") from error


def _copy(file: Dict[str, Any], target: str, model: str) -> None:
    import hashlib

    digest = hashlib.sha256()
    out = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, file["mode"])
    with open(file["path"], "rb") as source, open(out, "wb") as copy:
        while True:
            block = source.read(1 << 20)
            if not block:
                break
            digest.update(block)
            copy.write(block)
    if digest.hexdigest() != file["sha256"]:
        raise StoreException(
            f"a file of model {model} is damaged: {file['path']} no longer has the SHA-256 it had. Restore it from a "
            "backup of the workspace, or register the model anew."
        )


def _only_outside(call: str, instead: str) -> RunEnvironmentException:
    return RunEnvironmentException(f"{call} is not available inside a job: {instead}")
