"""What BuildKit tells of a build that failed, read from its plain progress. Pure.

Each line of it begins with the number of a step, as several may be at work: ``#9 [2/3] RUN make`` names one, ``#9 1.234
cc -c main.c`` is what it prints, with the seconds since it began, and ``#9 ERROR: …`` is why it failed. After the last
step comes the reason of all, in words that changed with its versions.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from traindock.images.containers import dockerfiles
from traindock.images.containers.build_faults import Failure, shown
from traindock.images.dockerfile_text import instructions

_LINE: Final = re.compile(r"#(\d+) (.*)")
_PRINTED: Final = re.compile(r"\d+\.\d+(?: (.*))?")
#: A step: perhaps its platform and its stage, its number, and its instruction.
_STEP: Final = re.compile(r"\[(?:.* )?(\d+/\d+)\] (.*)")
_METADATA: Final = re.compile(r"\[internal\] load metadata for (\S+)")
#: The image that the first line of a Dockerfile names for reading the others, "# syntax=docker/dockerfile:1".
_SYNTAX: Final = re.compile(r"resolve image config for (?:docker-image://)?(\S+)")
#: What stands before a reason, and says nothing of it.
_AROUND: Final = re.compile(
    r"(?:(?:ERROR|error): |failed to solve(?: with frontend [\w.]+)?: |rpc error: code = \w+ desc = "
    r"|ResourceExhausted: |failed to build: |failed to create LLB definition: |failed to compute cache key: "
    r"|failed to calculate checksum of ref \S+?(?:::\S+?)?: |failed to resolve source metadata for \S+: )+"
)
#: The names of images in the Dockerfile that BuildKit does not understand; it does not tell which line has them.
_BAD_NAME: Final = re.compile(r'failed to parse stage name "(.*?)": (.*)')
_EXIT: Final = re.compile(
    r'(?:executor failed running \[(.*)\]|process "(.*)" did not complete successfully): exit code: (\d+)'
)
_ENDED: Final = ("context canceled", "CANCELED")


def failure(output: Sequence[str], dockerfile: str) -> Failure:
    """What the output of a build that failed comes to.

    Args:
        output: lines of plain progress; the first may be missing.
        dockerfile: what was to be built.
    """
    names: dict[str, str] = {}
    printed: defaultdict[str, list[str]] = defaultdict(list)
    wrong: dict[str, str] = {}
    rest: list[str] = []
    for line in output:
        told = _LINE.fullmatch(line)
        if told is None:
            rest.append(line)
            continue
        number, text = told.groups()
        if said := _PRINTED.fullmatch(text):
            printed[number].append(shown(said[1] or ""))
        elif text.startswith("ERROR: "):
            wrong[number] = text
        elif text.startswith("[") or _SYNTAX.fullmatch(text):
            names.setdefault(number, text)
    # those that were ended because another had failed are no reason
    failed = next((n for n, text in wrong.items() if not any(words in text for words in _ENDED)), None)
    if failed is None:
        return _without_step(_last_reason(rest))
    name = names.get(failed) or _named_at_the_end(rest)
    return Failure(_reason(wrong[failed]), _step(name, dockerfile), tuple(printed[failed]))


def _step(name: str, dockerfile: str) -> str:
    """The step in the words of the Dockerfile, and of the engine's classic builder."""
    if step := _STEP.fullmatch(name):
        return f"Step {step[1]} : {step[2]}"
    if syntax := _SYNTAX.fullmatch(name):
        return f"FROM {syntax[1].removeprefix('docker.io/')}"
    if metadata := _METADATA.fullmatch(name):
        return _from(metadata[1], dockerfile)
    return name


def _from(full: str, dockerfile: str) -> str:
    """The instruction that names an image, in full as BuildKit has it: with its registry and its tag."""
    short = full.removeprefix("docker.io/").removeprefix("library/")
    spelled = [name for each in (full, short) for name in (each, each.removesuffix(":latest"))]
    if written := next((name for name in dockerfiles.images_of(dockerfile) if name in spelled), None):
        return f"FROM {written}"
    # of a stage that there is not, BuildKit takes the name for one of an image
    lines = (line for line in instructions(dockerfile) if any(f"--from={name} " in line for name in spelled))
    return next(lines, f"FROM {short}")


def _reason(text: str) -> str:
    around = _AROUND.match(text)
    text = text[around.end() :] if around else text
    if ended := _EXIT.search(text):
        command, code = ended[1] or ended[2], ended[3]
        return f"The command '{command}' returned a non-zero code: {code}"
    return text


def _last_reason(rest: Sequence[str]) -> str:
    """The line that says why, of those that belong to no step."""
    lines = [line for line in rest if line.strip() and not line.startswith("View build details")]
    marked = [line for line in lines if _AROUND.match(line)]
    return (marked or lines or [""])[-1]


def _without_step(text: str) -> Failure:
    text = _reason(text)
    if bad := _BAD_NAME.fullmatch(text):
        return Failure(bad[2], f"FROM {bad[1]}")
    return Failure(text)


def _named_at_the_end(rest: Sequence[str]) -> str:
    """The step that failed, as it is named once more after the last one, where the output was too long to have both."""
    found = [line.removeprefix(" > ").removesuffix(":") for line in rest if line.startswith(" > ")]
    return found[-1] if found else ""
