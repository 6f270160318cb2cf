"""Which metric of a run tells most, where nobody has said which is meant: the rule of lists of runs and of cards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

# As in widgets/src/model/series.ts, to which a test compares them.
SMALL: Final = r"(?:\w*loss(?:es)?|errs?|\w*errors?|perplexity|ppl|\w*mse|s?mape|s?mae|wer|cer|latency|seconds)"
LARGE: Final = (
    r"(?:acc\d*|\w*accuracy|f\d(?:score)?|\w*auc|\w*precision|\w*recall|m?iou|m?ap|bleu\d?|rouge\w*|"
    r"\w*score|rewards?|r2)"
)


def telling(names: Sequence[str]) -> str | None:
    """Return the metric that tells most: of validation if there is one, else one that has a best value.

    Args:
        names: of metrics; where several would do, the earlier one.
    """
    judged = [name for name in names if best_of(name) is not None]
    validated = [name for name in judged if "val" in name.lower()]
    best = [name for name in validated if best_of(name) == "max"]
    return next(iter([*best, *validated, *judged, *names]), None)


def best_of(name: str) -> Literal["min", "max"] | None:
    """Return which value of a metric is its best, as its name tells; None where it does not."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"([a-z]{2})([A-Z][a-z])", r"\1 \2", name).lower())
    for word in reversed(words):
        if re.fullmatch(SMALL, word, re.ASCII):
            return "min"
        if re.fullmatch(LARGE, word, re.ASCII):
            return "max"
    return None
