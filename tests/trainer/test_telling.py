"""Which metric of a run tells most."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from traindock.telling import LARGE, SMALL, best_of, telling


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], None),
        (["epoch"], "epoch"),
        (["epoch", "loss"], "loss"),
        (["loss", "val_loss"], "val_loss"),
        (["loss", "val_loss", "validAcc"], "validAcc"),
        (["interval", "train_accuracy"], "train_accuracy"),
    ],
)
def test_validation_goes_first_then_what_has_a_best_value(names: list[str], expected: str | None) -> None:
    assert telling(names) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("val/loss", "min"), ("score_loss", "min"), ("mAP", "max"), ("cancer_auc", "max"), ("lr", None), ("", None)],
)
def test_what_is_best_is_told_by_the_name(name: str, expected: str | None) -> None:
    assert best_of(name) == expected


def test_the_words_are_those_of_the_views() -> None:
    series = (Path(__file__).parents[2] / "widgets" / "src" / "model" / "series.ts").read_text()
    for name, ours in (("SMALL", SMALL), ("LARGE", LARGE)):
        assert re.search(rf"const {name} =\s*/\^(.*)\$/;", series)[1] == ours  # type: ignore[index]
