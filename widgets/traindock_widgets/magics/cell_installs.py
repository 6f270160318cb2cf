"""Lines of a cell that install packages, as options of the magic's line that ask for the same."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Final

#: Whoever installs packages, from the beginning of a line on; the words that follow are packages and options.
_INSTALL: Final = re.compile(
    r"""
    (?:[^=!%]*=\s*)? (?:!!?|%) \s*
    (?: (?:\S*python[\d.]*|[{$"']*sys\.executable[}"']*) \s+ -m \s+ )?
    (?P<program> (?:\S*/)? (?:pip[\d.]* | uv(?:\s+pip)? | conda | mamba | micromamba) )
    \s+ (?:-\S+\s+)* (?:install|add)\b (?P<words>.*)
    """,
    re.VERBOSE | re.DOTALL,
)
#: Options with a value that says how and whence to install. It is the compute target that knows this.
_WITH_VALUE: Final = frozenset({
    "-i", "--index-url", "--extra-index-url", "--index", "--default-index", "-f", "--find-links", "-c",
    "--constraint", "-t", "--target", "--platform", "--python-version", "--python", "--implementation", "--abi",
    "--prefix", "--root", "--src", "--upgrade-strategy", "--no-binary", "--only-binary", "--progress-bar",
    "--timeout", "--retries", "--proxy", "--trusted-host", "--cert", "--client-cert", "--cache-dir", "--log",
    "-e", "--editable", "-C", "--config-settings", "--report", "--root-user-action", "--exists-action",
    "--keyring-provider",
})  # fmt: skip
_WITH_VALUE_OF_CONDA: Final = frozenset({
    "-c", "--channel", "-n", "--name", "-p", "--prefix", "--file", "--solver", "--repodata-fn", "--subdir",
    "--platform",
})  # fmt: skip
#: Before the name of a file with packages; short options without a value may stand in one word with it.
_FILE: Final = re.compile(r"-[a-zA-Z]*r|--requirements?")
#: Where a shell's command ends, and the next one or a file begins.
_COMMAND_END: Final = re.compile(r"[|&;]|\d*>")


def asked_for(line: str) -> str | None:
    """Return the options that ask for what a line of a notebook installs; None where it installs nothing.

    Of pip's and conda's own options those are left out that say how, or whence.
    """
    match = _INSTALL.match(line)
    if match is None:
        return None
    is_conda = match["program"].endswith(("conda", "mamba"))
    option = "--conda" if is_conda else "--pip"
    packages, files = _sorted_out(_words(match["words"]), _WITH_VALUE_OF_CONDA if is_conda else _WITH_VALUE)
    asked = [f"{option} {shlex.quote(package)}" for package in packages]
    if len(files) == 1:
        asked.append(f"--requirements {shlex.quote(files[0])}")
    elif files:
        asked.append(f"--requirements FILE, with the lines {', '.join(f'-r {file}' for file in files)}")
    return " ".join(asked) or f"{option} PKG"


def _words(text: str) -> Iterator[str]:
    """Yield the words of a command up to its end, without a comment."""
    text = re.sub(r"(?:^|\s)#.*", "", text).rstrip("\\ ")
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    for word in words:
        if _COMMAND_END.match(word):
            return
        yield word


def _sorted_out(words: Iterator[str], with_value: frozenset[str]) -> tuple[list[str], list[str]]:
    """Return the packages among the words, and the files that list some."""
    packages: list[str] = []
    files: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if _FILE.fullmatch(name):
            files.append(value if equals else next(words, "FILE"))
        elif word.startswith("-r"):
            files.append(word[2:])
        elif word in with_value:
            next(words, None)
        elif not word.startswith("-"):
            packages.append(word)
    return packages, files
