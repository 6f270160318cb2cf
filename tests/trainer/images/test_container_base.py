"""What an environment says of the container it is for: checked when it is said, and never part of a local build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from traindock.docker_section import ContainerRegistry, DockerBuildContext
from traindock.environment import Environment
from traindock.errors import UserErrorException
from traindock.images.container_base import ContainerBase
from traindock.images.recipe import Recipe
from traindock.images.uv import masked


def test_only_the_image_that_it_comes_to_is_part_of_the_key() -> None:
    plain, with_base = Recipe(pip=("six",)), Recipe(pip=("six",), container=ContainerBase(image="python:3.11"))
    assert plain.key() == with_base.key()
    assert plain.key(base="sha256:1") == with_base.key(base="sha256:1")
    assert plain.key(base="sha256:1") not in (plain.key(), plain.key(base="sha256:2"))


def test_it_is_stored_with_the_run_and_comes_back() -> None:
    base = ContainerBase(
        image="me/it:1", apt=("ffmpeg",), registry="https://me:SECRET@r.example.org", arguments=("-t",)
    )
    recipe = Recipe(container=base)
    document = recipe.to_json()
    assert document["container"]["apt"] == ["ffmpeg"]
    assert Recipe.from_json(document) == recipe
    assert "SECRET" not in str(masked(document))
    assert Recipe.from_json(Recipe().to_json()).container is None


@pytest.mark.parametrize(
    "name",
    [
        "python",
        "python:3.11-slim",
        "r.example.org:5000/a/b_c:x",
        "localhost/x",
        f"a@sha256:{'0' * 64}",
        f"sha256:{'a' * 64}",
        "a" * 64,
        f"{'a' * 255}:{'t' * 128}@sha256:{'0' * 64}",
        f"r.example.org:5000/{'a' * 236}",
    ],
)
def test_valid_names_of_images_are_taken(name: str) -> None:
    assert ContainerBase(image=name).image == name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Me/It:1", "must be in lower case"),
        ("a b", "'python:3.11-slim'"),
        ("", "'python:3.11-slim'"),
        ("x:tag:tag", "'python:3.11-slim'"),
        ("--privileged", "'python:3.11-slim'"),
        (f"{'a' * 256}:1", r"'a{59}… cannot be .*: it has 256 characters without its tag, and 255 is the most"),
        (f"r.example.org:5000/{'a' * 237}", "it has 256 characters"),
    ],
)
def test_a_name_that_no_image_can_have_is_refused(name: str, says: str) -> None:
    with pytest.raises(UserErrorException, match=says):
        ContainerBase(image=name)


def test_a_package_that_is_none_is_refused_and_runs_no_command() -> None:
    for package in ("a; rm -rf /", "$(id)", "-y", "", "A"):
        with pytest.raises(UserErrorException, match="is no apt package"):
            ContainerBase(apt=(package,))
    ContainerBase(apt=("libgl1", "g++", "ffmpeg=7:5.1.6-0+deb12u1", "libc6:i386"))


class TestTheSectionOfAnEnvironment:
    def test_says_nothing_unless_something_is_set(self) -> None:
        assert Environment("e").to_recipe().container is None

    def test_goes_into_the_recipe(self) -> None:
        environment = Environment("e")
        environment.docker.base_image = "nvidia/cuda:12.4.1-runtime-ubuntu22.04"
        environment.docker.apt_packages = ["python3", "ffmpeg"]
        environment.docker.shm_size = "8g"
        environment.docker.base_image_registry = ContainerRegistry("r.example.org", "me", "p@ss/word")
        container = environment.to_recipe().container
        assert container is not None
        assert container.apt == ("python3", "ffmpeg")
        assert container.shm_size == "8g"
        assert container.registry == "https://me:p%40ss%2Fword@r.example.org"
        again = Environment.from_recipe("again", environment.to_recipe())
        assert again.docker == environment.docker

    def test_takes_a_dockerfile_as_text_or_as_a_path(self, tmp_path: Path) -> None:
        text = "FROM python:3.11\nRUN true\n"
        (tmp_path / "Dockerfile").write_text(text)
        for given in (text, tmp_path / "Dockerfile", str(tmp_path / "Dockerfile")):
            environment = Environment("e")
            environment.docker.base_dockerfile = given
            container = environment.to_recipe().container
            assert container is not None
            assert container.dockerfile == text
        environment.docker.base_dockerfile = str(tmp_path / "nope")
        with pytest.raises(UserErrorException, match=r"nope' cannot be read: No such file"):
            environment.to_recipe()

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ("", r"base_dockerfile is empty \(''\): give a Dockerfile's text or path, or None"),
            (" \n", "base_dockerfile is empty"),
            ("ARG VERSION=3.11", "has no FROM line"),
            ("RUN true\nRUN false\n", "has no FROM line"),
            ("# FROM python:3.11\nRUN true\n", "has no FROM line"),
            ("RUN <<END\nFROM python:3.11\nEND\n", "has no FROM line"),
            (Path("without"), "the Dockerfile 'without' has no FROM line"),
            ("without", "the Dockerfile 'without' has no FROM line"),
        ],
    )
    def test_takes_no_dockerfile_that_starts_from_nothing(
        self, given: str | Path, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("without").write_text("RUN true\n")
        environment = Environment("e")
        environment.docker.base_dockerfile = given
        with pytest.raises(UserErrorException, match=says):
            environment.to_recipe()

    @pytest.mark.parametrize(
        "text",
        [
            "# syntax=docker/dockerfile:1\nFROM python:3.11\nRUN <<END\necho hi\nEND\n",
            "\nfrom python:3.11\nCOPY <<a /a\nFROM nowhere\na\n",
            "ARG V=3.11\nFROM python:$V\n",
            "FROM python:3.11",
        ],
    )
    def test_takes_any_dockerfile_as_it_is(self, text: str) -> None:
        made = Environment.from_dockerfile("e", text).to_recipe().container
        assert made is not None
        assert made.dockerfile == text

    @pytest.mark.parametrize("size", ["lots", "2 gigs", "", "1k", "-1g"])
    def test_takes_no_size_of_shared_memory_that_is_none(self, size: str) -> None:
        says = rf'shm_size \(--shm-size\) is a size of 16m or more, such as "2g" or "512m", not {size!r}'
        environment = Environment("e")
        environment.docker.shm_size = size
        with pytest.raises(UserErrorException, match=says):
            environment.to_recipe()
        environment = Environment("e")
        environment.docker.arguments = ["--shm-size", size]
        with pytest.raises(UserErrorException, match=says):
            environment.to_recipe()

    def test_names_one_base_only(self) -> None:
        environment = Environment("e")
        environment.docker.base_image = "python:3.11"
        environment.docker.base_dockerfile = "FROM python:3.11\n"
        with pytest.raises(UserErrorException, match=r"docker\.base_image and docker\.base_dockerfile are both set"):
            environment.to_recipe()


class TestEnvironmentsOfImages:
    def test_an_image_without_packages_is_used_as_it_is(self) -> None:
        recipe = Environment.from_docker_image("e", "pytorch/pytorch:2.2.0").to_recipe()
        assert recipe.user_managed
        assert recipe.container == ContainerBase(image="pytorch/pytorch:2.2.0")

    @pytest.mark.parametrize("make", [Environment.from_docker_image, Environment.from_dockerfile])
    def test_packages_that_are_added_later_come_upon_it_too(self, make: Callable[[str, str], Environment]) -> None:
        environment = make("e", "python:3.11" if make == Environment.from_docker_image else "FROM python:3.11\n")
        assert environment.to_recipe().user_managed

        environment.python.conda_dependencies.add_pip_package("six")

        for one in (environment, environment.clone("f")):
            recipe = one.to_recipe()
            assert (recipe.user_managed, recipe.pip, recipe.notices) == (False, ("six",), ())

    def test_packages_come_upon_it(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.txt").write_text("six\n")
        requirements = tmp_path / "requirements.txt"
        recipe = Environment.from_docker_image("e", "python:3.11", pip_requirements=requirements).to_recipe()
        assert (recipe.user_managed, recipe.pip) == (False, ("six",))
        recipe = Environment.from_dockerfile("e", "FROM python:3.11\n", pip_requirements=requirements).to_recipe()
        assert recipe.pip == ("six",)
        with pytest.raises(UserErrorException, match="are both given"):
            Environment.from_docker_image("e", "python", conda_specification="a.yml", pip_requirements="b.txt")

    def test_a_build_context_is_a_folder_with_a_dockerfile(self, tmp_path: Path) -> None:
        with pytest.raises(UserErrorException, match="Dockerfile' cannot be read"):
            DockerBuildContext.from_local_directory(tmp_path)
        (tmp_path / "my.Dockerfile").write_text("FROM python:3.11\nCOPY a b\n")
        context = DockerBuildContext.from_local_directory(None, tmp_path, dockerfile_path="my.Dockerfile")
        environment = Environment.from_docker_build_context("e", context)
        recipe = environment.to_recipe()
        assert recipe.container is not None
        assert (recipe.container.context, recipe.container.dockerfile) == (
            str(tmp_path),
            "FROM python:3.11\nCOPY a b\n",
        )
        assert Environment.from_recipe("f", recipe).docker == environment.docker
        with pytest.raises(UserErrorException, match="is no folder"):
            DockerBuildContext.from_local_directory(tmp_path / "nope")

    def test_a_name_that_no_image_can_have_is_refused_at_once(self) -> None:
        with pytest.raises(UserErrorException, match="must be in lower case"):
            Environment.from_docker_image("e", "Me/It")


@pytest.mark.parametrize(
    ("arguments", "shared", "unused"),
    [
        ((), None, ()),
        (("--shm-size", "8g"), "8g", ()),
        (("--ipc=host", "--shm-size=8g", "-v", "/a:/b"), "8g", ("--ipc=host", "-v", "/a:/b")),
        (("--shm-size",), "", ()),
    ],
)
def test_of_the_arguments_of_docker_run_the_size_of_shared_memory_is_used(
    arguments: tuple[str, ...], shared: str | None, unused: tuple[str, ...]
) -> None:
    base = ContainerBase(arguments=arguments)
    assert (base.shared_memory, base.unused_arguments) == (shared, unused)
    assert ContainerBase(arguments=arguments, shm_size="1g").shared_memory == "1g"
