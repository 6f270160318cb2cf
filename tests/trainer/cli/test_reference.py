"""docs/command-line.md says what the commands understand."""

from __future__ import annotations

from tests.trainer.cli.reference import PAGE, page


def test_the_page_has_each_command_with_each_option() -> None:
    assert PAGE.read_text("utf-8") == page(), "write it anew: python -m tests.trainer.cli.reference"


def test_usages_are_as_a_shell_takes_them() -> None:
    text = PAGE.read_text("utf-8")
    assert "`traindock register [options] RUN NAME [PATH]`, or `traindock register [options] --file PATH NAME`" in text
    assert "%(" not in text
