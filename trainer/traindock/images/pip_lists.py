"""Lists of pip requirements as people write them: in requirements files and in the pip section of conda files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from traindock.errors import UserErrorException
from traindock.images.recipe import parse_requirement
from traindock.images.uv import mask

_SHORT: Final = {
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
}
#: Options that a recipe carries on; the value says whether they take one.
_CARRIED: Final = {
    "--extra-index-url": True,
    "--find-links": True,
    "--trusted-host": True,
    "--no-binary": True,
    "--only-binary": True,
    "--pre": False,
}
#: Options that say how pip is to work, which is uv's business here.
_IGNORED: Final = ("--prefer-binary", "--no-cache-dir", "--upgrade", "-U", "--use-feature", "--progress-bar", "--quiet")
_OPTION: Final = re.compile(r"(-[a-zA-Z](?![a-zA-Z-])|--[a-z][a-z-]*)(?:\s*=\s*|\s*)(.*)")
_COMMENT: Final = re.compile(r"(^|\s)#.*$")
_VARIABLE: Final = re.compile(r"\$\{([A-Z0-9_]+)\}")

#: How deep requirements files may include one another.
_DEPTH: Final = 10


@dataclass(slots=True)
class PipList:
    """A list of pip requirements, taken apart.

    Attributes:
        packages: requirements.
        options: "--find-links PLACE" and the like, in their long form.
        index_url: package index, or None.
        constraints: bounds for whatever is installed, without asking for it.
    """

    packages: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    index_url: str | None = None
    constraints: list[str] = field(default_factory=list)


def read_text(path: Path, what: str) -> str:
    """The text of a file that the user named.

    Raises:
        UserErrorException: it is missing, a folder, or no UTF-8; the text names it.
    """
    try:
        return path.expanduser().read_text("utf-8-sig")
    except FileNotFoundError:
        raise UserErrorException(
            f"{what} {str(path)!r} does not exist (looked in {str(path.absolute().parent)!r})"
        ) from None
    except UnicodeDecodeError as error:
        raise UserErrorException(f"{what} {str(path)!r} is no UTF-8 text: {error}") from error
    except OSError as error:
        raise UserErrorException(f"{what} {str(path)!r} cannot be read: {error.strerror}") from error


def read_requirements(path: Path) -> PipList:
    """Read a requirements file.

    Raises:
        UserErrorException: it cannot be read, or a line of it is not understood; the text names both.
    """
    return parse_lines(read_text(path, "requirements file").splitlines(), path)


def parse_lines(lines: Iterable[str], source: Path | None = None, *, depth: int = 0) -> PipList:
    """Take apart lines as pip reads them, ``${NAME}`` replaced by this process's environment variables.

    Args:
        lines: of a requirements file, or of a conda file's pip section.
        source: the file they are from; files included by "-r" and "-c" are looked for beside it.
        depth: how many files lead here.

    Raises:
        UserErrorException: a line is not understood; the text names it.
    """
    result = PipList()
    for line in _joined(lines):
        text = _expanded(_COMMENT.sub("", line).strip(), source)
        if not text:
            continue
        if text.startswith("-"):
            _option(text, result, source, depth)
        elif text.startswith((".", "/", "~")) or (text.endswith((".whl", ".tar.gz", ".zip")) and "://" not in text):
            raise UserErrorException(
                f"{mask(text)!r}{_where(source)} is a file: put the code into the source folder, or name the file as "
                "'package @ file:///absolute/path'"
            )
        else:
            parse_requirement(text)
            result.packages.append(text)
    return result


def _option(text: str, result: PipList, source: Path | None, depth: int) -> None:
    match = _OPTION.fullmatch(text)
    name = _SHORT.get(match[1], match[1]) if match else text
    value = match[2].strip() if match else ""
    if name in _IGNORED:
        return
    if name == "--index-url" and value:
        result.index_url = value
    elif name in ("--requirement", "--constraint") and value and source is not None:
        inner = _included(value, name.removeprefix("--"), source, depth)
        bounds = inner.packages if name == "--constraint" else []
        if any(parse_requirement(text) is None for text in bounds):
            raise UserErrorException(f"a constraint without a name{_where(source)}: write 'name @ address'")
        result.constraints += [*inner.constraints, *bounds]
        result.packages += inner.packages if not bounds else []
        result.options += inner.options
        result.index_url = inner.index_url or result.index_url
    elif name in ("-e", "--editable"):
        raise UserErrorException(
            f"{text!r}{_where(source)} is an editable install, and an environment is built once, for many runs, so it "
            "cannot point into a folder that changes: put the code into the source folder, or write it without -e, as "
            "'package @ file:///absolute/path' or 'git+https://…'"
        )
    elif name in _CARRIED and bool(value) == _CARRIED[name]:
        if name == "--find-links" and source is not None and "://" not in value:
            value = str((source.parent / value).absolute())
        result.options.append(f"{name} {value}".rstrip())
    else:
        raise UserErrorException(
            f"the option {mask(text)!r}{_where(source)} is not supported: use {', '.join(['--index-url', *_CARRIED])}"
        )


def _included(value: str, what: str, source: Path, depth: int) -> PipList:
    if depth >= _DEPTH:
        raise UserErrorException(f"requirements files include one another more than {_DEPTH} deep: {source}")
    if "://" in value:
        raise UserErrorException(
            f"the {what} file {value!r}{_where(source)} is an address: download it beside the file"
        )
    other = source.parent / value
    return parse_lines(read_text(other, f"{what}s file").splitlines(), other, depth=depth + 1)


def _expanded(text: str, source: Path | None) -> str:
    missing = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if missing:
        raise UserErrorException(
            f"{text!r}{_where(source)} asks for the environment variable {missing[0]}, which is not set"
        )
    text = _VARIABLE.sub(lambda match: os.environ[match[1]], text)
    if "${" in text:
        raise UserErrorException(
            f"{mask(text)!r}{_where(source)} has '${{' in it: names of variables are of capitals, digits and '_'"
        )
    return text


def _joined(lines: Iterable[str]) -> Iterable[str]:
    """Lines, with those that end in a backslash continued."""
    held = ""
    for line in lines:
        if line.endswith("\\"):
            held += line[:-1]
        else:
            yield held + line
            held = ""
    if held:
        yield held


def _where(source: Path | None) -> str:
    return f" in {str(source)!r}" if source else ""
