"""Pictures in place of cards, where nothing is live."""

from __future__ import annotations

from matplotlib.figure import Figure

from traindock_widgets.picture import charts, png
from traindock_widgets.pictures_of_many import created


class TestCharts:
    def test_have_training_and_validation_of_one_metric_together(self) -> None:
        names = ["train_loss", "val_loss", "loss/test", "acc", "val/acc", "lr"]
        assert charts(names) == [["train_loss", "val_loss", "loss/test"], ["acc", "val/acc"], ["lr"]]

    def test_leave_words_that_only_contain_such_a_name_alone(self) -> None:
        assert charts(["trainable_parameters", "interval"]) == [["trainable_parameters"], ["interval"]]

    def test_begin_with_what_tells_how_good_a_model_is(self) -> None:
        names = ["lr", "momentum", "train_loss", "val_acc", "val_loss"]
        assert charts(names) == [["train_loss", "val_loss"], ["val_acc"], ["lr"], ["momentum"]]

    def test_have_a_metric_that_has_no_other_name(self) -> None:
        assert charts(["train", "val"]) == [["train"], ["val"]]


def test_a_list_says_that_its_times_are_utc() -> None:
    assert created({"created": "2026-11-29T05:47:43.123Z"}) == "2026-11-29 05:47 UTC"
    assert created({"created": None}) == ""


def test_there_is_none_where_matplotlib_fails() -> None:
    def draw(figure: Figure) -> None:
        raise ValueError("Axis limits cannot be NaN or Inf")

    assert png(1, draw) is None
