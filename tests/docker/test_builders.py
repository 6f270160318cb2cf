"""Images by both builders on a real engine: the same image, and the same words for the same fault."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.conftest import wait_for
from tests.docker.builders import NoBuildKit, cache_removed, path_with_buildx
from tests.docker.conftest import lacking
from tests.docker.package_index import serve
from tests.docker.places import WORKSPACE_LABEL, Place
from tests.docker.test_container_environments import WITH_ARCHIVE

from traindock.errors import EnvironmentBuildException
from traindock.images.container_base import ContainerBase
from traindock.images.containers.environments import ContainerEnvironment
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled


@pytest.fixture
def buildkit(place: Place, tmp_path: Path) -> Iterator[Place]:
    """A place whose images are built by ``docker buildx``."""
    try:
        place.path = path_with_buildx(tmp_path / "buildx")
    except NoBuildKit as error:
        lacking(str(error))
    with cache_removed(place.engine.client):
        yield place


@pytest.fixture(params=["classic", "buildkit"])
def by_both(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Place:
    """A place whose images are built by one of the two."""
    if request.param == "classic":
        place.path = str(tmp_path / "no-docker")
        return place
    found: Place = request.getfixturevalue("buildkit")
    return found


def dockerfile(text: str) -> Recipe:
    return Recipe(container=ContainerBase(dockerfile=text))


def says_in(log: str, words: str) -> bool:
    """Whether a step printed a line, with or without what BuildKit puts before it."""
    return re.search(rf"^(#\d+ [\d.]+ )?{re.escape(words)}$", log, re.MULTILINE) is not None


class TestAnImage:
    def test_is_the_same_by_both(self, by_both: Place) -> None:
        by_both.shelf.wheel("alpha", "1.5")
        text = f"FROM {by_both.base}\nRUN echo {secrets.token_hex(4)} > /made-by-me\nENV MINE=1\n"
        made = by_both.prepare(Recipe(pip=("alpha",), container=ContainerBase(dockerfile=text)), "image")
        assert (made.how, made.packages) == ("built", ("alpha==1.5",))
        code = "import os, alpha; print(os.path.exists('/made-by-me'), os.environ['MINE'], alpha.version)"
        assert by_both.ask(made, code) == "True 1 1.5"
        assert ("transferring context" in by_both.log) == ("Removing intermediate container" not in by_both.log)

    def test_two_at_once_build_a_dockerfile_once(self, by_both: Place) -> None:
        mark = secrets.token_hex(4)
        recipe = dockerfile(f'FROM {by_both.base}\nRUN echo "it is {mark}"; sleep 1\n')
        together([lambda: by_both.prepare(recipe)] * 2)
        assert len(re.findall(rf"it is {mark}$", by_both.log, re.MULTILINE)) == 1
        assert by_both.log.count("ready after") == 2

    def test_two_at_once_of_two_workspaces_build_an_environment_once(
        self, by_both: Place, tmp_path: Path, engine_url: str, base_image: str
    ) -> None:
        other = Place(tmp_path / "other", engine_url, base_image, by_both.shelf, by_both.labels[WORKSPACE_LABEL])
        other.path = by_both.path
        by_both.shelf.source("slow", "1.0", "time.sleep(2)\nreturn _wheel(folder, 'slow', '1.0')")
        made: list[ContainerEnvironment] = []
        together([lambda p=p: made.append(p.prepare(Recipe(pip=("slow",)), "image")) for p in (by_both, other)])
        assert sorted(each.how for each in made) == ["built", "cached"]
        assert made[0].image == made[1].image
        assert (by_both.log + other.log).count("Built slow==1.0") == 1


def together(calls: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestAFault:
    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ("RUNN x", r"^the Dockerfile has an error: .*line 2: unknown instruction: RUNN"),
            (
                "RUN echo these are my last words; exit 3",
                r"^the image cannot be built: Step 2/2 : RUN echo .*; exit 3 failed: The command '/bin/sh -c echo .*' "
                r"returned a non-zero code: 3:",
            ),
            (
                "COPY nothing /there",
                r"Step 2/2 : COPY nothing /there failed: .*no files to copy: use Environment\.from_docker_build_con",
            ),
            (
                "RUN printf 'tar: No %s left on device\\n' space; exit 2",
                r"^the disk of the container engine is full .*\(tar: No",
            ),
        ],
    )
    def test_of_a_dockerfile_names_the_line_or_the_step(self, by_both: Place, line: str, says: str) -> None:
        with pytest.raises(EnvironmentBuildException, match=says) as caught:
            by_both.prepare(dockerfile(f"FROM {by_both.base}\n{line}\n"))
        if "last words" in line:
            assert caught.value.log_tail == ["these are my last words"]

    def test_of_a_file_that_its_folder_has_not_names_the_folder(self, by_both: Place, tmp_path: Path) -> None:
        folder = tmp_path / "context"
        folder.mkdir()
        base = ContainerBase(dockerfile=f"FROM {by_both.base}\nCOPY nothing /there\n", context=str(folder))
        with pytest.raises(EnvironmentBuildException, match=rf"COPY .* failed: .*; {folder} has no such file, or its"):
            by_both.prepare(Recipe(container=base))

    @pytest.mark.parametrize(
        ("image", "says"),
        [
            (
                "127.0.0.1:9/nope:1",
                r"FROM 127\.0\.0\.1:9/nope:1 failed: the image 127\.0\.0\.1:9/nope:1 is not on this machine .*nothing "
                r"answers there\. Start it, or correct",
            ),
            ("registry.invalid:5000/it", "FROM registry.invalid:5000/it failed: .*no such host is known to the contai"),
            ("Nope/it", "FROM Nope/it failed: .*repository name must be lowercase"),
        ],
    )
    def test_of_an_image_that_cannot_be_had_names_it(self, by_both: Place, image: str, says: str) -> None:
        with pytest.raises(EnvironmentBuildException, match=says):
            by_both.prepare(dockerfile(f"FROM {image}\nRUN true\n"))

    def test_of_an_image_without_a_shell_says_what_to_write(
        self, by_both: Place, odd_image: Callable[[str], str]
    ) -> None:
        with pytest.raises(EnvironmentBuildException, match=r'has no shell: write RUN \["program"'):
            by_both.prepare(dockerfile(f"FROM {odd_image('distroless')}\nRUN true\n"))

    def test_of_a_package_of_the_system_that_does_not_exist_names_it(self, by_both: Place) -> None:
        base = ContainerBase(dockerfile=WITH_ARCHIVE.format(base=by_both.base), apt=("hi", "no-such-package"))
        with pytest.raises(
            EnvironmentBuildException, match=r"apt knows no package no-such-package in .*check the names"
        ):
            by_both.prepare(Recipe(container=base))

    def test_of_an_archive_that_cannot_be_reached_says_so(self, by_both: Place) -> None:
        text = WITH_ARCHIVE.format(base=by_both.base) + "RUN rm /archive/hi.deb\n"
        with pytest.raises(EnvironmentBuildException, match=r"apt in .* does not reach where packages come from"):
            by_both.prepare(Recipe(container=ContainerBase(dockerfile=text, apt=("hi",))))

    def test_of_system_packages_for_an_image_of_another_kind_says_which_it_takes(
        self, by_both: Place, odd_image: Callable[[str], str]
    ) -> None:
        base = ContainerBase(image=odd_image("distroless"), apt=("hello",))
        with pytest.raises(EnvironmentBuildException, match=r"has no apt, .*a base_image of Debian or Ubuntu"):
            by_both.prepare(Recipe(container=base))

    def test_of_a_package_has_the_step_and_the_resolvers_words(self, by_both: Place) -> None:
        by_both.shelf.wheel("alpha", "1.5")
        with pytest.raises(
            EnvironmentBuildException,
            match=r"^the image cannot be built: Step \d+/\d+ : RUN .*\. In its words: the packages cannot be installed"
            r": No solution found when resolving dependencies: Because no-such-package was not found",
        ) as caught:
            by_both.prepare(Recipe(pip=("no-such-package",)), "image")
        assert any(line.startswith("  cause: Because no-such-package") for line in caught.value.log_tail)
        assert not any(line.startswith("#") for line in caught.value.log_tail)

    def test_of_an_old_pin_is_no_fault_where_a_newer_release_installs(self, by_both: Place) -> None:
        by_both.shelf.broken("old", "1.0")
        by_both.shelf.wheel("old", "2.0")
        made = by_both.prepare(Recipe(pip=("old==1.0",)), "image")
        assert made.packages == ("old==2.0",)
        assert any("old==1.0 no longer installs" in warning for warning in made.warnings)


class TestACancel:
    def test_ends_what_a_dockerfile_is_running(self, by_both: Place) -> None:
        mark = secrets.token_hex(6)
        asked: list[float] = []

        def cancelled() -> bool:
            if says_in(by_both.log, "begun"):
                asked.append(time.monotonic())
            return bool(asked)

        with pytest.raises(BuildCanceled):
            by_both.prepare(
                dockerfile(f"FROM {by_both.base}\nRUN echo begun; sleep 600 # {mark}\n"), cancelled=cancelled
            )
        assert time.monotonic() - asked[0] < 20  # of 600
        wait_for(lambda: not running(mark), "the end of the step", 10)

    def test_ends_the_build_of_an_environment_and_the_next_one_starts_anew(self, by_both: Place) -> None:
        assert by_both.seconds_until_canceled("image") < 20  # of 60
        by_both.shelf.source("slow", "1.0", "return _wheel(folder, 'slow', '1.0')")
        assert by_both.prepare(Recipe(pip=("slow",)), "image").how == "built"


def running(mark: str) -> list[int]:
    """Processes of this machine, those in containers among them, with a word in their command line."""
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if any(mark in word for word in process.info["cmdline"] or ())]


class TestTheClassicBuilder:
    @pytest.fixture
    def classic(self, place: Place, tmp_path: Path) -> Place:
        place.path = str(tmp_path / "no-docker")
        return place

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            ("RUN --mount=type=cache,target=/x true", r"Step 2/2 : RUN --mount.* needs BuildKit, .*docker buildx"),
            (
                "RUN <<END\necho hi\nEND",
                r"the Dockerfile has an error: .*unknown instruction: ECHO; the lines after <<WORD are for a builder",
            ),
        ],
    )
    def test_says_that_another_is_needed_for_what_it_does_not_know(self, classic: Place, lines: str, says: str) -> None:
        with pytest.raises(EnvironmentBuildException, match=says):
            classic.prepare(dockerfile(f"FROM {classic.base}\n{lines}\n"))


class TestASecret:
    @pytest.mark.needs("loopback")
    def test_index_serves_an_image_that_does_not_have_the_password(self, buildkit: Place) -> None:
        buildkit.shelf.wheel("alpha", "1.5")
        password = secrets.token_hex(8)
        with serve(buildkit.shelf.folder, password=f"me:{password}") as index:
            address = f"http://me:{password}@{index.address}/simple"
            given = replace(buildkit.settings, index_url=address, find_links=(), offline=False)
            made = buildkit.prepare(Recipe(pip=("alpha",)), "image", given)
        assert (made.how, made.packages) == ("built", ("alpha==1.5",))
        assert set(index.shown) == {f"me:{password}"}
        api = buildkit.engine.api
        told = json.dumps([api.history(made.image), api.inspect_image(made.image), made.to_json()])
        assert password not in told + buildkit.log
        assert not holds(api.get_image(made.image), password.encode())
        assert holds(api.get_image(made.image), b"alpha.py")  # so it would be found

    def test_proxy_of_a_dockerfile_is_in_nothing_of_its_image(self, buildkit: Place) -> None:
        password = secrets.token_hex(8)
        given = replace(buildkit.settings, proxy=f"http://me:{password}@proxy.invalid:3128")
        text = f'FROM {buildkit.base}\nRUN test "$HTTP_PROXY" = "$HTTPS_PROXY" && echo "${{HTTP_PROXY%%:*}}"\n'
        made = buildkit.prepare(dockerfile(text), settings=given)
        assert says_in(buildkit.log, "http")
        api = buildkit.engine.api
        told = json.dumps([api.history(made.image), api.inspect_image(made.image), made.to_json()])
        assert password not in told + buildkit.log
        assert not holds(api.get_image(made.image), password.encode())


def holds(chunks: Iterator[bytes], word: bytes) -> bool:
    """Whether an archive of an image has a word in a layer or in what describes it."""
    before = b""
    for chunk in chunks:
        if word in before + chunk:
            return True
        before = chunk[-len(word) :]
    return False
