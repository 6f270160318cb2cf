"""What goes wrong, as HTTP answers say it: a status, a code for programs, what is wrong, and what to do next."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from traindock import errors as sdk
from traindock.dispatcher.start import Trouble
from traindock.images.uv import mask

#: The first class that an error is an instance of decides; subclasses come before what they derive from.
_STATUS: Final[tuple[tuple[type[sdk.TraindockError], HTTPStatus], ...]] = (
    (sdk.WorkspaceReadOnlyException, HTTPStatus.CONFLICT),
    (sdk.WorkspaceException, HTTPStatus.NOT_FOUND),
    (sdk.RunNotFoundException, HTTPStatus.NOT_FOUND),
    (sdk.ModelNotFoundException, HTTPStatus.NOT_FOUND),
    (sdk.ModelPathNotFoundException, HTTPStatus.NOT_FOUND),
    (sdk.ModelAliasException, HTTPStatus.CONFLICT),
    (sdk.NameNotFoundException, HTTPStatus.NOT_FOUND),
    (sdk.RunNotSignedException, HTTPStatus.FORBIDDEN),
    (sdk.RunNotEndedException, HTTPStatus.CONFLICT),
    (sdk.RunNotWaitingException, HTTPStatus.CONFLICT),
    (sdk.RunHasChildrenException, HTTPStatus.CONFLICT),
    (sdk.UserErrorException, HTTPStatus.UNPROCESSABLE_ENTITY),
    (sdk.EnvironmentBuildException, HTTPStatus.UNPROCESSABLE_ENTITY),
    (sdk.StoreException, HTTPStatus.CONFLICT),
)

#: What to do next, by code; what a text of the SDK advises goes first.
_ADVICE: Final[Mapping[str, str]] = {
    "invalid_request": "Compare the request with the OpenAPI document of this API, at its path /openapi.",
    "not_found": "Its paths are in the OpenAPI document of this API, at its path /openapi.",
    "workspace_not_found": "List the workspaces that this server may open: GET /workspaces.",
    "workspace_unreadable": (
        "Look whether its disk is there, and whether the user of this server may read the file workspace.json in it. "
        "Pages go on by themselves then."
    ),
    "run_not_found": "List the runs of the workspace: GET /workspaces/{workspace}/runs.",
    "run_not_signed": "Only its own user can change a run or launch it again: submit it yourself.",
    "run_not_ended": "Ask for its end, POST …/runs/{run}/cancel, and delete it once its state is a final one.",
    "run_not_waiting": "Look at the queue as it is now: GET …/computes/{compute}/queue.",
    "run_has_children": "Say with_children=true to delete them with it.",
    "model_not_found": "List the models of the workspace: GET /workspaces/{workspace}/models.",
    "model_alias": "Look at the aliases of the model, GET …/models/{model}/aliases, then decide.",
    "model_file_not_found": "List the files of the version: GET …/models/{model}/versions/{version}/files.",
    "model_path_not_found": "List the files of the run: GET /workspaces/{workspace}/runs/{run}/files.",
    "log_not_found": "List the logs of the run: GET /workspaces/{workspace}/runs/{run}/logs.",
    "script_not_found": "Look for it in the file browser: paths start in the server's root folder.",
    "snapshot_not_found": "List the files that the run left: GET /workspaces/{workspace}/runs/{run}/files.",
    "snapshot_path_not_found": "List the files of the snapshot: GET /workspaces/{workspace}/runs/{run}/snapshot.",
    "name_not_found": "List what there is, and use one of these names.",
    "compute_not_found": "List the compute targets of the workspace: GET /workspaces/{workspace}/computes.",
    "compute_target": "List the compute targets of the workspace: GET /workspaces/{workspace}/computes.",
    "engine_not_found": "Or name the socket of an engine as the target's engine, such as unix:///run/podman/podman.sock.",
    "index_busy": "Try again once that program has ended: nothing of the workspace is lost.",
    "store": "Look into the log of the Jupyter server, and at the disk of the workspace.",
    "disk_full": "Make room on the disk of the workspace, and on that of the server's temporary files, and try again.",
    "workspace_read_only": "Work on the host that has the workspace, or wait until it is given back.",
    "too_large": "Send less, or raise the limit in the configuration of the Jupyter server.",
    "forbidden": "Ask whoever runs the Jupyter server for the right to do this.",
    "internal": "This is a fault of Traindock: look into the log of the Jupyter server, and report what stands there.",
}
_FALLBACK: Final = "Change what the message names, and try again."

#: An absolute path of this machine in a text, apart from what stands in a URL or within another word.
_ABSOLUTE: Final = re.compile(r"(?<![\w./:~<>-])/(?:[^\s/:'\"(),;<>]+/)+([^\s/:'\"(),;<>]*)")


class ApiError(Exception):
    """An answer other than success.

    Args:
        status: of the answer.
        code: for programs; stays as it is.
        message: what is wrong, with the value.
        advice: what to do next; by default what goes with the code.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.advice = advice or _ADVICE.get(code, _FALLBACK)

    def document(self) -> dict[str, Any]:
        """The answer's body."""
        return {"code": self.code, "message": self.message, "advice": self.advice}


def invalid(message: str) -> ApiError:
    """A request that does not fit the OpenAPI document."""
    return ApiError(HTTPStatus.BAD_REQUEST, "invalid_request", message)


def not_found(code: str, message: str) -> ApiError:
    """Something that is not there."""
    return ApiError(HTTPStatus.NOT_FOUND, code, message)


def of_exception(error: BaseException, places: Mapping[Path, str]) -> ApiError:
    """Return the answer that an exception comes to, without paths of this machine, nor passwords.

    Args:
        error: whatever was raised.
        places: what to write in place of folders of this machine, such as "<workspace>".
    """
    if isinstance(error, ApiError):
        return ApiError(error.status, error.code, without_paths(error.message, places), error.advice)
    if isinstance(error, sdk.StoreException | OSError) and _is_full(error):
        return ApiError(HTTPStatus.INSUFFICIENT_STORAGE, "disk_full", without_paths(str(error), places))
    if isinstance(error, sdk.TraindockError):
        for kind, status in _STATUS:
            if isinstance(error, kind):
                code = "workspace_not_found" if error.code == "workspace" else error.code
                brief = error.brief if isinstance(error, sdk.EngineNotFoundException) else ""
                return ApiError(status, code, without_paths(brief or str(error), places))
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", f"an unexpected {type(error).__name__} was raised")


def trouble_document(trouble: Trouble | None, places: Mapping[Path, str]) -> dict[str, str] | None:
    """Return why no run of a workspace goes on, without paths of this machine; see :func:`of_exception`."""
    if trouble is None:
        return None
    return {"message": without_paths(trouble.message, places), "advice": without_paths(trouble.advice, places)}


def without_paths(text: str, places: Mapping[Path, str]) -> str:
    """Return ``text`` with names of known folders in place of their paths, and only the last part of other paths."""
    return mask(_ABSOLUTE.sub(lambda found: f"…/{found[1]}", with_names(text, places)))


def with_names(text: str, places: Mapping[Path, str]) -> str:
    """Return ``text`` with names of known folders in place of their paths."""
    for path, name in sorted(places.items(), key=lambda place: -len(str(place[0]))):
        if len(path.parts) > 1:
            text = text.replace(str(path), name)
    return text


def _is_full(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
