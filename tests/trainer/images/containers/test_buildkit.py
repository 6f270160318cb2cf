"""What is read from BuildKit's plain progress. What Docker 20.10 prints is tested on a real engine, in tests/docker;
here stands what newer versions print, as people have shown it in reports of faults."""

from __future__ import annotations

import pytest

from traindock.images.containers.buildkit import failure

STEPS = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 112B done
#1 DONE 0.0s

#2 [internal] load metadata for docker.io/library/python:3.11-slim
#2 DONE 1.1s

#3 [tools 1/2] FROM docker.io/library/python:3.11-slim@sha256:6042500cf4b44023ea1894effe7890666b0c5c7871ed83a97c36
#3 CACHED
"""
FAILED = """\
#4 [stage-1  2/10] RUN make
#4 0.231 cc -c main.c
#4 0.232 \x1b[31merror:\x1b[0m main.c is missing
#4 ...

#5 [tools 2/2] RUN sleep 60
#5 1.000 still here
#5 CANCELED

#4 [stage-1  2/10] RUN make
#4 1.400  10%\r 100%
#4 1.500
#4 1.600 make: *** [main.o] Error 1
#4 ERROR: process "/bin/sh -c make" did not complete successfully: exit code: 2
------
 > [stage-1  2/10] RUN make:
1.600 make: *** [main.o] Error 1
------
Dockerfile:4
--------------------
   3 |
   4 | >>> RUN make
   5 |
--------------------
ERROR: failed to build: failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2

View build details: docker-desktop://dashboard/build/default/default/abc
"""


def test_a_step_that_failed_is_told_as_the_classic_builder_tells_it() -> None:
    found = failure((STEPS + FAILED).split("\n"), "FROM python:3.11-slim AS tools\n")
    assert found.step == "Step 2/10 : RUN make"
    assert found.text == "The command '/bin/sh -c make' returned a non-zero code: 2"
    printed = ("cc -c main.c", "error: main.c is missing", " 100%", "", "make: *** [main.o] Error 1")
    assert found.lines == printed


def test_the_step_is_known_though_the_output_no_longer_has_its_beginning() -> None:
    lines = (STEPS + FAILED).split("\n")
    found = failure(lines[lines.index("#4 1.600 make: *** [main.o] Error 1") :], "")
    assert (found.step, found.lines) == ("Step 2/10 : RUN make", ("make: *** [main.o] Error 1",))


@pytest.mark.parametrize(
    ("name", "dockerfile", "step"),
    [
        ("docker.io/library/nope:latest", "FROM nope\n", "FROM nope"),
        ("docker.io/me/nope:1", "FROM --platform=linux/amd64 docker.io/me/nope:1 AS x\n", "FROM docker.io/me/nope:1"),
        ("r.example.org:5000/it:latest", "FROM r.example.org:5000/it\n", "FROM r.example.org:5000/it"),
        ("docker.io/library/nope:1", "ARG TAG=1\nFROM nope:$TAG\n", "FROM nope:1"),
        (
            "docker.io/library/builder:latest",
            "FROM python\nCOPY --from=builder /app /app\n",
            "COPY --from=builder /app /app",
        ),
    ],
)
def test_an_image_that_cannot_be_had_has_the_name_that_the_dockerfile_gives_it(
    name: str, dockerfile: str, step: str
) -> None:
    denied = "pull access denied, repository does not exist or may require authorization: server message: failed"
    output = [
        f"#3 [internal] load metadata for {name}",
        f"#3 ERROR: {denied}",
        "------",
        f" > [internal] load metadata for {name}:",
        "------",
        f"ERROR: failed to solve: {name}: failed to resolve source metadata for {name}: {denied}",
    ]
    found = failure(output, dockerfile)
    assert (found.step, found.text) == (step, denied)


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (
            "ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
            "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)",
        ),
        (
            "ERROR: failed to build: failed to solve: ResourceExhausted: failed to read dockerfile: write /x: no space "
            "left on device",
            "failed to read dockerfile: write /x: no space left on device",
        ),
        (
            "failed to solve: rpc error: code = Unknown desc = failed to solve with frontend dockerfile.v0: failed to "
            "create LLB definition: no build stage in current context",
            "no build stage in current context",
        ),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x. Is it running?", "Cannot connect to the Docker"),
        ("unknown flag: --builder", "unknown flag: --builder"),
    ],
)
def test_what_belongs_to_no_step_is_the_last_word(last: str, text: str) -> None:
    found = failure([*STEPS.splitlines(), last, "", "View build details: docker-desktop://x"], "FROM x\n")
    assert found.text.startswith(text)
    assert (found.step, found.lines) == ("", ())


def test_a_file_that_is_not_there_is_named_without_what_only_buildkit_understands() -> None:
    output = [
        "#6 [2/2] COPY nothing /there",
        '#6 ERROR: failed to calculate checksum of ref rf7wgxetgkc8bkf66::h3qhjaimb7ef83: "/nothing": not found',
    ]
    assert failure(output, "").text == '"/nothing": not found'


def test_a_name_that_no_image_can_have_belongs_to_its_line() -> None:
    output = [
        'ERROR: failed to solve: failed to parse stage name "Nope/it": invalid reference format: repository name '
        "(Nope/it) must be lowercase"
    ]
    found = failure(output, "FROM Nope/it\n")
    assert found.step == "FROM Nope/it"
    assert found.text == "invalid reference format: repository name (Nope/it) must be lowercase"


def test_a_program_that_says_nothing_gives_no_reason() -> None:
    assert failure([], "").text == ""
