"""What engines say of registries, word for word, and what people are told in its place."""

from __future__ import annotations

import pytest

from traindock.errors import (
    ImageNotFoundException,
    RegistryDeniedException,
    RegistryException,
    RegistryInsecureException,
    RegistryUnreachableException,
)
from traindock.images.containers.registry_faults import not_pulled, not_pushed

NAME = "r.example.org:5000/team/traindock-environment:abc"
GET = 'Get "https://r.example.org:5000/v2/": '
CONNECTIONS = [
    (
        GET + "dial tcp 10.0.0.7:5000: connect: connection refused",
        RegistryUnreachableException,
        "nothing answers there",
    ),
    (GET + "EOF", RegistryUnreachableException, "nothing answers there"),
    (GET + "dial tcp: lookup r.example.org on 10.0.0.2:53: no such host", RegistryUnreachableException, "no such host"),
    (GET + "dial tcp: lookup r.example.org: Temporary failure in name resolution", RegistryUnreachableException, "DNS"),
    (GET + "dial tcp 10.0.0.7:5000: i/o timeout", RegistryUnreachableException, "does not answer.*proxy"),
    (GET + "net/http: TLS handshake timeout", RegistryUnreachableException, "does not answer"),
    (GET + "context deadline exceeded", RegistryUnreachableException, "does not answer"),
    (GET + "http: server gave HTTP response to HTTPS client", RegistryInsecureException, "insecure-registries"),
    (
        GET + "x509: certificate signed by unknown authority",
        RegistryInsecureException,
        r"certs\.d/r\.example\.org:5000",
    ),
]


@pytest.mark.parametrize(("text", "error", "says"), CONNECTIONS)
def test_connections_fail_alike_for_pulls_and_pushes(text: str, error: type[RegistryException], says: str) -> None:
    for fault in (not_pulled(NAME, text, "base"), not_pulled(NAME, text, "registry"), not_pushed(NAME, text)):
        assert type(fault) is error
        with pytest.raises(error, match=says):
            raise fault
        assert NAME in str(fault)
        assert text in str(fault)


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("no basic auth credentials", RegistryDeniedException, "docker login r.example.org:5000"),
        ("unauthorized: authentication required", RegistryDeniedException, "docker login r.example.org:5000"),
        ("denied: requested access to the resource is denied", RegistryDeniedException, "who may write there"),
        ("name unknown: The repository with name 'x' does not exist", ImageNotFoundException, "make it there first"),
        ("received unexpected HTTP status: 413 Request Entity Too Large", RegistryException, "no layer as large"),
        ("write /var/lib/registry: no space left on device", RegistryException, "make room"),
        ("toomanyrequests: slow down", RegistryException, "wait"),
        ("something new", RegistryException, "cannot be pushed to r.example.org:5000: something new"),
    ],
)
def test_pushes_are_refused_with_what_to_do(text: str, error: type[RegistryException], says: str) -> None:
    fault = not_pushed(NAME, text)
    assert type(fault) is error
    with pytest.raises(error, match=says):
        raise fault


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("manifest for r.example.org:5000/x:1 not found: manifest unknown", ImageNotFoundException, "check its name"),
        ("unauthorized: authentication required", RegistryDeniedException, "base_image_registry"),
        ("pull access denied for x, repository does not exist or may require 'docker login'",
         ImageNotFoundException, "not for everybody"),
        ("no matching manifest for linux/amd64 in the manifest list entries",
         RegistryException, "kind of processor: use another"),
        ("toomanyrequests: You have reached your pull rate limit", RegistryException, "or wait"),
        ("something new", RegistryException, "docker load.*or name another base_image"),
    ],
)  # fmt: skip
def test_pulls_are_refused_with_what_to_do(text: str, error: type[RegistryException], says: str) -> None:
    fault = not_pulled(NAME, text, "base")
    assert type(fault) is error
    with pytest.raises(error, match=says):
        raise fault


def test_what_to_change_is_said_where_it_stands() -> None:
    refused = CONNECTIONS[0][0]
    assert "in the image's name" in str(not_pulled(NAME, refused, "base"))
    assert "[docker] registry in settings.toml" in str(not_pulled(NAME, refused, "registry"))
    assert "base_image" not in str(not_pulled(NAME, "unauthorized", "registry"))
    assert "log in with `docker login`, or" in str(not_pulled("python:3.11", "unauthorized", "base"))
