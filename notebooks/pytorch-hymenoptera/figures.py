"""The two figures of a training: its curves, and predictions on pictures it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from insect_data import OFFICIAL_DATA, Picture
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


def about(facts: Mapping[str, Any]) -> str:
    """Say in a line which network was trained, how and on what, by the facts that :func:`save_model` keeps."""
    how = "last layer trained" if facts["mode"] == "fixed-features" else "fine-tuned"
    if facts["start"] == "random":
        how = f"{how.replace('fine-tuned', 'trained')} from random weights"
    data, classes = str(facts["data"]), " and ".join(facts["classes"])
    if data.startswith("drawn"):
        what = f"drawn {classes}"
    elif data == OFFICIAL_DATA:
        what = f"photographs of {classes}"
    else:
        what = f"{classes} from {data.rstrip('/').rpartition('/')[2]}"
    return f"{facts['architecture']}, {how}, on {what}"


def predictions(classifier: Classifier, pictures: Sequence[Picture], title: str = "") -> Figure:
    """Draw pictures with what the model takes them for and how sure it is; in red, with the truth, where it errs.

    Args:
        classifier: answers for each picture.
        pictures: what to draw.
        title: above all of them; how many are right, and what red means, follows below it.
    """
    columns = 4
    rows = max(1, -(-len(pictures) // columns))
    figure = Figure(figsize=(2.3 * columns, 2.5 * rows), layout="constrained")
    cells: Any = figure.subplots(rows, columns, squeeze=False)
    answers = classifier.predict([picture.image for picture in pictures])
    right = 0
    for index, axes in enumerate(cells.flat):
        axes.axis("off")
        if index >= len(pictures):
            continue
        label, probability = answers[index]
        truth = classifier.classes[pictures[index].label]
        right += label == truth
        axes.imshow(pictures[index].image)
        text = f"{label} {probability:.0%}"
        if label == truth:
            axes.set_title(text, fontsize=10)
        else:
            axes.set_title(f"{text} (is: {truth})", fontsize=10, color="crimson")
    legend = f"validation pictures, {right} of {len(pictures)} right{'; red: wrong' * (right < len(pictures))}"
    figure.suptitle(f"{title}\n{legend}" if title else legend, fontsize=11)
    return figure


def spread(pictures: Sequence[Picture], count: int) -> list[Picture]:
    """Choose ``count`` pictures evenly from the whole list, so that all classes have their share."""
    step = len(pictures) / max(1, min(count, len(pictures)))
    return [pictures[int(index * step)] for index in range(min(count, len(pictures)))]
