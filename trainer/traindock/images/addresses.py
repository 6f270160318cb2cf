"""Requirements by address: what a folder, a file or a branch holds today, so that no old build is taken for it.

A folder or file of this machine stands for its content, a repository for the commit that it is asked for: they go into
the key of the environment. What lies behind any other address is taken to stay as it is, as files of indexes do.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from traindock.errors import StoreException
from traindock.images.recipe import canonical_requirement, parse_requirement
from traindock.images.uv import mask
from traindock.store.files import write_atomic

#: Seconds that a repository may take to answer.
_PATIENCE: Final = 30
#: Larger files of a folder count by size and time, in bytes.
_READ: Final = 2_000_000
#: What builds and tools leave in a source folder, and what is never installed.
_LEFT_OUT: Final = frozenset({".git", ".hg", ".svn", ".venv", "venv", "__pycache__", "node_modules"})
_TOOLS: Final = re.compile(r"\.(mypy|ruff|pytest)_cache|.*\.egg-info")
#: The same, but only at the top: further down they may be packages.
_BUILT: Final = frozenset({"build", "dist"})
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


def contents(
    requirements: Iterable[str], memory: Path, environment: Mapping[str, str] | None, *, offline: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """What those of the requirements that are addresses stand for.

    Args:
        requirements: pip requirements.
        memory: folder that keeps the last answer of each repository, for when it cannot be asked.
        environment: variables to ask repositories with; None asks nobody and takes the last answers.
        offline: no repository may be asked; a notice says so.

    Returns:
        A digest or a commit for each address that has one, by the requirement; and what people should know.
    """
    found: dict[str, str] = {}
    notices: list[str] = []
    for text in requirements:
        requirement = parse_requirement(text)
        url = requirement.url if requirement is not None else text.strip()
        if not url:
            continue
        if url.startswith("git+"):
            holds = _commit(url.removeprefix("git+"), memory, environment, offline, notices)
        elif url.startswith("file:"):
            holds = _digest(Path(unquote(urlsplit(url).path)))
        else:
            holds = None
        if holds is not None:
            found[canonical_requirement(text)] = holds
    return found, tuple(notices)


def named(requirements: Iterable[str]) -> list[str]:
    """Arguments of uv that keep it from taking what it has built of an address before for what lies there now."""
    arguments: list[str] = []
    for text in requirements:
        requirement = parse_requirement(text)
        if requirement is None:
            return ["--refresh"]  # its name is not known yet
        if requirement.url:
            arguments += ["--refresh-package", requirement.name]
    return arguments


def _commit(
    url: str, memory: Path, environment: Mapping[str, str] | None, offline: bool, notices: list[str]
) -> str | None:
    parts = urlsplit(url)
    path, _, ref = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "HEAD")
    if _COMMIT.fullmatch(ref):
        return None  # it says itself what it is
    repository = parts._replace(path=path, fragment="").geturl()
    file = memory / hashlib.sha256(os.fsencode(f"{mask(repository)} {ref}")).hexdigest()[:24]
    why = "the workspace's settings say offline" if offline else ""
    if environment is not None and not offline:
        answer, why = _ask(repository, ref, environment)
        if not why:
            _remember(file, answer)
            return answer or None
    known = _remembered(file)
    if environment is not None:
        taken = f"it is taken to be at {known[:12]}, as before" if known else "what it holds now is not known"
        notices.append(f"{mask(repository)} was not asked for {ref} ({why}): {taken}")
    return known


def _ask(repository: str, ref: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The commit of a branch or tag, "" for none of that name, and why the repository could not be asked."""
    env = {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes", **environment, "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "ls-remote", "--exit-code", "--", repository, ref, f"{ref}^{{}}"]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, cwd="/", env=env, check=False
        )
    except FileNotFoundError:
        return "", "git is not on PATH"
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", mask(str(error))
    if answer.returncode not in (0, 2):  # 2 is for a name that it does not have
        lines = mask(answer.stderr.decode("utf-8", "replace")).split("\n")
        return "", next((line.strip() for line in lines if line.strip()), f"git ended with {answer.returncode}")
    # a tag comes before the commit that it points to
    rows = answer.stdout.decode("utf-8", "replace").splitlines()
    return rows[-1].split("\t")[0] if rows else "", ""


def _digest(path: Path) -> str | None:
    """A hash of a file's or a folder's content, or None where it cannot be read: the build says why."""
    digest = hashlib.sha256()
    try:
        if path.is_file():
            return _of_file(path)
        if not path.is_dir():
            return None
        for file in _files(path):
            status = file.stat()
            holds = _of_file(file) if status.st_size <= _READ else f"{status.st_size} {status.st_mtime_ns}"
            digest.update(os.fsencode(f"{file.relative_to(path)}\0{status.st_mode & 0o111}\0{holds}\0"))
    except OSError:
        return None
    return digest.hexdigest()


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        top = Path(folder) == root
        folders[:] = sorted(
            name for name in folders if not (name in _LEFT_OUT or _TOOLS.fullmatch(name) or (top and name in _BUILT))
        )
        yield from (path for name in sorted(files) if (path := Path(folder, name)).is_file())


def _of_file(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remembered(file: Path) -> str | None:
    try:
        text = file.read_text("ascii").strip()
    except (OSError, ValueError):
        return None
    return text if _COMMIT.fullmatch(text) else None


def _remember(file: Path, commit: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, commit.encode("ascii"), durable=False)
    except (OSError, StoreException):
        return  # it is asked again next time
