"""The OpenAPI document, and requests checked against it: what it says of them is true because nothing else decides.

The document is put together from the files in ``openapi/``, one for each area, which have ``paths`` and what stands
under ``components``: ``schemas``, ``parameters``, ``responses``, ``requestBodies``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from jupyterlab_traindock.errors import invalid
from jupyterlab_traindock.schemas import Schema
from traindock._version import __version__

_JSON: Final = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A parameter of an operation: in the path or in the query.

    Attributes:
        name: as it stands in the request.
        required: whether it has to be there.
        schema: what it may be.
    """

    name: str
    required: bool
    schema: Schema

    def read(self, texts: Sequence[str]) -> Any:
        """Return what the texts of a request mean.

        Raises:
            ApiError: 400, where it may not be that.
        """
        schema = self.schema.described
        if schema.get("type") == "array":
            value: Any = [_read(text, schema["items"]) for text in texts]
        else:
            value = _read(texts[-1], schema)
        self.schema.check_named(self.name, value)
        return value


@dataclass(frozen=True)
class Operation:
    """What one method of one path takes.

    Attributes:
        id: its ``operationId``.
        path: by name, the parameters in the path.
        query: those in the query.
        body: schema of a JSON body; None where there is none.
        body_required: whether a body has to be there.
    """

    id: str
    path: tuple[Parameter, ...]
    query: tuple[Parameter, ...]
    body: Schema | None
    body_required: bool

    def arguments(self, path: Mapping[str, str], query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
        """Return the parameters of a request by name; those that lack have their default, or None.

        Raises:
            ApiError: 400; the text names the parameter. What the document does not know is passed over, since
                browsers add to a query what keeps them from their cache.
        """
        found: dict[str, Any] = {}
        for parameter in self.path:
            found[parameter.name] = parameter.read([path[parameter.name]])
        for parameter in self.query:
            texts = query.get(parameter.name)
            if texts:
                found[parameter.name] = parameter.read(texts)
            elif parameter.required:
                raise invalid(f"{parameter.name}: the query has to name it")
            else:
                schema = parameter.schema.described
                default = schema.get("default")
                found[parameter.name] = list(default or ()) if schema.get("type") == "array" else default
        return found


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document, as JSON has it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    whole: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    components: dict[str, dict[str, Any]] = {}
    folder = resources.files("jupyterlab_traindock").joinpath("openapi")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            part = yaml.load(file.read_text("utf-8"), loader)  # noqa: S506 -- the safe loader, or its twin in C
            paths.update(part.pop("paths", {}))
            for kind in ("schemas", "parameters", "responses", "requestBodies"):
                components.setdefault(kind, {}).update(part.pop(kind, {}))
            whole.update(part)
    whole["info"]["version"] = __version__
    whole["paths"] = paths
    whole["components"] = {**whole["components"], **components}
    return whole


@cache
def operations(path: str) -> dict[str, Operation]:
    """Return the operations of a path by method, in lower case.

    Args:
        path: as the document has it, such as "/workspaces/{workspace}".
    """
    described = document()["paths"][path]
    common = described.get("parameters", [])
    found = {}
    for method, operation in described.items():
        if method == "parameters":
            continue
        parameters = [_whole(one) for one in [*common, *operation.get("parameters", [])]]
        body = _whole(operation.get("requestBody", {}))
        schema = body.get("content", {}).get(_JSON, {}).get("schema")
        found[method] = Operation(
            id=operation["operationId"],
            path=tuple(_parameter(one) for one in parameters if one["in"] == "path"),
            query=tuple(_parameter(one) for one in parameters if one["in"] == "query"),
            body=None if schema is None else Schema(schema),
            body_required=bool(body.get("required")),
        )
    return found


@cache
def schema(name: str) -> Schema:
    """Return a schema of the document."""
    return Schema(_whole(document()["components"]["schemas"][name]))


def _parameter(described: Mapping[str, Any]) -> Parameter:
    return Parameter(described["name"], bool(described.get("required")), Schema(described["schema"]))


def _whole(value: Any) -> Any:
    """Return a part of the document with what its references stand for in their place."""
    if isinstance(value, Mapping):
        if "$ref" in value:
            target: Any = document()
            for step in value["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            return _whole(target)
        return {key: _whole(entry) for key, entry in value.items()}
    return [_whole(entry) for entry in value] if isinstance(value, list) else value


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    """Return what a text of a query or path means to a schema; the text itself where it means nothing."""
    kind = schema.get("type")
    if kind == "integer" and re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII):
        return int(text)
    if kind == "number":
        try:
            value = float(text)
        except ValueError:
            return text
        return value if value == value and abs(value) != float("inf") else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text
