"""An image that a registry has under the name of an environment."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import docker.errors
import pytest

from traindock.images.containers import layers
from traindock.images.containers.engine_memory import EngineMemory
from traindock.images.containers.fill_request import ContainerBuild
from traindock.images.containers.shared_images import SharedImages
from traindock.images.uv import BuildLog

KEY = "a-key"
NAME = f"registry.example/team/traindock-environment:{KEY}"


class Building(Exception):
    """The image is about to be built."""


class Images:
    """An engine that has no image but what a registry gives it: one with a record of what is in it."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        self.names: set[str] = set()
        self.url = "unix:///the.sock"
        self.api = self

    def facts(self) -> Any:
        return SimpleNamespace(id="played", kind="rootful")

    def inspect_image(self, name: str) -> dict[str, str]:
        if name not in self.names:
            raise docker.errors.NotFound("no such image")
        return {"Id": "sha256:1"}

    def remove_image(self, name: str) -> None:
        self.names.remove(name)

    def create_container_from_config(self, _: dict[str, Any]) -> dict[str, str]:
        return {"Id": "probe"}

    def get_archive(self, _: str, path: str) -> tuple[list[bytes], None]:
        content, stream = json.dumps(self.record).encode(), io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w") as tar:
            member = tarfile.TarInfo(Path(path).name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        return [stream.getvalue()], None

    def remove_container(self, *_: str, force: bool) -> None:
        pass


class Registry:
    """What :class:`SharedImages` is for a workspace with a registry that has the image."""

    def __init__(self, engine: Images) -> None:
        self.fetched: list[str] = []
        self.warnings: list[str] = []
        self._engine = engine

    def fetch(self, local: str) -> bool:
        self._engine.names |= {local, NAME}
        self.fetched.append(NAME)
        return True


def build(engine: Images, registry: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch) -> layers.Image:
    """Pull the image or raise `Building`."""

    def begin(*_: object) -> str:
        raise Building

    monkeypatch.setattr(layers, "tagged", begin)
    with BuildLog(folder / "build.txt") as log:
        wanted = SimpleNamespace(
            key=KEY,
            base=None,
            recipe=SimpleNamespace(built_after=None),
            requirements=(),
            translation=SimpleNamespace(unknown=()),
            sources=SimpleNamespace(secrets=(), files={}, folders=()),
            settings=SimpleNamespace(variables={"PATH": ""}),
            labels={},
            log=log,
            cancelled=lambda: False,
        )
        memory = EngineMemory(folder / "environments", cast("Any", engine))
        return layers.build(cast("Any", engine), memory, cast("ContainerBuild", wanted), cast("SharedImages", registry))


def test_is_used_where_it_was_made_for_that_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Images({"key": KEY, "packages": ["alpha 1.5"]})
    found = build(engine, Registry(engine), tmp_path, monkeypatch)
    assert (found.pulled, found.record["packages"]) == (NAME, ["alpha 1.5"])


def test_is_not_used_where_it_was_made_for_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write to the registry can give a name to any image: it would run with other packages."""
    engine = Images({"key": "another-key", "packages": ["alpha 1.4"]})
    registry = Registry(engine)
    with pytest.raises(Building):
        build(engine, registry, tmp_path, monkeypatch)
    assert engine.names == set(), "the next run would find it here, and not ask where it is from"
    assert registry.fetched == []
    assert "is not an image of this environment" in registry.warnings[0]
