"""The Dockerfiles that Traindock writes, and the command line of the builder that it prefers."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from traindock.errors import EnvironmentBuildException
from traindock.images.containers.build_inputs import BuildContext, ImageBuild
from traindock.images.containers.buildx import has_buildx
from traindock.images.containers.dockerfiles import EnvironmentLayers, apt_layer, environment, images_of
from traindock.images.containers.engine_builds import build_image
from traindock.images.containers.layers import split
from traindock.images.uv import BuildCanceled, BuildLog

BUILDX = """#!{python}
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
if sys.argv[1:3] == ["buildx", "version"]:
    print("github.com/docker/buildx v0.12.0")
    sys.exit()
words = sys.argv[1:]
secrets = {{w.split(",")[0].removeprefix("id="): w.partition("src=")[2] for w in words if w.startswith("id=")}}
told = {{
    "words": words,
    "context": sorted(os.listdir(words[-1])),
    "dockerfile": pathlib.Path(words[words.index("--file") + 1]).read_text(),
    "secrets": {{name: pathlib.Path(path).read_text() for name, path in secrets.items()}},
    "modes": [os.stat(path).st_mode & 0o777 for path in secrets.values()],
    "host": os.environ.get("DOCKER_HOST"),
    "elsewhere": [name for name in ("DOCKER_CONTEXT", "BUILDX_BUILDER") if name in os.environ],
    "proxy": os.environ.get("HTTPS_PROXY"),
}}
(here / "told.json").write_text(json.dumps(told))
print("#5 [2/3] RUN something", flush=True)
if (here / "slow").exists():
    time.sleep(60)
if (here / "fails").exists():
    print("#5 0.1 the words of the step")
    print("#5 ERROR: process \\"something\\" did not complete successfully: exit code: 1")
    print("------")
    print(" > [2/3] RUN something:")
    print("------")
    print("ERROR: failed to solve: process \\"something\\" did not complete successfully: exit code: 1")
    sys.exit(1)
"""


FACTS = SimpleNamespace(root_dir="/var/lib/docker", kind="rootful")
ENGINE: Any = SimpleNamespace(url="unix:///the.sock", facts=lambda: FACTS)
PODMAN: Any = SimpleNamespace(url="unix:///the.sock", facts=lambda: SimpleNamespace(kind="rootless podman"))


class Buildx:
    """A ``docker`` that has buildx, as far as its command line goes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "build.txt"
        program = folder / "docker"
        program.write_text(BUILDX.format(python=sys.executable))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.variables = {"PATH": str(folder), "DOCKER_CONTEXT": "elsewhere", "BUILDX_BUILDER": "cloud"}

    def build(self, **options: object) -> None:
        build = ImageBuild(
            proxies={"HTTPS_PROXY": "http://me:SECRET@proxy:3128"},
            network="host",
            secrets={"variables": b"PASSWORD"},
            variables=self.variables,
        )
        context = BuildContext("FROM scratch\n", None, {"fill.py": (b"", 0o644), "packages/a.whl": (b"", 0o644)})
        cancelled = options.get("cancelled", lambda: False)
        with BuildLog(self.log) as log:
            build_image(ENGINE, build, "a/b:c", context, anew=True, log=log, cancelled=cancelled)  # type: ignore[arg-type]


@pytest.fixture
def buildx(tmp_path: Path) -> Buildx:
    return Buildx(tmp_path)


class TestBuildx:
    def test_is_preferred_where_the_command_line_has_it(self, buildx: Buildx, tmp_path: Path) -> None:
        assert has_buildx(ENGINE, buildx.variables)
        assert not has_buildx(ENGINE, {"PATH": str(tmp_path / "empty")})

    def test_is_found_once_it_is_installed_and_then_not_asked_for_again(self, tmp_path: Path) -> None:
        """Whoever was told to install it need not end the dispatcher that said so."""
        assert not has_buildx(ENGINE, {"PATH": str(tmp_path)})
        buildx = Buildx(tmp_path)
        assert has_buildx(ENGINE, buildx.variables)
        (buildx.folder / "docker").unlink()
        assert has_buildx(ENGINE, buildx.variables)

    def test_is_not_taken_on_an_engine_that_has_no_buildkit(self, buildx: Buildx) -> None:
        assert not has_buildx(PODMAN, buildx.variables)

    def test_is_not_what_podman_has_under_that_name(self, tmp_path: Path) -> None:
        program = tmp_path / "docker"
        program.write_text("#!/bin/sh\necho buildah 1.28.2\n")
        program.chmod(0o755)
        assert not has_buildx(ENGINE, {"PATH": str(tmp_path)})

    def test_gets_secrets_as_files_that_only_we_can_read_and_none_in_its_command_line(self, buildx: Buildx) -> None:
        buildx.build()
        told = json.loads((buildx.folder / "told.json").read_text())
        assert told["secrets"] == {"variables": "PASSWORD"}
        assert told["modes"] == [0o600]
        assert "SECRET" not in " ".join(told["words"])
        assert "PASSWORD" not in " ".join(told["words"])
        assert told["proxy"] == "http://me:SECRET@proxy:3128"
        assert "SECRET" not in buildx.log.read_text()

    def test_is_asked_for_plain_lines_and_an_image_of_that_engine(self, buildx: Buildx) -> None:
        buildx.build()
        told = json.loads((buildx.folder / "told.json").read_text())
        words = told["words"]
        assert words[:2] == ["buildx", "build"]
        assert {"--progress=plain", "--load", "--no-cache"} <= set(words)
        assert words[words.index("--tag") + 1] == "a/b:c"
        assert words[words.index("--network") + 1] == "host"
        assert words[words.index("--build-arg") + 1] == "HTTPS_PROXY"
        assert told["host"] == "unix:///the.sock"
        assert words[words.index("--builder") + 1] == "default"  # whichever the user has chosen for other work
        assert told["elsewhere"] == []
        assert told["context"] == ["fill.py", "packages"]
        assert told["dockerfile"] == "FROM scratch\n"

    def test_a_failure_gives_the_step_and_its_last_lines(self, buildx: Buildx) -> None:
        (buildx.folder / "fails").touch()
        with pytest.raises(EnvironmentBuildException, match=r"Step 2/3 : RUN something failed: The command") as caught:
            buildx.build()
        assert caught.value.log_tail == ["the words of the step"]

    def test_is_ended_at_once_by_a_cancel(self, buildx: Buildx) -> None:
        (buildx.folder / "slow").touch()
        with pytest.raises(BuildCanceled):
            buildx.build(cancelled=(buildx.folder / "told.json").exists)


LAYERS = EnvironmentLayers(
    base="traindock/base:id-1",
    python="/usr/bin/python3",
    requests=("framework.json", "packages.json"),
    user="app",
    key="k",
)


def test_the_framework_has_a_layer_of_its_own_below_the_packages() -> None:
    lines = environment(LAYERS).splitlines()
    runs = [number for number, line in enumerate(lines) if line.startswith("RUN")]
    assert "framework.json" in lines[runs[0]]
    assert "packages.json" in lines[runs[1]]
    # what only the second needs comes after the first, so that it does not undo the first's place in the cache
    assert lines.index("COPY packages.json /opt/traindock/builder/") > runs[0]


def test_no_shell_is_needed_and_the_images_own_user_comes_back() -> None:
    lines = environment(LAYERS).splitlines()
    assert all(json.loads(line.removeprefix("RUN ")) for line in lines if line.startswith("RUN"))
    assert lines[1] == "USER root"
    assert lines[-1] == "USER app"


def test_secrets_are_mounted_where_the_builder_can() -> None:
    layers = EnvironmentLayers(
        base="b", python="p", requests=("packages.json",), user="", key="k",
        secrets=(("netrc", "/x/netrc"),), secret_variables="/x/secrets.json",
    )  # fmt: skip
    text = environment(layers)
    assert "--mount=type=secret,id=netrc,target=/x/netrc" in text
    assert '"/x/secrets.json"]' in text
    assert "USER root" in text
    assert "--mount" not in environment(LAYERS)


def test_torch_and_nvidia_are_the_framework_however_they_are_asked_for() -> None:
    asked = ("Torch==2.1.*", "nvidia_cudnn_cu12==8.9", "numpy<2", "six", "torch-geometric")
    framework, everything = split(asked)
    assert framework == ("Torch==2.1.*", "nvidia_cudnn_cu12==8.9", "numpy<2")
    assert everything == asked
    assert split(("numpy<2", "six"))[0] == ()


def test_system_packages_leave_no_lists_behind_and_are_in_one_order() -> None:
    text = apt_layer("b", ["z", "a", "z"], "")
    assert "--no-install-recommends a z " in text
    assert "rm -rf /var/lib/apt/lists" in text
    assert text == apt_layer("b", ["a", "z"], "")


def test_the_images_that_a_dockerfile_starts_from_are_found() -> None:
    text = "FROM --platform=linux/amd64 a:1 AS one\nFROM b\nCOPY --from=one x y\nFROM one\nFROM scratch\nFROM $BASE\n"
    assert images_of(text) == ("a:1", "b")


def test_what_a_step_reads_from_the_lines_below_it_starts_from_no_image() -> None:
    text = (
        "# syntax=docker/dockerfile:1\nfrom a:1\nRUN <<-END sh && \\\n  # and\n\n  true\n\tfrom os import path\n\tEND\n"
        'COPY <<A <<"B.sql" /x/\nFROM one\nA\nFROM two\nB.sql\nRUN cat <<< FROM\nENV X=<<Y\nFROM b:2\n'
    )
    assert images_of(text) == ("a:1", "b:2")


class TestContext:
    def test_any_change_of_what_may_be_copied_changes_it(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")
        (tmp_path / "notes.md").write_text("1")
        (tmp_path / ".dockerignore").write_text("*.md\n")
        first = BuildContext("FROM x\n", str(tmp_path)).digest()
        (tmp_path / "notes.md").write_text("2")
        assert BuildContext("FROM x\n", str(tmp_path)).digest() == first
        (tmp_path / "a").write_text("2")
        second = BuildContext("FROM x\n", str(tmp_path)).digest()
        assert second != first
        assert BuildContext("FROM y\n", str(tmp_path)).digest() != second

    def test_a_folder_that_is_gone_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EnvironmentBuildException, match="nope that the Dockerfile copies from does not exist"):
            BuildContext("FROM x\n", str(tmp_path / "nope")).digest()
