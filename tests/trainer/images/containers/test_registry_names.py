"""Addresses of registries: what may stand in settings.toml, and what images are called there."""

from __future__ import annotations

import pytest

from traindock.errors import UserErrorException
from traindock.images.containers.registry_names import check_registry, name_in, repository_of, tag_of


@pytest.mark.parametrize(
    "address",
    ["localhost:5000", "localhost", "r.example.org", "R.example.org:443/a/b-c", "10.0.0.7:5000/team", "docker.io/me"],
)
def test_addresses_are_host_port_and_path(address: str) -> None:
    check_registry(address)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("https://r.example.org/team", "'https://r.example.org/team' begins with a scheme: write 'r.example.org/team'"),
        ("r.example.org/", "'r.example.org/' ends with '/': write 'r.example.org'"),
        ("team", "'team' names no host: .* write 'docker.io/team' for Docker Hub"),
        ("me/it", "'me/it' names no host"),
        ("r.example.org:70000", "port 70000"),
        ("r.example.org/Team", "'r.example.org/Team' cannot .*lower case, such as 'r.example.org/team'"),
        ("r.example.org/a b", "'r.example.org/a b' cannot begin the name of an image"),
        ("r.example.org/it:1.0", "cannot begin the name of an image"),
        ("r.example.org//a", "cannot begin the name of an image"),
        ("-x.example", "names no host"),
        ("[::1]:5000", "names no host"),
        ("r.example.org/" + "a" * 200, "longer than"),
    ],
)
def test_any_other_is_refused_with_its_value_and_what_to_write(address: str, says: str) -> None:
    with pytest.raises(UserErrorException, match=says):
        check_registry(address)


@pytest.mark.parametrize("address", ["https://me:SECRET@r.example.org", "me:SECRET@r.example.org/team"])
def test_a_password_in_it_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UserErrorException, match=r"has a password in it: leave that out.*docker login") as caught:
        check_registry(address)
    assert "SECRET" not in str(caught.value)


def test_two_repositories_hold_all_images_under_the_tags_that_they_have_here() -> None:
    for local in ("traindock/environment:abc", "localhost/traindock/environment:abc"):
        assert name_in("r.example.org:5000/team", local) == "r.example.org:5000/team/traindock-environment:abc"


@pytest.mark.parametrize(
    ("name", "repository", "tag"),
    [
        ("python", "python", "latest"),
        ("localhost:5000/it", "localhost:5000/it", "latest"),
        ("localhost:5000/it:1", "localhost:5000/it", "1"),
        ("it:1@sha256:0", "it", "sha256:0"),
    ],
)
def test_names_come_apart_into_repository_and_tag(name: str, repository: str, tag: str) -> None:
    assert (repository_of(name), tag_of(name)) == (repository, tag)
