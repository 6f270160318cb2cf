"""What scripts log as values, and what of it is kept."""

from __future__ import annotations

import decimal
import enum
import fractions
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from traindock import errors
from traindock.runtime.context import Run
from traindock.store.metrics import MetricReader


class Half(float):
    """A subclass, as numpy's float64 is one."""


class Level(enum.IntEnum):
    HIGH = 3


class FakeTensor:
    """A tensor of TensorFlow's kind: no item(), but numpy()."""

    ndim = 0

    def numpy(self) -> Any:
        return np.float32(0.5)


class TestValues:
    @pytest.mark.parametrize(
        ("value", "stored"),
        [
            (np.float64(0.1), 0.1),
            (np.float32(0.5), 0.5),
            (np.float16(0.5), 0.5),
            (np.int64(2**62), 2**62),
            (np.int8(-3), -3),
            (np.uint64(2**64 - 1), 2**64 - 1),
            (np.bool_(True), True),
            (np.str_("x"), "x"),
            (np.array(0.25), 0.25),
            (np.array(7), 7),
            (Half(0.5), 0.5),
            (Level.HIGH, 3),
            (fractions.Fraction(1, 4), 0.25),
            (decimal.Decimal("0.5"), 0.5),
            (FakeTensor(), 0.5),
            (True, True),
            (None, None),
            ("text", "text"),
        ],
    )
    def test_scalars_of_all_sorts(self, either: Run, value: Any, stored: Any) -> None:
        either.log("x", value)
        found = either.get_metrics()["x"]
        assert found == stored
        assert type(found) is type(stored)

    @pytest.mark.slow
    def test_tensors(self, either: Run) -> None:
        torch = pytest.importorskip("torch")
        either.log("x", torch.tensor(0.5, requires_grad=True))
        either.log("x", torch.tensor(3))
        either.log("x", torch.tensor(float("inf"), dtype=torch.bfloat16))
        either.log_list("list", torch.tensor([1.0, 2.0]))
        assert either.get_metrics() == {"x": [0.5, 3, math.inf], "list": [1.0, 2.0]}

    @pytest.mark.parametrize(
        "value", [[1], (1, 2), range(3), (n for n in range(2)), {1}, {"a": 1}, np.array([1.0]), b"x", 1j, object(), len]
    )
    def test_what_is_no_scalar_is_refused_with_help(self, either: Run, value: Any) -> None:
        with pytest.raises(errors.UserErrorException, match="metric 'x'"):
            either.log("x", value)
        with pytest.raises(errors.UserErrorException, match=r"metric 'x\.col'"):
            either.log_row("x", col=value)
        assert either.get_metrics() == {}

    def test_a_value_that_cannot_be_shown(self, either: Run) -> None:
        class Shy:
            def __repr__(self) -> str:
                raise RuntimeError

        with pytest.raises(errors.UserErrorException, match="RuntimeError"):
            either.log("x", Shy())

    @pytest.mark.parametrize("name", [None, 3, "", ["x"], b"x"])
    def test_names_are_strings(self, either: Run, name: Any) -> None:
        for value in (1.0, 1):
            with pytest.raises(errors.UserErrorException, match="metric name"):
                either.log(name, value)

    @pytest.mark.parametrize("step", [np.int64(3), 3.0, Level.HIGH, np.array(3)])
    def test_steps_are_whole_numbers(self, job: Run, folder: Path, step: Any) -> None:
        job.log("x", 0.5, step=step)
        points = MetricReader(folder / "metrics").points("x")
        assert points.steps is not None
        assert points.steps.tolist() == [3]

    @pytest.mark.parametrize("step", [0.5, "three", 2**63, [1], math.nan, math.inf])
    def test_other_steps_are_refused(self, either: Run, step: Any) -> None:
        for value in (0.5, 1):
            with pytest.raises(errors.UserErrorException, match="'x'"):
                either.log("x", value, step=step)

    def test_lists(self, either: Run) -> None:
        either.log_list("a", (n / 2 for n in range(3)))
        either.log_list("b", [1, None, True, "x", np.float32(0.5)])
        assert either.get_metrics() == {"a": [0, 0.5, 1.0], "b": [1, None, True, "x", 0.5]}
        for wrong in (1, "text", {"a": 1}, [[1]], np.ones((2, 2))):
            with pytest.raises(errors.UserErrorException):
                either.log_list("c", wrong)

    @pytest.mark.parametrize(
        ("call", "value", "help"),
        [
            ("log_list", np.array(5), r"use log\(\) for a single one"),
            ("log_list", np.float32(5), r"use log\(\) for a single one"),
            ("log_list", np.ones((2, 2)), r"log_list\(\) takes one-dimensional arrays.*2 dimensions.*log_table\(\)"),
            ("log_list", [[1]], r"log_list\(\) takes a list of scalars.*\[1\].*log_table\(\)"),
            ("log_list", [b"x"], r"b'x' of type bytes is no scalar"),
            ("log", np.ones((2, 2)), r"2 dimensions.*log_table\(\)"),
            ("log", np.ones(2), r"use log_list\(\)"),
            ("log", np.array(1j), r"complex is no scalar.*\.real"),
            ("log_table", {"a": np.ones((2, 2))}, r"'x\.a': a column of log_table\(\) takes one-dimensional"),
        ],
    )
    def test_what_does_not_fit_is_told_what_does(self, either: Run, call: str, value: Any, help: str) -> None:  # noqa: A002
        with pytest.raises(errors.UserErrorException, match=f"(?s){help}"):
            getattr(either, call)("x", value)
        assert either.get_metrics() == {}

    @pytest.mark.slow
    @pytest.mark.parametrize("call", ["log", "log_list", "log_table"])
    def test_a_frame_is_a_table_and_says_how(self, either: Run, call: str) -> None:
        """Iterating over one gives the names of its columns, which would be logged without a word."""
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
        with pytest.raises(errors.UserErrorException, match=r'DataFrame; use log_table\(name, frame.to_dict\("list"\)'):
            getattr(either, call)("x", frame)
        either.log_table("x", frame.to_dict("list"))
        either.log_list("column", frame["a"])
        assert either.get_metrics() == {"x": {"a": [1, 2], "b": [0.5, 1.5]}, "column": [1, 2]}

    @pytest.mark.slow
    def test_a_tensor_without_data(self, either: Run) -> None:
        torch = pytest.importorskip("torch")
        for call, value in (
            (either.log, torch.ones((), device="meta")),
            (either.log_list, torch.ones(2, device="meta")),
            (either.log_table, {"a": torch.ones(2, device="meta")}),
        ):
            with pytest.raises(errors.UserErrorException, match=r"metric 'x.*no value can be taken out.*meta"):
                call("x", value)

    def test_tables(self, either: Run) -> None:
        either.log_table("t", {"a": np.array([1, 2]), "b": ["x", None]})
        assert either.get_metrics("t") == {"t": {"a": [1, 2], "b": ["x", None]}}
        for wrong in ([1], {"a": [1], "b": [1, 2]}, {1: [1]}, {"a": [[1]]}):
            with pytest.raises(errors.UserErrorException):
                either.log_table("u", wrong)
        with pytest.raises(errors.UserErrorException, match="columns"):
            either.log_row("u")

    @pytest.mark.parametrize("kind", ["confusion_matrix", "accuracy_table", "residuals", "predictions"])
    def test_schemas(self, either: Run, kind: str) -> None:
        value = {"schema_type": kind, "schema_version": "1.0.0", "data": {"x": np.arange(2), "y": [math.inf, None]}}
        log = getattr(either, f"log_{kind}")
        log("good", value)
        assert either.get_metrics()["good"]["data"] == {"x": [0, 1], "y": [math.inf, None]}
        for wrong in ({**value, "schema_type": "other"}, {"schema_type": kind}, "{broken", [1]):
            with pytest.raises(errors.UserErrorException):
                log("bad", wrong)
