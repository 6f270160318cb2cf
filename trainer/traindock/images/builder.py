"""Building one environment into one folder, by uv, or by conda where only conda has a package."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, NoReturn

from traindock.errors import EnvironmentBuildException, UserErrorException
from traindock.images import addresses, pythons
from traindock.images.conda import (
    Translation,
    conda_python,
    create_command,
    environment_yaml,
    find_conda,
    missing_text,
)
from traindock.images.interpreters import Interpreter
from traindock.images.recipe import Recipe, canonical_requirement, parse_requirement, python_specifier
from traindock.images.relax import culprits, relaxed
from traindock.images.uv import BuildLog, BuildSettings, Outcome, find_uv, mask, run_program

#: What uv says of a name that no index knows.
NOT_FOUND: Final = ("was not found in the package registry", "was not found in the provided package locations")
#: The build that an exact pin asks for.
_BUILD: Final = re.compile(r"^[^@;]*={2,3}[^;]*\+([\w.]+)")
#: How much of uv's explanation a sentence about a failed build takes, in characters; the log has all of it.
_EXPLANATION: Final = 600
#: What uv sets before the cause of what stands above it.
_CAUSE: Final = re.compile(r"\s*(?:cause: |[├╰]─▶ ?)")
#: What it sets before other lines, and Traindock leaves out.
_FRAME: Final = re.compile(r"[\s×│]+|error: ")
#: What it sets above the words of a package's own build.
_QUOTED: Final = ("[stderr]", "[stdout]")
#: After what no semicolon is needed.
_ENDS: Final = (".", ":", ";", ",", "]")


@dataclass(frozen=True, slots=True)
class Built:
    """What was built.

    Attributes:
        how: by uv or by conda.
        python: what it was built upon, for people.
        builder: the program that built it.
        requirements: the pip requirements as they were installed in the end.
        warnings: which of them were changed.
        packages: "name==version" of all that is installed.
    """

    how: Literal["built", "conda"]
    python: str
    builder: str
    requirements: tuple[str, ...]
    warnings: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    """One build: what is needed to run programs for it."""

    recipe: Recipe
    translation: Translation
    folder: Path
    log: BuildLog
    cancelled: Callable[[], bool]
    settings: BuildSettings
    lock: int

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")

    @property
    def extra_indexes(self) -> list[str]:
        return [o.split(" ", 1)[1] for o in self.recipe.pip_options if o.startswith("--extra-index-url ")]

    @property
    def environment(self) -> dict[str, str]:
        """The variables of all programs that are run for it."""
        return self.settings.environment(self.recipe.index_url, self.extra_indexes)

    def run(self, command: Sequence[str], more: Mapping[str, str] = MappingProxyType({})) -> Outcome:
        self.log.say(f"$ {' '.join(command)}")
        env = {**self.environment, **more}
        return run_program(command, log=self.log, cancelled=self.cancelled, env=env, keep_open=(self.lock,))


def sources(recipe: Recipe, settings: BuildSettings) -> list[str]:
    """Arguments of uv that say where packages come from, as far as they are no secrets."""
    arguments = [part for place in settings.find_links for part in ("--find-links", place)]
    if settings.offline:
        arguments.append("--no-index")  # uv has no variable for it
    for option in recipe.pip_options:
        name, _, value = option.partition(" ")
        if name == "--pre":
            arguments.append("--prerelease=allow")
        elif name == "--trusted-host":
            arguments += ["--allow-insecure-host", value]
        elif name in ("--find-links", "--no-binary", "--only-binary"):
            arguments += [name, value]
    return arguments


def build(
    recipe: Recipe,
    requirements: tuple[str, ...],
    translation: Translation,
    base: Interpreter | None,
    folder: Path,
    log: BuildLog,
    cancelled: Callable[[], bool],
    settings: BuildSettings,
    lock: int,
) -> Built:
    """Build an environment into ``folder``, which does not exist; the caller wipes it if this raises.

    Args:
        recipe: the definition.
        requirements: all its pip requirements.
        translation: its conda requirements in PyPI's words.
        base: the submitter's interpreter.
        folder: where to.
        log: gets all that the builder says, live.
        cancelled: true ends the build at once.
        settings: where packages come from.
        lock: descriptor of the lock that the builder's programs are to hold too.

    Raises:
        BuildCanceled: ``cancelled`` said so.
        EnvironmentBuildException: it cannot be built.
        UserErrorException: a Python or a conda package cannot be had.
    """
    job = _Job(recipe, translation, folder, log, cancelled, settings, lock)
    assert base is not None
    if translation.unknown:
        return _by_conda(job, translation.unknown, base)
    want = pythons.wanted(recipe, translation.pip, translation.python)
    found = pythons.find(want, base, offline=settings.offline)
    uv = find_uv()
    log.say(f"Building it with {_uv_version(uv)} upon {found.words}.")
    made = _venv(job, uv, found)
    if made.code and found.how == "fetch" and (other := pythons.find_here(want, base)) is not None:
        log.say(f"It cannot be fetched; building upon {other.words} in its place.")
        found, made = other, _venv(job, uv, other)
    if made.code:
        raise EnvironmentBuildException(f"no virtual environment could be made upon {found.words}", made.tail)
    changed = list(found.warnings[len(want.warnings) :])
    for warning in changed:
        log.say(f"WARNING: {warning}.")
    outcome, installed, relaxations = _install(job, uv, requirements)
    if outcome.code:
        if missing := _missing_from_pypi(job, uv, outcome):
            log.say(f"PyPI has no counterpart of {', '.join(missing)}, so that all comes from conda.")
            return _by_conda(job, missing, base)
        fail(outcome, relaxations, installed)
    changed += relaxations
    return Built("built", found.words, _uv_version(uv), installed, tuple(changed), _freeze(job, uv))


def _venv(job: _Job, uv: str, found: pythons.PythonFound) -> Outcome:
    quiet = [] if found.how == "fetch" else ["--quiet"]
    return job.run(
        [uv, "venv", *quiet, "--no-project", "--python", found.request, "--prompt", "traindock", str(job.folder)]
    )


def _install(job: _Job, uv: str, requirements: tuple[str, ...]) -> tuple[Outcome, tuple[str, ...], list[str]]:
    """Install, relaxing one exact pin after the other that no longer installs."""
    wanted = [canonical_requirement(text) for text in requirements]
    # what belongs to a framework version was chosen by Traindock to fit it, so it is no pin to relax
    own = {canonical_requirement(text) for text in (*job.recipe.pip, *job.translation.pip)}
    warnings: list[str] = []
    if not wanted:
        return Outcome(0, ()), (), warnings
    file = job.folder / "requirements.txt"
    command = [
        uv,
        "pip",
        "install",
        "--python",
        job.python,
        "--compile-bytecode",
        *sources(job.recipe, job.settings),
        "-r",
        str(file),
    ]
    command += ["--refresh"] if job.recipe.built_after is not None else addresses.named(requirements)
    if job.recipe.constraints:
        bounds = job.folder / "constraints.txt"
        bounds.write_text("".join(f"{canonical_requirement(text)}\n" for text in job.recipe.constraints), "utf-8")
        command += ["-c", str(bounds)]
    while True:
        file.write_text("".join(f"{text}\n" for text in wanted), "utf-8")
        outcome = job.run(command)
        told = relax(wanted, own, outcome, job.log) if outcome.code else []
        if not told:
            return outcome, tuple(wanted), warnings
        warnings += told


def relax(wanted: list[str], own: Container[str], outcome: Outcome, log: BuildLog) -> list[str]:
    """Relax, in ``wanted``, the exact pins that a failed install is to be blamed on; returns what to tell people.

    Args:
        wanted: what was installed, in canonical form.
        own: those of them that may be relaxed.
        outcome: how it failed.
        log: is told too.
    """
    warnings = []
    for pin in culprits([text for text in wanted if text in own], outcome.output):
        loose = relaxed(pin)
        wanted[wanted.index(pin)] = loose
        warnings.append(f"{pin} no longer installs on this Python, so {loose} is used in its place")
        log.say(f"WARNING: {warnings[-1]}.")
    return warnings


def _missing_from_pypi(job: _Job, uv: str, outcome: Outcome) -> tuple[str, ...]:
    """Those of the conda requirements whose name no index knows, if that is why the install failed."""
    text = " ".join(outcome.output)
    if not any(words in text for words in NOT_FOUND):
        return ()
    missing = []
    for name in {r.name for t in job.translation.pip if (r := parse_requirement(t)) is not None}:
        command = [
            uv,
            "pip",
            "install",
            "--python",
            job.python,
            "--dry-run",
            "--no-deps",
            *sources(job.recipe, job.settings),
            name,
        ]
        answer = job.run(command)
        if answer.code and any(words in " ".join(answer.output) for words in NOT_FOUND):
            missing.append(name)
    return tuple(sorted(missing))


def fail(outcome: Outcome, relaxations: Iterable[str], requirements: Iterable[str]) -> NoReturn:
    """Raise what a failed install of packages comes to."""
    notes = "".join(f" ({text})" for text in (*relaxations, *_builds(requirements)))
    how = f"uv was ended by signal {-outcome.code}" if outcome.code < 0 else f"uv ended with {outcome.code}"
    raise EnvironmentBuildException(
        f"the packages cannot be installed{notes}: {explanation(outcome.output) or how}", outcome.tail
    )


def _builds(requirements: Iterable[str]) -> Iterator[str]:
    """What to do about pins that name a build, such as "torch==2.1.2+cu118": PyPI has none of these."""
    for text in requirements:
        if build := _BUILD.search(text):
            yield (
                f"{text} is a build that PyPI does not have: name an index that has it, for PyTorch's own builds "
                f"--extra-index-url https://download.pytorch.org/whl/{build[1]} in a requirements file, or "
                "extra_index_urls under [packages] in the workspace's settings.toml"
            )


def explanation(lines: Sequence[str]) -> str:
    """Return what uv gives as the cause, in one line, or "" where it says nothing.

    A cause follows what it is the cause of after a colon, a line that was wrapped goes on, and between others stand
    semicolons.
    """
    starts = [number for number, line in enumerate(lines) if line.startswith("error") or "×" in line]
    said = lines[starts[0] :] if starts else [line for line in lines if line.strip()][-1:]
    text, apart, quoted = "", False, False
    for line in said:
        cause, frame = _CAUSE.match(line), _FRAME.match(line)
        start = cause or frame
        words = " ".join(line[start.end() if start else 0 :].split())
        quoted = (quoted or words in _QUOTED) and not cause  # the words of a package's own build
        apart = apart or quoted or not line.startswith(" ")
        if words:
            between = " " if not (text and apart) or text.endswith(_ENDS) else "; "
            text = f"{text.rstrip('.:;')}: {words}" if cause else f"{text}{between}{words}"
        apart = not words
    text = text.strip()
    return text if len(text) <= _EXPLANATION else f"{text[:_EXPLANATION]} …"


def _by_conda(job: _Job, needed: tuple[str, ...], base: Interpreter) -> Built:
    """Build the whole environment with conda; what pip is asked for is installed by the pip it brings."""
    import shutil

    from traindock.images.frameworks import requirements_of

    program = find_conda(job.settings.environment().get("PATH"))
    if program is None:
        raise UserErrorException(missing_text(needed))
    job.log.say(f"Building it with {program}, which has {', '.join(needed)}.")
    shutil.rmtree(job.folder, ignore_errors=True)
    want = pythons.wanted(job.recipe, job.translation.pip, job.translation.python)
    translated = len(job.translation.pip)  # conda's own business; but they say what goes with a framework
    pip = requirements_of(job.recipe, job.translation.pip)
    pip = pip[: len(pip) - translated]
    # a recipe that leaves the Python open means the submitter's
    asked = job.recipe.python or job.translation.python
    specifier = want.specifier if asked or not want.allows(base.version) else python_specifier(f"3.{base.minor[1]}")
    python = conda_python(specifier)
    file = job.folder.with_suffix(".yml")
    bounds = job.folder.with_suffix(".txt")
    file.write_text(environment_yaml(job.recipe, python, pip, job.settings.find_links), "utf-8")
    bounds.write_text("".join(f"{text}\n" for text in job.recipe.constraints), "utf-8")
    try:
        made = job.run(create_command(program, str(job.folder), str(file)), _for_pip(job, bounds))
    finally:
        file.unlink(missing_ok=True)
        bounds.unlink(missing_ok=True)
    if made.code or not Path(job.python).exists():
        raise EnvironmentBuildException(f"{program} could not build the environment", made.tail)
    return Built("conda", python, program, pip, (), _freeze(job, find_uv()))


def _for_pip(job: _Job, constraints: Path) -> dict[str, str]:
    """Variables that tell the pip that conda calls where packages come from, as uv is told."""
    variables = {"PIP_INDEX_URL": job.recipe.index_url or job.settings.index_url or ""}
    variables["PIP_EXTRA_INDEX_URL"] = " ".join((*job.extra_indexes, *job.settings.extra_index_urls))
    variables["PIP_CONSTRAINT"] = str(constraints) if job.recipe.constraints else ""
    if job.settings.offline:
        variables |= {"CONDA_OFFLINE": "true", "MAMBA_OFFLINE": "true"}
    return {name: value for name, value in variables.items() if value}


def _freeze(job: _Job, uv: str) -> tuple[str, ...]:
    answer = subprocess.run(
        [uv, "pip", "freeze", "--python", job.python],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        env=job.environment,
        check=False,
    )
    if answer.returncode:
        raise EnvironmentBuildException("what was installed cannot be listed", answer.stderr.splitlines()[-10:])
    return tuple(mask(line) for line in answer.stdout.splitlines() if line and not line.startswith("#"))


@lru_cache(maxsize=4)
def _uv_version(uv: str) -> str:
    answer = subprocess.run([uv, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return " ".join(answer.stdout.split()[:2]) or "uv"
