"""Why an image was not built: the same words for the same fault, whichever builder told of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from traindock.errors import EnvironmentBuildException
from traindock.images.containers import dockerfiles
from traindock.images.containers.build_inputs import BuildContext
from traindock.images.containers.registry_faults import not_pulled
from traindock.images.dockerfile_text import has_heredoc
from traindock.images.uv import Outcome, mask

#: Lines of a step that are kept, as of other programs that build.
KEPT: Final = 400

_NUMBERED: Final = re.compile(r"STEP \d+/\d+ ?: ", re.IGNORECASE)  # Podman spells it in capitals
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MALFORMED: Final = re.compile(
    r"dockerfile parse error|unknown instruction|no build stage in current context|dockerfile cannot be empty"
    r"|file with no instructions|the dockerfile .*is empty",
    re.IGNORECASE,
)
_NO_SHELL: Final = re.compile(r'exec: "/bin/sh"|/bin/sh: no such file')
_HEREDOC_ADVICE: Final = (
    "the lines after <<WORD are for a builder that knows them: install Docker's buildx plugin on Docker 23 or newer, "
    "or begin the Dockerfile with the line '# syntax=docker/dockerfile:1' where there is buildx with an older Docker, "
    "or join the commands by '&& \\'"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a builder told of a build that failed.

    Attributes:
        text: its reason, without what the builder puts around it.
        step: the step that failed, such as "Step 2/3 : RUN make"; "" where it did not come to one.
        lines: what the step printed last, without what the builder puts before each line.
    """

    text: str
    step: str = ""
    lines: tuple[str, ...] = ()

    @property
    def instruction(self) -> str:
        """What the Dockerfile says there, such as "RUN make"."""
        numbered = _NUMBERED.match(self.step)
        return self.step[numbered.end() :] if numbered else self.step


class StepFailed(EnvironmentBuildException):
    """A step of a build failed by what it ran.

    Attributes:
        output: the last 400 lines that it printed; ``log_tail`` has the last of them.
    """

    def __init__(self, summary: str, output: Iterable[str]) -> None:
        self.output = tuple(output)
        super().__init__(summary, Outcome(1, self.output).tail)


def fault(failure: Failure, context: BuildContext) -> EnvironmentBuildException:
    """What to raise of a build that failed, a full disk left aside; see ``engine_work.disk_full``.

    Args:
        failure: what the builder told.
        context: what it was given.
    """
    text, step, lines = failure.text, failure.step, tuple(map(mask, failure.lines))
    reason = mask(text.splitlines()[0]) if text else "the builder gives no reason"
    if _MALFORMED.search(text):
        hint = f"; {_HEREDOC_ADVICE}" if has_heredoc(context.dockerfile) else ""
        return EnvironmentBuildException(f"the Dockerfile has an error: {reason}{hint}")
    if "requires BuildKit" in text:
        return EnvironmentBuildException(
            f"{step or 'a step of the Dockerfile'} needs BuildKit, which `docker buildx` brings: install Docker's "
            f"buildx plugin, or leave that option out ({reason})"
        )
    if (names := dockerfiles.images_of(failure.instruction)) and "invalid reference" not in text:
        pulled = not_pulled(names[0], text, "dockerfile")
        return type(pulled)(f"the image cannot be built: {mask(step)} failed: {pulled.summary}", lines)
    hint = ""
    if _NO_SHELL.search("\n".join((text, *lines))):
        hint = '; the image has no shell: write RUN ["program", "argument"], or build upon one that has'
    elif failure.instruction.upper().startswith(("COPY", "ADD")) and "not found" in text:
        hint = f"; {_not_there(context)}"
    where = f"{mask(step)} failed" if step else "it was refused"
    return StepFailed(f"the image cannot be built: {where}: {reason}{hint}", lines)


def shown(line: str) -> str:
    """A line as a terminal ends up with it: without colours, and without what it began anew upon."""
    return _COLOURS.sub("", line.rpartition("\r")[2] if line.strip("\r") else line).rstrip("\r")


def _not_there(context: BuildContext) -> str:
    if context.folder is not None:
        return f"{context.folder} has no such file, or its .dockerignore leaves it out"
    return (
        "a Dockerfile alone has no files to copy: use Environment.from_docker_build_context(name, "
        "DockerBuildContext.from_local_directory(folder))"
    )
