"""Rows about environments for containers: one that is there, and one with one more package."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import mean
from unittest.mock import patch

from benchmarks.containers import Containers, containers_of
from benchmarks.harness import Bench, Result, interleaved, median, pressure_of_others, row, timed
from benchmarks.packages import wheel
from benchmarks.workspaces import workspace_of
from traindock import Environment
from traindock.compute.docker.probe import probe
from traindock.images.containers import environments as environments
from traindock.images.containers import volumes
from traindock.images.containers.engines import DockerWishes, Owner
from traindock.images.uv import BuildSettings, find_uv

#: What one more package took in the first trials of volumes, beside a torch that was there already; in milliseconds.
ONE_MORE = 1650.0

#: Makes an environment as one would by hand, uv's cache beside it in a volume: ``sh -c … sh <name> <packages>``.
BY_HAND = (
    'set -e; env="/volume/$1"; shift; export UV_CACHE_DIR=/volume/cache; /uv venv --quiet "$env"; '
    '/uv pip install --quiet --python "$env/bin/python" --offline --compile-bytecode --find-links /packages "$@"'
)

Prepare = Callable[..., str]


@contextmanager
def _preparing(bench: Bench, place: Containers, packages: Path) -> Iterator[Prepare]:
    """Yield what prepares an environment of packages, and says how; its volume is the benchmark's own."""
    settings = BuildSettings(find_links=(str(packages),), offline=True, variables=dict(os.environ))
    name, _, value = place.label.partition("=")
    volume = f"traindock-bench-{value}"
    with workspace_of(bench) as workspace, patch.object(volumes, "volume_name", lambda: volume):

        def user_of(image: str, python: str) -> object:
            return probe(place.engine, image, python, workspace.layout, {name: value})

        def prepare(*names: str) -> str:
            environment = Environment("bench")
            for each in names:
                environment.python.conda_dependencies.add_pip_package(each)
            return environments.prepare(
                environment.to_recipe(),
                engine=place.engine,
                environments=workspace.layout.environments,
                settings=settings,
                docker=DockerWishes(form="volume", base_image=place.image),
                caller=sys.executable,
                owner=Owner(user_of, {name: value}),  # type: ignore[arg-type]
                log=bench.folder / "build.txt",
                cancelled=lambda: False,
            ).how

        try:
            yield prepare
        finally:
            place.remove_volume(volume)


@row
def container_prepare_unchanged(bench: Bench) -> Iterator[Result]:
    """Preparing an environment for containers that is there: the image's own, and one that was built before."""
    with containers_of(bench) as place:
        if place is None:
            return
        packages = wheel(bench.folder / "packages", "bench-package").parent
        with _preparing(bench, place, packages) as prepare:
            for names, how, said in (((), "base", "the image's own"), (("bench-package",), "cached", "built before")):
                prepare(*names)
                assert prepare(*names) == how
                sides = {"ours": partial(timed, partial(prepare, *names)), "others": pressure_of_others}
                figures = interleaved(sides, bench.rounds(20))
                name = f"prepare an unchanged container environment, {said}"
                yield Result(name, median(figures["ours"]), 20, "ms", 1.0, pressure=mean(figures["others"]))


@row
def container_prepare_one_more(bench: Bench) -> Iterator[Result]:
    """Preparing an environment for containers with one more package, and making it by hand: here, and in a volume."""
    rounds = bench.rounds(8)
    with containers_of(bench) as place:
        if place is None:
            return
        names = [f"bench-package-{number}" for number in range(rounds + 2)]
        packages = bench.folder / "packages"
        for name in names:
            wheel(packages, name)
        volume, uv = f"traindock-bench-by-hand-{place.label.partition('=')[2]}", find_uv()
        ours_next, here_next, contained_next = count(1), count(1), count(1)
        with _preparing(bench, place, packages) as prepare:
            prepare(names[0])

            def ours() -> Iterator[float]:
                return timed(lambda: prepare(names[0], names[next(ours_next)]))

            def here() -> Iterator[float]:
                number = next(here_next)
                folder = bench.folder / f"by-hand-{number}"
                quiet = [uv, "--quiet", "--offline"]
                install = [*quiet, "pip", "install", "--python", str(folder / "bin" / "python"), "--compile-bytecode"]

                def make() -> None:
                    subprocess.run([*quiet, "venv", "--python", sys.executable, str(folder)], check=True)
                    wanted = ["--find-links", str(packages), names[0], names[number]]
                    subprocess.run([*install, *wanted], check=True)

                return timed(make)

            def in_a_volume() -> Iterator[float]:
                number = next(contained_next)
                mounts = (f"{volume}:/volume", f"{packages}:/packages:ro", f"{uv}:/uv:ro")
                options = [word for mount in mounts for word in ("--volume", mount)]
                words = ("sh", "-c", BY_HAND, "sh", f"environment-{number}", names[0], names[number])
                return timed(lambda: place.docker_run(options, *words))

            try:
                sides = {"ours": ours, "here": here, "in a volume": in_a_volume, "others": pressure_of_others}
                figures = interleaved(sides, rounds)
            except RuntimeError as error:
                bench.skip(f"a container environment with one more package was not measured: {error}")
                return
            finally:
                place.remove_volume(volume)
    taken, name = median(figures["ours"]), "prepare a container environment with one more package"
    note = f"uv on this machine, without a container: {median(figures['here']):.0f} ms"
    yield Result(name, taken, ONE_MORE, "ms", 1.0, note=note, pressure=mean(figures["others"]))
    peer = "docker run of uv, in a volume with its cache"
    by_hand = median(figures["in a volume"])
    yield Result(name, taken, by_hand, "ms", 1.5, peer, pressure=mean(figures["others"]))
