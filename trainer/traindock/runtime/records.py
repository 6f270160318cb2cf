"""Small values that a run hands out inside a job."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict


class Workspace:
    """The workspace, by name and id; more of it is not reachable from inside a job."""

    def __init__(self, name: str, id: str) -> None:  # noqa: A002 - Azure's name
        self.name, self.id = name, id

    def __repr__(self) -> str:
        return f"Workspace(name={self.name!r}, id={self.id!r})"


class Experiment:
    """The experiment, by name, and its workspace."""

    def __init__(self, name: str, workspace: Workspace) -> None:
        self.name, self.workspace = name, workspace

    def __repr__(self) -> str:
        return f"Experiment(name={self.name!r}, workspace={self.workspace.name!r})"


class RegisteredModel:
    """What a registration gave.

    Attributes:
        name: the model's name.
        version: from 1; None outside of a job, where nothing is registered.
        id: ``<name>:<version>``.
        tags: texts by key.
        properties: texts by key.
        description: a text for people.
    """

    def __init__(self, name: str, version: int | None, fields: Dict[str, Any]) -> None:
        self.name, self.version = name, version
        self.id = str(fields.get("id") or f"{name}:{version}")
        self.tags: Dict[str, str] = dict(fields.get("tags") or {})
        self.properties: Dict[str, str] = dict(fields.get("properties") or {})
        self.description = str(fields.get("description") or "")

    def __repr__(self) -> str:
        return f"Model(name={self.name}, id={self.id}, version={self.version})"


class JobEnvironment:
    """What a script runs in.

    Attributes:
        name: the interpreter's folder.
        python: path of the interpreter.
        python_version: such as "3.11.7".
        environment_variables: a copy of the process's own.
    """

    def __init__(self) -> None:
        self.name = os.path.basename(sys.prefix)
        self.python = sys.executable
        self.python_version = ".".join(map(str, sys.version_info[:3]))
        self.environment_variables = dict(os.environ)

    def __repr__(self) -> str:
        return f"JobEnvironment(name={self.name!r}, python={self.python!r})"
