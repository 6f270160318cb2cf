"""Text for people is safe, aligned and fits the terminal."""

from __future__ import annotations

import pytest

from traindock.cli.text import Column, clean, duration, shorten, size, table, width_of


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand\rmore", r"two\nlines\tand\rmore"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b2J", r"\x9b2J"),
        ("bell\x07", r"bell\x07"),
        ("abc\u202efdp.exe", r"abc\u202efdp.exe"),
        ("lone \udc80 surrogate", r"lone \udc80 surrogate"),
        ("Grüße 猫 👩‍🔬", "Grüße 猫 👩‍🔬"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(given: str, shown: str) -> None:
    assert clean(given) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min"),
        (61, "1 min 1 s"),
        (3599.9, "1 h"),
        (3661, "1 h 1 min"),
        (86_400, "1 d"),
        (200_000, "2 d 7 h"),
        (-3, "0.0 s"),
        (None, ""),
    ],
)
def test_durations_are_human(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(("count", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB")])
def test_sizes_are_human(count: int, shown: str) -> None:
    assert size(count) == shown


def test_columns_are_aligned_also_with_wide_characters() -> None:
    lines = table([Column("NAME"), Column("N", right=True)], [["猫", 1], ["dog", 100]])
    assert [width_of(line) for line in lines] == [9, 9, 9]
    assert lines[1] == "猫      1"


def test_a_narrow_terminal_loses_the_least_important_columns_and_then_the_middle_of_long_cells() -> None:
    columns = [Column("ID", least=9), Column("STATE"), Column("COMPUTE", rank=2), Column("TIME", rank=1)]
    row = ["experiment_1700000000_1a2b3c4d", "Completed", "local", "12:00"]
    assert table(columns, [row])[1].split() == row
    narrow = table(columns, [row], 40)
    assert narrow[1].split()[1:] == row[1:]
    assert narrow[1].split()[0].endswith("3c4d")
    assert max(map(width_of, narrow)) <= 40
    assert table(columns, [row], 30)[0].split() == ["ID", "STATE", "TIME"]
    narrowest = table(columns, [row], 20)
    assert narrowest[0].split() == ["ID", "STATE"]
    assert max(map(width_of, narrowest)) <= 20


def test_shortening_keeps_both_ends() -> None:
    assert shorten("abcdefghij", 5) == "ab…ij"
    assert width_of(shorten("猫猫猫猫猫", 6)) <= 6
