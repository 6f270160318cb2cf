"""Submitting, the same as in the SDK: of a folder below the server's root, or of files that come with the request."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from jupyterlab_traindock.errors import invalid, not_found
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.places import below_root
from traindock.compute_target import ComputeTarget
from traindock.environment import Environment
from traindock.errors import StoreException
from traindock.estimator import Estimator, PyTorch
from traindock.experiment import Experiment
from traindock.missing_packages import Missing, missing_torch
from traindock.names import check_relative
from traindock.notebook_run import NotebookRunConfig
from traindock.planning import plan_document
from traindock.run import Run
from traindock.script_run import MAX_RUN_DURATION_SECONDS, ScriptRunConfig
from traindock.submit import Request, submit
from traindock.workspace import Workspace


class SubmitManager:
    """Submits runs, and says what a submit would do.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self._workspaces = workspaces

    def submit(self, workspace_id: str, asked: Mapping[str, Any], files: Mapping[str, bytes] | None) -> Run:
        """Submit a run, which goes on without this server.

        Args:
            workspace_id: where.
            asked: a ``RunConfiguration`` of the OpenAPI document, or a ``RunConfigurationOfFiles``.
            files: by path, those that came with the request; None where ``asked`` names a folder.

        Raises:
            ApiError: 403 or 404: the folder is not below the server's root.
            TraindockError: as the SDK does.
        """
        workspace = self._workspaces.get(workspace_id)
        with self._source(asked, files) as source:
            config = _configuration(workspace, asked, source)
            experiment = Experiment(workspace, asked["experiment"])
            return submit(
                experiment,
                config,
                tags=asked.get("tags", {}),
                display_name=asked.get("display_name", ""),
                request_id=asked.get("request_id"),
            )

    def plan(
        self,
        workspace_id: str,
        asked: Mapping[str, Any],
        files: Mapping[str, bytes] | None,
        is_wanted: Callable[[], bool],
    ) -> dict[str, Any]:
        """Return what a submit would send and launch; nothing is kept of it.

        Args:
            workspace_id: where.
            asked: as :meth:`submit` has it.
            files: likewise.
            is_wanted: whether anybody still waits for the plan.

        Raises:
            GivenUp: nobody does.
            ApiError: as :meth:`submit` does.
            TraindockError: likewise.
        """
        workspace = self._workspaces.get(workspace_id)
        with self._source(asked, files) as source:
            request = _configuration(workspace, asked, source).to_request()
            document = plan_document(workspace, asked["experiment"], request, is_wanted)
            is_local = ComputeTarget.of(workspace, request.compute_target).kind == "local"
            if missing := missing_torch(request, in_container=not is_local):
                document["source"]["warnings"].append(_note_of(missing))
        document["source"]["folder"] = asked.get("source")
        if files is not None:
            document["source"]["stamp"] = None  # they are written anew for each request
        return document

    @contextmanager
    def _source(self, asked: Mapping[str, Any], files: Mapping[str, bytes] | None) -> Iterator[Path]:
        """Return the folder to submit, for as long as that takes."""
        if files is None:
            path = asked["source"]
            folder = below_root(self._workspaces.root, path, "source")
            if not os.path.isdir(folder):  # noqa: PTH112 -- the method raises for names that are too long
                there = "below the server's root folder"
                raise not_found("source_not_found", f"source: there is no folder {path!r} {there}")
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="traindock-submit-") as made:
            _write(Path(made), files)
            yield Path(made)


def _note_of(missing: Missing) -> str:
    what = f"{missing.script} imports {missing.module}"
    if missing.in_image:
        return (
            f"{what}, and nothing is installed in its container unless it is asked for: ask for PyTorch and packages, "
            "or for an image that has it"
        )
    return f"{what}, which the packages do not include: ask for PyTorch, too, unless one of them brings it along"


@dataclass(frozen=True)
class _Configuration:
    """What a request asks for, in a form that experiments submit.

    Attributes:
        script_run: what is to be run.
        environment: what it needs, as :func:`_environment` gives it.
        variables: for the job, besides the environment's own.
    """

    script_run: ScriptRunConfig | NotebookRunConfig
    environment: Request
    variables: Mapping[str, str]

    def to_request(self, **options: Any) -> Request:
        """Return what is to be run."""
        needs = self.environment
        return replace(
            self.script_run.to_request(**options),
            recipe=needs.recipe,
            environment_name=needs.environment_name,
            environment_variables={**needs.environment_variables, **self.variables},
        )


def _configuration(workspace: Workspace, asked: Mapping[str, Any], source: Path) -> _Configuration:
    script, command = asked.get("script"), asked.get("command")
    common = {
        "compute_target": asked.get("compute_target", "local"),
        "gpus": asked.get("gpus", 0),
        "max_run_duration_seconds": asked.get("max_run_duration_seconds", MAX_RUN_DURATION_SECONDS),
    }
    script_run: ScriptRunConfig | NotebookRunConfig
    if "notebook" in asked:
        script_run = NotebookRunConfig(source, asked["notebook"], **common)
    else:
        words = asked.get("arguments", []) if command is None else None
        script_run = ScriptRunConfig(source, script, words, command=command, **common)
    needs = _environment(workspace, asked.get("environment"), source)
    return _Configuration(script_run, needs, asked.get("environment_variables", {}))


def _environment(workspace: Workspace, asked: Mapping[str, Any] | None, source: Path) -> Request:
    """Return a request that has what ``asked``, an ``Environment`` of the OpenAPI document, comes to."""
    if asked is None:
        return ScriptRunConfig(source, "script").to_request()
    # An estimator has to be told where its script is executed; of the request only what it needs is taken.
    common: dict[str, Any] = {"entry_script": "script", "compute_target": "local"}
    docker = {name: asked[name] for name in ("base_image", "apt_packages", "shm_size") if name in asked}
    if "curated" in asked:
        environment = Environment.get(workspace, asked["curated"])
        estimator = Estimator(source, environment_definition=environment, **common)
    else:
        packages: dict[str, Any] = {name: asked.get(name) for name in ("pip_packages", "conda_packages")}
        if "framework_version" in asked:
            version = asked["framework_version"]
            estimator = PyTorch(source, framework_version=version, **packages, **common)
        else:
            alone = not any(packages.values())
            estimator = Estimator(source, user_managed=alone, **packages, **common)
    for name, value in docker.items():
        setattr(estimator.environment.docker, name, value)
    estimator.environment.rebuild = asked.get("rebuild", False)
    return estimator.to_request()


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / check_relative(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(content)
        except (FileExistsError, NotADirectoryError):
            raise invalid(f"files: {name!r} comes twice, or as a file and as a folder") from None
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ):
                raise invalid(f"files: {name!r:.300} can be no file here: {error.strerror}") from None
            raise StoreException(f"files: {name!r} cannot be stored for the submit: {error.strerror}") from error
