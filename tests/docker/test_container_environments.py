"""Environments of containers on a real engine: found, built once, by volume or as an image, and said why not."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from tests.conftest import first_in_ci, wait_for
from tests.docker.jobs import labelled
from tests.docker.places import WORKSPACE_LABEL, Place

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images.container_base import ContainerBase
from traindock.images.containers import engine_work, volumes
from traindock.images.containers.engine_work import ROLE_LABEL
from traindock.images.containers.engines import VOLUME_PLACE
from traindock.images.containers.environments import forget
from traindock.images.recipe import Recipe
from traindock.images.uv import BuildCanceled, BuildSettings

#: An image whose apt has an archive of one package, and needs no network for it.
WITH_ARCHIVE = """\
FROM {base}
RUN mkdir -p /archive /hi/DEBIAN /hi/etc && cd /archive && echo hi > /hi/etc/hi \\
 && printf 'Package: hi\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: me\\nDescription: x\\n' > /hi/DEBIAN/control \\
 && dpkg-deb --build /hi hi.deb && dpkg-deb --field hi.deb > Packages \\
 && echo "Filename: ./hi.deb" >> Packages && echo "Size: $(stat -c %s hi.deb)" >> Packages \\
 && echo "SHA256: $(sha256sum hi.deb | cut -d' ' -f1)" >> Packages \\
 && rm -rf /etc/apt/sources.list* && echo 'deb [trusted=yes] file:/archive ./' > /etc/apt/sources.list
"""


@pytest.fixture
def place(place: Place, tmp_path: Path) -> Place:
    """A place whose images the engine's classic builder makes; ``test_builders`` has what both do."""
    place.path = str(tmp_path / "no-docker")
    return place


class TestVolume:
    @pytest.mark.core
    def test_packages_are_installed_once_and_used_from_a_volume_that_jobs_cannot_write(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        assert place.plan(recipe).how == "build"
        made = place.prepare(recipe)
        assert (made.how, made.packages) == ("built", ("alpha==1.5",))
        assert place.ask(made, "import alpha; print(alpha.version)") == "1.5"
        assert "Read-only" in place.ask(
            made,
            "import alpha\ntry: open(alpha.__file__, 'w')\nexcept OSError as error: print(error)",
        )
        assert place.ask(made, "import os, alpha; print(os.path.exists(alpha.__cached__))") == "True"
        again = place.prepare(recipe)
        assert (again.how, again.python, again.packages) == ("cached", made.python, made.packages)

    def test_the_cache_and_all_environments_share_what_they_have_in_common(self, place: Place) -> None:
        """They lie side by side on one file system, so that what one has installed costs the next nothing."""
        place.shelf.wheel("alpha", "1.5")
        place.shelf.wheel("beta", "1.0")
        first = place.prepare(Recipe(pip=("alpha",)))
        second = place.prepare(Recipe(pip=("alpha", "beta")))
        code = "import alpha, os; s = os.stat(alpha.__file__); print(s.st_ino, s.st_nlink)"
        inode, links = place.ask(first, code).split()
        assert place.ask(second, code).split()[0] == inode
        assert int(links) >= 2
        assert "cache" in place.ask(second, f"import os; print(sorted(os.listdir({VOLUME_PLACE!r})))")

    def test_an_unchanged_one_costs_milliseconds(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        place.prepare(recipe)
        took = []
        for _ in range(9):
            started = time.monotonic()
            place.plan(recipe)
            place.prepare(recipe)
            took.append(time.monotonic() - started)
        assert statistics.median(took) < 0.5  # to look inside would take a container; benchmarks measure the rest

    def test_the_log_tells_what_was_done_and_why(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.prepare(Recipe(pip=("alpha",)))
        for words in (
            "with the image's Python and alpha",
            "Miss for key",
            "uv pip install",
            "+ alpha==1.5",
            "ready after",
        ):
            assert words in place.log

    @pytest.mark.core
    def test_an_image_that_has_all_that_is_asked_for_is_used_as_it_is(self, place: Place) -> None:
        made = place.prepare(Recipe())
        assert (made.how, made.volume) == ("base", None)
        assert "satisfies it: nothing is asked for" in made.why
        assert place.ask(made, "print(1)") == "1"

    def test_an_interpreter_that_is_managed_by_the_user_is_used_as_it_is(self, place: Place) -> None:
        made = place.prepare(Recipe(user_managed=True))
        assert (made.how, made.volume) == ("user_managed", None)
        path = made.python
        assert place.prepare(Recipe(user_managed=True, interpreter=path)).python == path
        with pytest.raises(EnvironmentBuildException, match="has no interpreter /opt/nope/bin/python that works"):
            place.prepare(Recipe(user_managed=True, interpreter="/opt/nope/bin/python"))

    def test_two_at_once_of_two_workspaces_build_it_once(
        self, place: Place, tmp_path: Path, engine_url: str, base_image: str
    ) -> None:
        other = Place(tmp_path / "other", engine_url, base_image, place.shelf, place.labels[WORKSPACE_LABEL])
        place.shelf.source("slow", "1.0", "time.sleep(2)\nreturn _wheel(folder, 'slow', '1.0')")
        hows: list[str] = []
        threads = [
            threading.Thread(target=lambda p=p: hows.append(p.prepare(Recipe(pip=("slow",))).how))
            for p in (place, other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(hows) == ["built", "cached"]
        assert (place.log + other.log).count("Built slow==1.0") == 1
        assert "waiting for it" in place.log + other.log

    def test_a_package_that_does_not_exist_is_named_with_the_resolvers_words(self, place: Place) -> None:
        with pytest.raises(EnvironmentBuildException, match=r"cannot be installed: .*no-such-package was not found"):
            place.prepare(Recipe(pip=("no-such-package",)))
        assert place.containers() == []

    def test_a_pin_that_no_longer_installs_is_relaxed_as_on_local(self, place: Place) -> None:
        place.shelf.broken("old", "1.0")
        place.shelf.wheel("old", "2.0")
        made = place.prepare(Recipe(pip=("old==1.0",)))
        assert made.packages == ("old==2.0",)
        assert any("old==1.0 no longer installs" in text for text in made.warnings)
        assert any("old==1.0 no longer installs" in text for text in place.prepare(Recipe(pip=("old==1.0",))).warnings)

    @pytest.mark.core
    def test_a_cancel_ends_the_build_and_the_next_one_starts_anew(self, place: Place) -> None:
        assert place.seconds_until_canceled("volume") < 15  # of 60
        assert place.containers() == []
        place.shelf.source("slow", "1.0", "return _wheel(folder, 'slow', '1.0')")
        assert place.prepare(Recipe(pip=("slow",))).how == "built"
        assert "a build of it was not finished" in place.log

    @pytest.mark.soak
    def test_a_builder_whose_maker_was_killed_is_waited_for_and_not_doubled(self, place: Place, tmp_path: Path) -> None:
        place.shelf.source("slow", "1.0", "time.sleep(15)\nreturn _wheel(folder, 'slow', '1.0')")
        script = textwrap.dedent(
            f"""
            import sys
            sys.path[:0] = {[p for p in sys.path if p]!r}
            from pathlib import Path
            from tests.docker.places import Place
            from tests.trainer.images.conftest import Shelf
            from traindock.images.containers import volumes
            from traindock.images.recipe import Recipe
            volumes.volume_name = lambda: {volumes.volume_name()!r}
            shelf = Shelf.__new__(Shelf)
            shelf.folder = Path({str(place.shelf.folder)!r})
            place = Place(Path({str(tmp_path / "other")!r}), {place.engine.url!r}, {place.base!r}, shelf,
                          {place.labels[WORKSPACE_LABEL]!r})
            place.prepare(Recipe(pip=("slow",)))
            """
        )
        maker = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
        try:
            log = tmp_path / "other" / "build.txt"
            wait_for(lambda: log.exists() and "Building slow" in log.read_text(), "the other's build")
        finally:
            maker.kill()
            maker.wait()
        assert place.prepare(Recipe(pip=("slow",))).how == "cached"
        assert "waiting for it" in place.log
        assert "Building slow" not in place.log

    def test_a_volume_that_was_removed_is_filled_again(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        place.prepare(recipe)
        place.engine.client.volumes.get(volumes.volume_name()).remove()
        assert place.plan(recipe).how == "build"
        assert place.prepare(recipe).how == "built"

    def test_what_was_forgotten_is_found_in_its_volume_again(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        made = place.prepare(recipe)
        forget(place.environments, place.engine, made.key)
        assert place.plan(recipe).how == "build"
        assert place.prepare(recipe).how == "cached"

    def test_a_rebuild_takes_what_is_newer_and_leaves_the_old_one_where_jobs_run_in_it(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        first = place.prepare(recipe)
        place.shelf.wheel("alpha", "2.0")
        assert place.prepare(recipe).packages == ("alpha==1.5",)
        second = place.prepare(replace(recipe, built_after=time.time()))
        assert (second.packages, second.key) == (("alpha==2.0",), first.key)
        assert place.ask(first, "import alpha; print(alpha.version)") == "1.5"
        assert place.prepare(recipe).packages in (("alpha==2.0",), ("alpha==1.5",))

    def test_packages_of_files_of_this_machine_are_seen_inside(self, place: Place) -> None:
        wheel = place.shelf.wheel("alpha", "1.5")
        made = place.prepare(Recipe(pip=(f"alpha @ file://{wheel}",)))
        assert place.ask(made, "import alpha; print(alpha.version)") == "1.5"

    def test_secrets_are_in_no_log_no_label_and_no_description_of_a_container(self, place: Place) -> None:
        place.shelf.source("slow", "1.0", "time.sleep(60)\nreturn _wheel(folder, 'slow', '1.0')")
        settings = replace(
            place.settings, index_url="https://me:SECRET@index.example/simple", proxy="http://a:SECRET@b:1"
        )
        seen: list[str] = []

        def cancelled() -> bool:
            if "Building slow" in place.log:
                seen.extend(json.dumps(place.engine.api.inspect_container(found["Id"])) for found in place.containers())
            return bool(seen)

        with pytest.raises(BuildCanceled):
            place.prepare(Recipe(pip=("slow",)), settings=settings, cancelled=cancelled)
        assert seen
        assert json.loads(seen[0])["HostConfig"]["CapDrop"] == ["ALL"]
        assert "SECRET" not in "".join(seen)
        assert "SECRET" not in place.log

    def test_containers_whose_maker_is_gone_are_removed_and_those_of_jobs_and_of_others_stay(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_work, "_LEFT_BEHIND", -1.0)
        roles = {"build": place.labels, "probe": place.labels, "job": place.labels}
        made = {
            role: place.engine.client.containers.create(place.base, "true", labels={**labels, ROLE_LABEL: role})
            for role, labels in roles.items()
        }
        others = dict.fromkeys(place.labels, "somebody-else")
        stranger = place.engine.client.containers.create(place.base, "true", labels={**others, ROLE_LABEL: "build"})
        try:
            engine_work.remove_left_behind(place.engine, place.labels)

            left = {found.id for found in place.engine.client.containers.list(all=True, ignore_removed=True)}
            assert [role for role, container in made.items() if container.id in left] == ["job"]
            assert stranger.id in left
        finally:
            for container in (made["job"], stranger):
                container.remove(force=True)

    def test_the_files_are_the_callers_and_nobody_elses(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        made = place.prepare(Recipe(pip=("alpha",)))
        code = f"import os; s = os.stat({VOLUME_PLACE!r}); print(s.st_uid == os.getuid(), oct(s.st_mode & 0o777))"
        assert place.ask(made, code) == "True 0o700"


class TestBases:
    def test_an_image_that_nobody_has_says_where_it_was_looked_for(self, place: Place) -> None:
        with pytest.raises(
            EnvironmentBuildException, match=r"127\.0\.0\.1:9/nope:1 .*cannot be pulled from 127\.0\.0\.1:9"
        ):
            place.prepare(Recipe(container=ContainerBase(image="127.0.0.1:9/nope:1")))
        assert "Pulling 127.0.0.1:9/nope:1." in place.log

    def test_an_image_without_python_says_so_and_what_to_use(
        self, place: Place, odd_image: Callable[[str], str]
    ) -> None:
        with pytest.raises(EnvironmentBuildException, match=r"has no Python.*use an image with one.*apt_packages"):
            place.prepare(Recipe(container=ContainerBase(image=odd_image("no-python"))))

    def test_a_python_that_is_too_old_says_so(self, place: Place, odd_image: Callable[[str], str]) -> None:
        with pytest.raises(EnvironmentBuildException, match=r"has Python 3\.7\.17 .*jobs need 3\.8 or newer"):
            place.prepare(Recipe(container=ContainerBase(image=odd_image("python37"))))

    @pytest.mark.parametrize("form", ["volume", "image"])
    @pytest.mark.parametrize("what", first_in_ci(["distroless", "entrypoint", "no-tmp"]))
    def test_an_entrypoint_or_the_lack_of_a_shell_changes_nothing(
        self, place: Place, odd_image: Callable[[str], str], what: str, form: str
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",), container=ContainerBase(image=odd_image(what)))
        # distroless has no library that this machine's uv needs, so that one without needs is fetched
        settings = BuildSettings(find_links=place.settings.find_links, variables=os.environ)
        made = place.prepare(recipe, form, settings=settings)
        assert place.ask(made, "import alpha; print(alpha.version)") == "1.5"

    def test_a_python_that_the_image_has_not_and_nobody_can_fetch_names_both_versions(self, place: Place) -> None:
        base = ContainerBase(image=place.base)
        settings = replace(place.settings, variables={**place.settings.variables, "UV_PYTHON_DOWNLOADS": "never"})  # type: ignore[dict-item]
        with pytest.raises(EnvironmentBuildException, match=r"Python 3\.8 is asked for, the image .* has 3\.\d+\.\d+"):
            place.prepare(Recipe(python="3.8", pip=("six",), container=base), settings=settings)

    def test_the_default_base_is_chosen_by_the_python_that_is_asked_for(self, place: Place) -> None:
        template = "127.0.0.1:9/python:{python}-slim"
        asked = {"3.9": "3.9", ">=3.8,<3.10": "3.9", "3.8.18": "3.8.18", None: f"3.{sys.version_info[1]}"}
        for python, chosen in asked.items():
            looked = place.plan(Recipe(python=python), base=template)
            assert looked.base_asked == f"127.0.0.1:9/python:{chosen}-slim"
        assert place.plan(Recipe(framework="torch==1.13.*"), base=template).base_asked.endswith(":3.10-slim")

    def test_conda_packages_need_a_conda_in_the_image(self, place: Place) -> None:
        with pytest.raises(
            UserErrorException, match=r"conda packages ffmpeg, and the image .* neither conda, mamba nor"
        ):
            place.prepare(Recipe(conda=("ffmpeg",)))

    def test_those_that_pypi_has_are_taken_from_there(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        assert place.prepare(Recipe(conda=("alpha",))).packages == ("alpha==1.5",)

    @pytest.mark.core
    def test_a_dockerfile_is_built_once_and_packages_come_upon_it(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        text = f"FROM {place.base}\nRUN echo {secrets.token_hex(4)} > /made-by-me\nENV MINE=1\n"
        recipe = Recipe(pip=("alpha",), container=ContainerBase(dockerfile=text))
        assert place.plan(recipe).how == "build"
        made = place.prepare(recipe)
        assert re.search(r"step 2/3 ?: RUN echo", place.log, re.IGNORECASE)  # Podman spells it in capitals
        assert place.ask(made, "import os, alpha; print(os.path.exists('/made-by-me'), os.environ['MINE'])") == "True 1"
        assert place.prepare(recipe).how == "cached"
        assert place.log.upper().count("STEP 2/3") == 1

    def test_a_build_context_is_copied_from_and_a_change_in_it_builds_anew(self, place: Place, tmp_path: Path) -> None:
        folder = tmp_path / "context"
        folder.mkdir()
        (folder / "data.txt").write_text(secrets.token_hex(4))
        base = ContainerBase(dockerfile=f"FROM {place.base}\nCOPY data.txt /data.txt\n", context=str(folder))
        first = place.prepare(Recipe(container=base))
        assert place.ask(first, "print(open('/data.txt').read())") == (folder / "data.txt").read_text()
        (folder / "data.txt").write_text("other" + secrets.token_hex(4))
        second = place.prepare(Recipe(container=base))
        assert second.key != first.key

    def test_packages_of_the_system_are_installed_below_those_of_python(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        base = ContainerBase(dockerfile=WITH_ARCHIVE.format(base=place.base), apt=("hi",))
        made = place.prepare(Recipe(pip=("alpha",), container=base))
        assert place.ask(made, "import alpha; print(open('/etc/hi').read().strip(), alpha.version)") == "hi 1.5"
        assert made.base_asked.endswith("with hi")
        assert place.prepare(Recipe(pip=("alpha",), container=base)).how == "cached"


@pytest.fixture
def own_base(engine: docker.DockerClient, base_image: str) -> Iterator[str]:
    """A base image that no other test builds upon: whoever removes theirs may take layers along that are ours, too."""
    name = f"traindock-test/own:{secrets.token_hex(4)}"
    labelled(engine, base_image, name, "base")
    yield name
    engine.images.remove(name, force=True)


class TestImages:
    @pytest.mark.core
    def test_an_image_has_the_environment_for_any_user(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        made = place.prepare(recipe, "image")
        assert (made.how, made.volume, made.packages) == ("built", None, ("alpha==1.5",))
        assert place.ask(made, "import alpha; print(alpha.version)", user="12345:12345") == "1.5"
        assert place.plan(recipe, "image").how == "cached"
        assert place.prepare(recipe, "image").image == made.image

    def test_volume_and_image_have_the_same_key(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        place.prepare(Recipe())
        assert place.plan(recipe, "image").key == place.plan(recipe, "volume").key != ""

    def test_one_more_package_takes_the_frameworks_layer_as_it_is(self, own_base: str, place: Place) -> None:
        for name, version in (("torch", "2.1.2"), ("torchvision", "0.16.2"), ("numpy", "1.26.4"), ("nvidia-x", "1.0")):
            place.shelf.wheel(name, version)
        place.shelf.wheel("alpha", "1.5")
        place.shelf.wheel("beta", "1.0")
        recipe = Recipe(framework="torch==2.1.*", pip=("nvidia-x", "alpha"))
        place.prepare(recipe, "image", base=own_base)
        before = len(place.log)
        made = place.prepare(replace(recipe, pip=("nvidia-x", "alpha", "beta")), "image", base=own_base)
        log = place.log[before:]
        assert "+ beta==1.0" in log
        assert "torch==2.1.2" not in log
        step = log[log.index('framework.json"]') :]
        assert step.splitlines()[1].strip() == "---> Using cache"
        assert place.ask(made, "import torch, alpha, beta; print(torch.version)") == "2.1.2"

    def test_so_it_does_however_the_framework_was_asked_for(self, own_base: str, place: Place) -> None:
        for name, version in (("torch", "2.1.2"), ("torchvision", "0.16.2"), ("numpy", "1.26.4"), ("nvidia-x", "1.0")):
            place.shelf.wheel(name, version)
        place.shelf.wheel("alpha", "1.5")
        place.shelf.wheel("beta", "1.0")
        place.prepare(Recipe(pip=("torch==2.1.2", "torchvision", "nvidia-x", "alpha")), "image", base=own_base)
        conda = Recipe(conda=("pytorch=2.1.2", "torchvision"), pip=("nvidia-x", "beta"))
        for recipe in (Recipe(pip=("torch==2.1.2", "torchvision", "nvidia-x", "beta")), conda):
            before = len(place.log)
            made = place.prepare(recipe, "image", base=own_base)
            assert {"torch==2.1.2", "nvidia-x==1.0", "beta==1.0"} <= set(made.packages)
            framework, _, packages = place.log[before:].partition('packages.json"]')
            assert "+ torch==2.1.2" not in packages
            assert "+ nvidia-x==1.0" not in packages
            assert "+ beta==1.0" in packages
            assert ("Using cache" in framework) or ("+ torch==2.1.2" in framework)

    def test_a_rebuild_takes_what_is_newer(self, place: Place) -> None:
        place.shelf.wheel("alpha", "1.5")
        recipe = Recipe(pip=("alpha",))
        first = place.prepare(recipe, "image")
        place.shelf.wheel("alpha", "2.0")
        assert place.prepare(recipe, "image").packages == ("alpha==1.5",)
        second = place.prepare(replace(recipe, built_after=time.time()), "image")
        assert (second.packages, second.key) == (("alpha==2.0",), first.key)
        assert place.ask(first, "import alpha; print(alpha.version)") == "1.5"
        place.engine.api.remove_image(first.image)

    def test_what_another_workspace_has_built_is_known_with_its_packages(
        self, place: Place, tmp_path: Path, engine_url: str, base_image: str
    ) -> None:
        place.shelf.wheel("alpha", "1.5")
        place.prepare(Recipe(pip=("alpha",)), "image")
        other = Place(tmp_path / "other", engine_url, base_image, place.shelf, place.labels[WORKSPACE_LABEL])
        other.prepare(Recipe())
        found = other.prepare(Recipe(pip=("alpha",)), "image")
        assert (found.how, found.packages) == ("cached", ("alpha==1.5",))

    def test_passwords_are_refused_by_name_where_the_builder_keeps_no_secrets(
        self, place: Place, tmp_path: Path
    ) -> None:
        variables = {"PATH": str(tmp_path), "HOME": str(tmp_path)}  # no command line, so no buildx
        settings = BuildSettings(index_url="https://me:SECRET@a.example/simple", variables=variables)
        with pytest.raises(
            EnvironmentBuildException, match=r"UV_DEFAULT_INDEX=https://\*\*\*@a.*environment_form"
        ) as caught:
            place.prepare(Recipe(pip=("alpha",)), "image", settings=settings)
        assert "SECRET" not in str(caught.value) + place.log

    def test_nothing_of_the_build_can_be_changed_by_a_name_in_the_image(self, place: Place) -> None:
        """The record is what was written last, and not what a package prints."""
        place.shelf.wheel("alpha", "1.5")
        made = place.prepare(Recipe(pip=("alpha",)), "image")
        container = place.engine.api.create_container(made.image, labels=place.labels)
        stream, _ = place.engine.api.get_archive(container, "/opt/traindock/environment/complete.json")
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            file = archive.extractfile("complete.json")
            assert file is not None
            assert json.load(file)["key"] == made.key
