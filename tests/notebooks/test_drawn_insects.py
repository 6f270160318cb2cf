"""The drawn set tells its classes apart by shape alone, and is the same everywhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest


def logistic_regression(train: np.ndarray, train_labels: np.ndarray, val: np.ndarray) -> np.ndarray:
    """Labels that a logistic regression, trained to convergence, gives to ``val``."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    inputs = np.c_[(train - mean) / std, np.ones(len(train))]
    weights = np.zeros(inputs.shape[1])
    for _ in range(2000):
        probability = 1 / (1 + np.exp(-inputs @ weights))
        weights -= 0.5 * inputs.T @ (probability - train_labels) / len(inputs)
    return (np.c_[(val - mean) / std, np.ones(len(val))] @ weights > 0).astype(int)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(0, marks=pytest.mark.slow),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2)),
    ],
)
def drawn(request: pytest.FixtureRequest, tutorial: SimpleNamespace) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Split name to (pictures as float arrays, labels)."""
    splits: dict[str, tuple[list[np.ndarray], list[int]]] = {"train": ([], []), "val": ([], [])}
    for split, name, _, image in tutorial.drawn_insects.drawn_pictures(request.param):
        splits[split][0].append(np.asarray(image, dtype=float))
        splits[split][1].append(tutorial.drawn_insects.CLASSES.index(name))
    return {split: (np.array(images), np.array(labels)) for split, (images, labels) in splits.items()}


def test_the_mean_colour_does_not_tell_the_classes_apart(drawn: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    train, val = ((images.mean(axis=(1, 2)), labels) for images, labels in drawn.values())
    for inputs, labels in (train, val):
        found = logistic_regression(*train, inputs)
        assert (found == labels).mean() < 0.6


def test_nor_do_mean_and_spread_of_each_colour_together(drawn: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    def features(images: np.ndarray) -> np.ndarray:
        return np.c_[images.mean(axis=(1, 2)), images.std(axis=(1, 2))]

    (train, labels), (val, val_labels) = drawn.values()
    found = logistic_regression(features(train), labels, features(val))
    assert (found == val_labels).mean() < 0.6


def test_the_regression_finds_a_difference_that_is_there(drawn: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    (train, labels), (val, val_labels) = drawn.values()
    tinted = [images + 60 * marks[:, None, None, None] for images, marks in ((train, labels), (val, val_labels))]
    found = logistic_regression(*(tinted[0].mean(axis=(1, 2)), labels), tinted[1].mean(axis=(1, 2)))
    assert (found == val_labels).mean() > 0.8


@pytest.mark.slow
def test_size_and_place_are_the_same_for_both_classes(tutorial: SimpleNamespace) -> None:
    rng = np.random.default_rng(7)
    measures: dict[str, list[list[float]]] = {"ants": [], "bees": []}
    for _ in range(120):
        for name, drawing in tutorial.drawn_insects.draw_pair(rng).items():
            cover = drawing.cover
            rows, columns = np.mgrid[0 : cover.shape[0], 0 : cover.shape[1]] + 0.5
            area = cover.sum()
            x, y = (columns * cover).sum() / area, (rows * cover).sum() / area
            width, height = np.ptp(np.nonzero(cover.max(axis=0))[0]), np.ptp(np.nonzero(cover.max(axis=1))[0])
            measures[name].append([area, x, y, width, height])
    ants, bees = (np.array(measures[name]) for name in ("ants", "bees"))
    assert np.abs(ants[:, 0] / bees[:, 0] - 1).max() < 0.06  # pair by pair the same area
    assert np.abs(ants[:, 1:3] - bees[:, 1:3]).max() < 1.5  # and the same centre, in pixels
    assert ants[:, 3:].mean() == pytest.approx(bees[:, 3:].mean(), rel=0.06)


def test_the_same_seed_draws_the_same_set_and_another_seed_another(tutorial: SimpleNamespace) -> None:
    def drawn(seed: int) -> list[tuple[str, bytes]]:
        pictures = tutorial.drawn_insects.drawn_pictures(seed, train=3, val=2)
        return [(name, image.tobytes()) for _, _, name, image in pictures]

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)
    assert len({content for _, content in drawn(5)}) == 10, "no two pictures are equal"


def test_a_set_on_disk_has_the_layout_of_the_photographs(tutorial: SimpleNamespace, tmp_path: Path) -> None:
    assert tutorial.drawn_insects.write_set(tmp_path, train=2, val=1) == 6
    pictures = tutorial.insect_data.load_pictures(str(tmp_path))
    assert pictures.classes == ("ants", "bees")
    assert (len(pictures.train), len(pictures.val)) == (4, 2)
    assert not pictures.drawn, "pictures in a folder are taken as they are"
