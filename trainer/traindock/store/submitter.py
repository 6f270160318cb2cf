"""The environment variables of whoever submitted a run: its job and its build get these, whoever runs the dispatcher.

They lie in a file of their own beside ``run.json``, readable by its owner only, since tokens and passwords are among
them; the signed spec has the file's hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Final

from traindock.errors import StoreException
from traindock.store.files import canonical_json, write_atomic
from traindock.store.layout import RunLayout

#: Starts of the names of what concerns the submitter's own process, and would only confuse a job.
_OWN: Final = (
    *("TRAINDOCK_", "AZUREML_RUN_", "AZUREML_OUTPUT_", "PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV"),
    *("INVOCATION_ID", "JOURNAL_STREAM", "JPY_", "JUPYTERHUB_API_TOKEN", "PYDEVD_", "CUDA_VISIBLE_DEVICES"),
)
#: What belongs to the submitter's terminal.
_OF_THE_TERMINAL: Final = frozenset(
    {
        *("_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "WINDOWID", "STY", "TMUX", "TMUX_PANE", "LS_COLORS"),
        *("PS1", "PROMPT_COMMAND", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TERM_SESSION_ID", "VTE_VERSION"),
    }
)
#: What a notebook's kernel sets for the commands that its cells call.
_OF_A_KERNEL: Final = frozenset({"TERM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "PAGER", "GIT_PAGER"})
#: The backend with which matplotlib draws into a notebook, and which a job's environment need not have.
_INLINE: Final = ("module://matplotlib_inline", "module://ipykernel")


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a job gets of a submitter's environment variables; by default of this process's."""
    given = os.environ if environment is None else environment
    left = {name: value for name, value in given.items() if not name.startswith(_OWN) and name not in _OF_THE_TERMINAL}
    if "JPY_PARENT_PID" in given:
        left = {name: value for name, value in left.items() if name not in _OF_A_KERNEL}
    if left.get("MPLBACKEND", "").startswith(_INLINE):
        del left["MPLBACKEND"]
    return left


def encode(variables: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the content of the file for :func:`write`, and its SHA-256 (hex) for the spec."""
    content = canonical_json(dict(variables))
    return content, hashlib.sha256(content).hexdigest()


def write(run: RunLayout, content: bytes) -> None:
    """Put the file into a run that is not published yet.

    Raises:
        StoreException: the disk is full or refuses.
    """
    write_atomic(run.submitter_json, content)


def read(run: RunLayout, expected: str) -> dict[str, str]:
    """Return the submitter's variables.

    Args:
        run: the run.
        expected: SHA-256 of the file, from the signed spec; "" where an older version submitted the run, or none was
            recorded: then this process's own stand in for them.

    Raises:
        StoreException: the file is missing, or is not the one that was submitted.
    """
    if not expected:
        return variables()
    path = run.submitter_json
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreException(
            f"the submitter's environment variables cannot be read: {path}: {error.strerror}. Submit the run again."
        ) from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise StoreException(f"{path} was changed after the run was submitted: submit the run again.")
    found: dict[str, str] = json.loads(content)
    return found


def known(run: RunLayout, expected: str) -> dict[str, str]:
    """Return the submitter's variables as far as they are kept and can be read now; {} where not.

    Args:
        run: the run.
        expected: as for :func:`read`.
    """
    if not expected:
        return {}
    try:
        return read(run, expected)
    except StoreException:
        return {}
