"""Images and real registries: what is built upon, what is shared, as whom, and what is said of one that refuses."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docker import registries
from tests.docker.conftest import remove_images
from tests.docker.places import WORKSPACE_LABEL, Place
from tests.docker.registries import PASSWORD, USER, Gate, Served, free_port, log_in, serve

from traindock.errors import (
    ImageNotFoundException,
    RegistryDeniedException,
    RegistryException,
    RegistryInsecureException,
    RegistryUnreachableException,
)
from traindock.images.container_base import ContainerBase
from traindock.images.containers.environments import ContainerEnvironment
from traindock.images.containers.registries import credentials, push
from traindock.images.containers.registry_names import name_in
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled

if TYPE_CHECKING:
    import docker


#: This machine, by an address that engines do not take for its own, so that they want TLS.

pytestmark = pytest.mark.needs("loopback")

UNTRUSTED = "0.0.0.0"


@pytest.fixture
def guarded(served: Served, preloaded: str, engine: docker.DockerClient, tmp_path: Path) -> Iterator[str]:
    """A registry that lets in only one user, with the same images; its address and path."""
    (tmp_path / "guarded").mkdir()
    with serve(tmp_path / "guarded", storage=served.storage, password=True) as made:
        yield f"{made.address}/{preloaded}"
        remove_images(engine, made.address)


def push_all(place: Place, made: ContainerEnvironment, registry: str) -> None:
    """Push what was made for an environment, as a dispatcher does after the launch of a job."""
    for local, image in made.images.items():
        name = name_in(registry, local)
        push(place.engine, image, name, credentials(name, None, place.settings.variables), print, lambda: False)


def on_another_engine(place: Place, tmp_path: Path, made: ContainerEnvironment) -> Place:
    """The same as another workspace, on an engine that has none of what was made for an environment."""
    for image in reversed(made.images.values()):
        place.engine.api.remove_image(image, force=True)
    remove_images(place.engine.client, place.registry)
    other = Place(
        tmp_path / secrets.token_hex(4), place.engine.url, place.base, place.shelf, place.labels[WORKSPACE_LABEL]
    )
    other.registry = place.registry
    return other


class TestBases:
    def test_an_image_that_a_registry_has_not_is_said_to_be_unknown(self, place: Place, registry: str) -> None:
        with pytest.raises(ImageNotFoundException, match=rf"there is no image {registry}/it:1 at .*check its name"):
            place.prepare(Recipe(container=ContainerBase(image=f"{registry}/it:1")))

    def test_one_that_wants_to_know_who_asks_is_told_what_the_environment_says(
        self, place: Place, guarded: str
    ) -> None:
        host, _, path = guarded.partition("/")
        image = f"{path}/traindock-base:1"
        with pytest.raises(
            RegistryDeniedException, match=rf"does not give out .*docker login {host}.*base_image_registry"
        ):
            place.prepare(Recipe(container=ContainerBase(image=f"{host}/{image}")))
        wrong = ContainerBase(image=image, registry=f"http://{USER}:wrong@{host}")
        with pytest.raises(RegistryDeniedException, match="does not give out"):
            place.prepare(Recipe(container=wrong))
        right = ContainerBase(image=image, registry=f"http://{USER}:p%40ss@{host}")
        assert place.prepare(Recipe(container=right)).base_digest.startswith(f"{host}/{path}/traindock-base@sha256:")
        assert PASSWORD not in place.log
        assert "p%40ss" not in place.log

    def test_what_is_pulled_is_known_by_its_digest_and_a_rebuild_pulls_anew(self, place: Place, registry: str) -> None:
        images = place.engine.client.images
        name = f"{registry}/it"
        registries.push(place.engine.client, place.base, name)
        images.remove(f"{name}:1")
        recipe = Recipe(container=ContainerBase(image=f"{name}:1"))
        looked = place.plan(recipe)
        assert (looked.how, looked.base_id) == ("build", "")
        assert "is to be pulled" in looked.why
        made = place.prepare(recipe)
        assert made.base_digest.startswith(f"{name}@sha256:")
        assert place.plan(recipe).base_digest == made.base_digest
        before = place.log.count("Pulling")
        place.prepare(recipe)
        assert place.log.count("Pulling") == before
        place.prepare(replace(recipe, built_after=time.time()))
        assert place.log.count("Pulling") == before + 1

    def test_an_image_by_its_digest_stays_the_same_when_its_tag_moves(self, place: Place, registry: str) -> None:
        name = f"{registry}/it"
        registries.push(place.engine.client, place.base, name)
        first = place.prepare(Recipe(container=ContainerBase(image=f"{name}:1")))
        made = place.prepare(Recipe(container=ContainerBase(image=first.base_digest)))
        assert (made.base_id, made.base_digest) == (first.base_id, first.base_digest)


class TestSharing:
    def test_an_environment_that_another_engine_made_is_pulled_and_not_built(
        self, place: Place, registry: str, tmp_path: Path
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = registry
        recipe = Recipe(pip=("alpha",))
        made = place.prepare(recipe, "auto")
        assert (made.how, made.form) == ("built", "image")
        assert f"{registry} does not have it: it is built here" in place.log
        push_all(place, made, registry)
        other = on_another_engine(place, tmp_path, made)
        other.prepare(Recipe())
        planned = other.plan(recipe, "auto")
        assert planned.how == "build"
        assert f"it is pulled from {registry}, or built" in planned.why
        pulled = other.prepare(recipe, "auto")
        assert (pulled.how, pulled.key, pulled.image) == ("pulled", made.key, made.image)
        assert f"pulled from {registry}" in pulled.why
        assert (pulled.packages, pulled.warnings) == (("alpha==1.5",), ())
        assert f"Pulled from {registry}" in other.log
        assert "Step " not in other.log
        assert other.ask(pulled, "import alpha; print(alpha.version)") == "1.5"
        assert other.prepare(recipe, "auto").how == "cached"

    def test_so_is_what_a_dockerfile_makes_which_no_other_engine_could_make_alike(
        self, place: Place, registry: str, tmp_path: Path
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = registry
        text = f"FROM {place.base}\nRUN date +%N > /made-at; echo {secrets.token_hex(4)}\n"
        recipe = Recipe(pip=("alpha",), container=ContainerBase(dockerfile=text))
        made = place.prepare(recipe, "auto")
        assert len(made.images) == 2
        push_all(place, made, registry)
        other = on_another_engine(place, tmp_path, made)
        pulled = other.prepare(recipe, "auto")
        assert (pulled.how, pulled.base_id, pulled.key) == ("pulled", made.base_id, made.key)
        assert "Step " not in other.log

    def test_a_rebuild_takes_nothing_from_there(self, place: Place, registry: str, tmp_path: Path) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = registry
        recipe = Recipe(pip=("alpha",))
        push_all(place, made := place.prepare(recipe, "auto"), registry)
        other = on_another_engine(place, tmp_path, made)
        assert other.prepare(replace(recipe, built_after=time.time()), "auto").how == "built"

    def test_a_registry_that_is_gone_costs_one_look_and_a_warning(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = f"127.0.0.1:{free_port()}/team"
        text = f"FROM {place.base}\nRUN echo {secrets.token_hex(4)}\n"
        made = place.prepare(Recipe(pip=("alpha",), container=ContainerBase(dockerfile=text)), "auto")
        assert made.how == "built"
        (warning,) = made.warnings
        assert "cannot be pulled from 127.0.0.1" in warning
        assert "nothing answers there. Start it, or correct the address of [docker] registry" in warning
        assert "so it was built here" in warning
        assert place.log.count(f"Pulling {place.registry}") == 1

    def test_another_image_under_the_name_of_an_environment_is_not_used(
        self, place: Place, registry: str, tmp_path: Path
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        made = place.prepare(recipe, "image")
        place.registry = registry
        place.engine.api.remove_image(made.image, force=True)
        registries.push(place.engine.client, place.base, f"{registry}/{place.repository}-environment", made.key)
        again = place.prepare(recipe, "auto")
        assert again.how == "built"
        assert any("is not an image of this environment" in text for text in again.warnings)
        assert place.ask(again, "import alpha; print(alpha.version)") == "1.5"

    def test_a_volume_wants_nothing_of_it(self, place: Place, registry: str) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = registry
        made = place.prepare(Recipe(pip=("alpha",)), "volume")
        assert made.images == {}
        assert registry not in place.log


class TestWhoAsks:
    def test_whoever_has_logged_in_by_docker_since_pushes_and_pulls(
        self, place: Place, guarded: str, tmp_path: Path
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.registry = guarded
        recipe = Recipe(pip=("alpha",))
        made = place.prepare(recipe, "auto")
        (warning,) = made.warnings
        assert f"log in with `docker login {guarded.partition('/')[0]}`" in warning
        with pytest.raises(RegistryDeniedException, match=r"does not take .*log in with `docker login 127"):
            push_all(place, made, guarded)
        log_in(place.root / ".docker", guarded.partition("/")[0])  # HOME of the one who submits
        push_all(place, made, guarded)
        other = on_another_engine(place, tmp_path, made)
        log_in(other.root / ".docker", guarded.partition("/")[0])
        assert other.prepare(recipe, "auto").how == "pulled"
        assert PASSWORD not in place.log + other.log

    @pytest.mark.filterwarnings("ignore:.*not installed or not available in PATH")
    @pytest.mark.parametrize("kind", ["credsStore", "credHelpers"])
    def test_a_program_for_credentials_is_asked(
        self, guarded: str, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        host = guarded.partition("/")[0]
        program = tmp_path / "docker-credential-traindock-test"
        answer = json.dumps({"ServerURL": host, "Username": USER, "Secret": PASSWORD})
        program.write_text(f"#!/bin/sh\ncat > /dev/null\ncat <<'END'\n{answer}\nEND\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        named = "traindock-test" if kind == "credsStore" else {host: "traindock-test"}
        (place.root / ".docker").mkdir(parents=True)
        (place.root / ".docker" / "config.json").write_text(json.dumps({kind: named}))
        name = f"{guarded}/traindock-base:{secrets.token_hex(4)}"
        image = place.engine.api.inspect_image(place.base)["Id"]
        told = credentials(name, None, place.settings.variables)
        assert push(place.engine, image, name, told, print, lambda: False).startswith("sha256:")
        program.unlink()
        with pytest.raises(
            RegistryDeniedException, match=rf"config\.json names for the credentials of {host} does not"
        ):
            credentials(name, None, place.settings.variables)

    def test_what_everybody_may_pull_is_pulled_though_they_cannot_be_had(self, place: Place, registry: str) -> None:
        registries.push(place.engine.client, place.base, f"{registry}/it")
        place.engine.api.remove_image(f"{registry}/it:1")
        (place.root / ".docker").mkdir(parents=True)
        (place.root / ".docker" / "config.json").write_text("{")
        assert place.prepare(Recipe(container=ContainerBase(image=f"{registry}/it:1"))).how == "base"
        assert "config.json, Docker's configuration" in place.log

    def test_a_configuration_that_is_damaged_is_named(self, place: Place) -> None:
        (place.root / ".docker").mkdir(parents=True)
        file = place.root / ".docker" / "config.json"
        for damaged in ("{", '{"auths": {"a.example": {"auth": "?"}}}', '{"auths": {"a.example": 3}}'):
            file.write_text(damaged)
            with pytest.raises(
                RegistryDeniedException, match=r"config\.json, Docker's configuration .* cannot be read"
            ):
                credentials("a.example/it", None, place.settings.variables)

    def test_docker_config_says_where_it_is(self, tmp_path: Path) -> None:
        log_in(tmp_path / "elsewhere", "a.example")
        variables = {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path / "elsewhere")}
        nobody = credentials("a.example/it:1", None, {"HOME": str(tmp_path)})
        assert credentials("a.example/it:1", None, variables) != nobody
        assert credentials("b.example/it:1", None, variables) == nobody


class TestRefusals:
    """What an engine says in the middle of the stream of a push, or in its answer to a pull."""

    def _refused(self, place: Place, address: str) -> tuple[RegistryException, RegistryException]:
        name = f"{address}/it:{secrets.token_hex(4)}"
        nobody = credentials(name, None, {"HOME": str(place.root)})
        image = place.engine.api.inspect_image(place.base)["Id"]
        try:
            with pytest.raises(RegistryException) as pushed:
                push(place.engine, image, name, nobody, print, lambda: False)
            place.engine.api.remove_image(name)
            with pytest.raises(RegistryException) as pulled:
                place.prepare(Recipe(container=ContainerBase(image=name)))
        finally:
            remove_images(place.engine.client, address)
        return pushed.value, pulled.value

    def test_nothing_listens_there(self, place: Place) -> None:
        for refused in self._refused(place, f"127.0.0.1:{free_port()}"):
            assert isinstance(refused, RegistryUnreachableException)
            assert "nothing answers there. Start it, or correct the address" in str(refused)

    def test_there_is_no_such_host(self, place: Place) -> None:
        for refused in self._refused(place, "registry.invalid:5000"):
            assert isinstance(refused, RegistryUnreachableException)
            assert "no such host is known to the container engine. Check the address" in str(refused)

    def test_it_speaks_http_where_the_engine_wants_https(self, place: Place, tmp_path: Path) -> None:
        with serve(tmp_path, host="0.0.0.0") as served:
            for refused in self._refused(place, served.address):
                assert isinstance(refused, RegistryInsecureException)
                assert f'daemon.json, {{"insecure-registries": ["{served.address}"]}}, and restart' in str(refused)

    def test_its_certificate_is_not_trusted(self, place: Place, tmp_path: Path) -> None:
        with serve(tmp_path, host="0.0.0.0", encrypted=True) as served:
            for refused in self._refused(place, served.address):
                assert isinstance(refused, RegistryInsecureException)
                assert f"/etc/docker/certs.d/{served.address}/ca.crt" in str(refused)

    def test_it_lets_nobody_in(self, place: Place, guarded: str) -> None:
        for refused in self._refused(place, guarded):
            assert isinstance(refused, RegistryDeniedException)
            assert f"log in with `docker login {guarded.partition('/')[0]}`" in str(refused)

    def test_an_image_that_was_removed_meanwhile_is_not_pushed(self, place: Place, registry: str) -> None:
        with pytest.raises(RegistryException, match="was removed from the container engine meanwhile"):
            push(place.engine, f"sha256:{'0' * 64}", f"{registry}/it:1", "e30=", print, lambda: False)

    def test_a_push_is_broken_off_at_once(self, place: Place, served: Served) -> None:
        gate = Gate(served.address)
        name = f"{gate.address}/{secrets.token_hex(4)}:1"
        image = place.engine.api.inspect_image(place.base)["Id"]
        canceled = threading.Event()
        threading.Thread(target=lambda: (gate.asked.wait(), canceled.set()), daemon=True).start()
        try:
            with pytest.raises(BuildCanceled):
                push(place.engine, image, name, "e30=", print, canceled.is_set)
        finally:
            gate.close()
            remove_images(place.engine.client, gate.address)
