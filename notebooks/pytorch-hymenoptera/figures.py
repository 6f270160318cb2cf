"""The two figures of a training: its curves, and predictions on pictures it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from insect_data import Picture
from insect_models import Classifier
from matplotlib.figure import Figure


def curves(metrics: Mapping[str, Sequence[float]], title: str = "") -> Figure:
    """Draw loss and accuracy over the epochs.

    Args:
        metrics: "train_loss", "val_loss", "train_acc" and "val_acc", one value an epoch.
        title: above both.
    """
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, what, label in ((left, "loss", "loss"), (right, "acc", "accuracy")):
        for split, name in (("train", "training"), ("val", "validation")):
            values = metrics[f"{split}_{what}"]
            axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    right.set_ylim(0, 1.02)
    right.legend(loc="lower right")
    figure.suptitle(title)
    return figure


def predictions(classifier: Classifier, pictures: Sequence[Picture], title: str = "") -> Figure:
    """Draw pictures with what the model takes them for, in red where it errs."""
    columns = 4
    rows = max(1, -(-len(pictures) // columns))
    figure = Figure(figsize=(2.3 * columns, 2.5 * rows), layout="constrained")
    cells: Any = figure.subplots(rows, columns, squeeze=False)
    answers = classifier.predict([picture.image for picture in pictures])
    for index, axes in enumerate(cells.flat):
        axes.axis("off")
        if index >= len(pictures):
            continue
        label, probability = answers[index]
        right = label == classifier.classes[pictures[index].label]
        axes.imshow(pictures[index].image)
        axes.set_title(f"{label} {probability:.0%}", fontsize=10, color="black" if right else "crimson")
    figure.suptitle(title)
    return figure


def spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """Choose ``count`` pictures evenly from the whole list, so that all classes have their share."""
    step = len(pictures) / max(1, min(count, len(pictures)))
    return [pictures[int(index * step)] for index in range(min(count, len(pictures)))]
