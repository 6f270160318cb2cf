"""The document's schemas of compute targets' settings say what the SDK takes: the same names, defaults and values."""

from __future__ import annotations

from inspect import signature
from typing import Any

import pytest

from jupyterlab_traindock import api_document
from jupyterlab_traindock.managers.computes import configured
from jupyterlab_traindock.schemas import Schema
from traindock.compute_target import class_of, kinds
from traindock.errors import UserErrorException

SCHEMAS = {"local": "LocalSettings", "docker": "DockerSettings"}
SETTINGS = [
    (kind, name) for kind in kinds() for name in signature(class_of(kind).provisioning_configuration).parameters
]

#: Values that requests could have for one setting or another.
VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2, 0.001, 0.01, 0.5, 6.0, 1800, 16 << 20, (16 << 20) - 1, 1e300,
    "", " ", "x", "56g", "56 GiB", "1.5t", "g", "1", "lots", "STANDARD_NC6", "nc6", "NC6_", "no such",
    "dedicated", "lowpriority", "required", "optional", "maybe", "volume", "image", "auto", "zip",
    "none", "bridge", "container:x", "pasta:-T,5000", "my net", "unix:///var/run/docker.sock", "unix://x", "tcp://host:2375",
    [], {}, ["/tmp:/data"], ["/tmp:/data:ro"], ["/tmp:/data:rx"], ["/tmp:/"], ["tmp:/data"], ["/tmp"], [":"],
    [["/tmp", "/data"]], [["/tmp", "/data", True]], [["/tmp", "/data", "ro"]], [["/tmp", "/"]], [["/tmp"]], [1],
    {"a": "b"}, {"a": 1}, ["a"],
]  # fmt: skip

#: Of these the SDK takes more than the document lets through: whatever can be made a text, or a truth.
LENIENT = {"tags", "description", "read_only", "engine", "vm_size", "mounts"}
#: What only the SDK can see, and refuses in its own words.
UNSEEN = {
    ("docker", "memory", "'1'"): "less than 16 MiB as a text",
}


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


def schema_of(kind: str) -> Schema:
    return api_document.schema(SCHEMAS[kind])


def taken(kind: str, name: str, value: Any) -> bool:
    try:
        # As many nodes as any number of least ones may ask for.
        configured(kind, {**({"max_nodes": 10**400} if name == "min_nodes" else {}), name: value})
    except (UserErrorException, TypeError, ValueError, AttributeError):
        return False
    return True


def test_every_kind_can_be_made() -> None:
    assert set(SCHEMAS) == set(kinds())


@pytest.mark.parametrize("kind", kinds())
def test_the_same_names_and_defaults(kind: str) -> None:
    properties = schema_of(kind).described["properties"]
    parameters = signature(class_of(kind).provisioning_configuration).parameters

    assert list(properties) == list(parameters)
    for name, parameter in parameters.items():
        default = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
        assert properties[name]["default"] == default, name
        assert properties[name].get("description") or name in LENIENT, name


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
def test_the_same_values(kind: str, name: str) -> None:
    schema = schema_of(kind)
    for value in VALUES:
        let_through = not list(schema.errors({name: value}))
        if (kind, name, repr(value)) in UNSEEN:
            assert let_through
            assert not taken(kind, name, value)
        elif name in LENIENT:
            assert taken(kind, name, value) or not let_through, value
        else:
            assert taken(kind, name, value) == let_through, value


@pytest.mark.parametrize("kind", kinds())
def test_what_a_target_was_made_with_can_be_sent_again(kind: str) -> None:
    """So that a form can show the settings and send them back."""
    more = {"mounts": ["/tmp:/data:ro"], "cpus": 2, "memory": "1g", "tags": {"a": "b"}} if kind == "docker" else {}
    settings = dict(configured(kind, more).settings)

    assert [error.message for error in schema_of(kind).errors(settings)] == []
    assert dict(configured(kind, settings).settings) == settings
