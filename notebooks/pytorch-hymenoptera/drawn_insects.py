"""Draw small pictures of ants and bees, for machines that cannot download photographs.

Only the shape tells the classes apart. Every ant is drawn together with a bee of the same background, colours,
covered area, place and direction, so that a model that looks at brightness, colour or size learns nothing. The
pictures are drawn from a seed alone, carry no licence, and are the same in every run.

Look at some:  ``python drawn_insects.py some_folder``
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

#: Class names, in the order of their labels.
CLASSES = ("ants", "bees")

#: Edge of a drawn picture in pixels.
SIZE = 64

_FINE = 4  # pictures are drawn this many times larger, then averaged, which smooths their edges

Outline = np.ndarray  # (n, 2) corners of a polygon, x along the body (head at +x), y to its left
Part = tuple[Outline, float]  # a polygon and its tone, 0 dark to 1 light; later parts cover earlier ones


@dataclass(frozen=True)
class Drawing:
    """One drawn insect.

    Attributes:
        image: RGB picture.
        cover: float array (rows, columns), the share of each pixel that the insect covers, 0 to 1.
    """

    image: Image.Image
    cover: np.ndarray


def _oval(x: float, y: float, along: float, across: float, turn: float = 0.0) -> Outline:
    angles = np.linspace(0.0, 2 * np.pi, 28, endpoint=False)
    points = np.stack([along * np.cos(angles), across * np.sin(angles)], axis=1)
    return points @ _rotation(turn).T + (x, y)


def _limb(points: list[tuple[float, float]], width: float) -> list[Outline]:
    """A bent line of the given width, as one rectangle for each straight stretch of it."""
    stretches = []
    for index in range(len(points) - 1):
        start, end = np.array(points[index]), np.array(points[index + 1])
        along = (end - start) / np.linalg.norm(end - start)
        side = np.array([-along[1], along[0]]) * width / 2
        over = along * width / 2  # closes the gap at the bend
        stretches.append(np.array([start + side - over, end + side + over, end - side + over, start - side - over]))
    return stretches


def _rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _banded(rng: np.random.Generator, x: float, along: float, across: float, tones: tuple[float, float]) -> list[Part]:
    """An oval hind body with bands across it, of two tones."""
    count = int(rng.integers(4, 7))
    angles = np.linspace(0.0, np.pi, 40)
    parts: list[Part] = [(_oval(x, 0.0, along, across), tones[0])]
    edges = np.linspace(-1.0, 1.0, count + 1)
    for band in range(1, count, 2):
        inside = np.cos(angles)
        chosen = angles[(inside >= edges[band]) & (inside <= edges[band + 1])]
        upper = np.stack([x + along * np.cos(chosen), across * np.sin(chosen)], axis=1)
        parts.append((np.concatenate([upper, upper[::-1] * (1.0, -1.0)]), tones[1]))
    return parts


def _ant(rng: np.random.Generator, tones: tuple[float, float]) -> list[Part]:
    """A slim body of three knots with narrow waists, six long legs, elbowed feelers, no wings."""

    def vary(value: float) -> float:
        return float(value * rng.uniform(0.92, 1.08))

    parts: list[Part] = []
    for side in (-1.0, 1.0):
        for foot, knee in ((vary(0.40), 0.28), (vary(0.08), 0.10), (-vary(0.34), -0.10)):
            bend = (knee + rng.uniform(-0.05, 0.05), side * vary(0.22))
            end = (foot + rng.uniform(-0.08, 0.08), side * vary(0.40))
            parts += [(piece, tones[1]) for piece in _limb([(0.10, side * 0.04), bend, end], 0.055)]
        elbow = (vary(0.58), side * vary(0.14))
        parts += [(piece, tones[1]) for piece in _limb([(0.42, side * 0.05), elbow, (0.70, side * vary(0.08))], 0.045)]
    parts += _banded(rng, -0.34, vary(0.23), vary(0.17), tones)
    parts.append((_oval(-0.08, 0.0, 0.06, 0.045), tones[0]))
    parts.append((_oval(0.10, 0.0, vary(0.17), vary(0.10)), tones[0]))
    parts.append((_oval(0.38, 0.0, vary(0.125), vary(0.125)), tones[0]))
    return parts


def _bee(rng: np.random.Generator, tones: tuple[float, float]) -> list[Part]:
    """A stout body without a waist, two pairs of wings, short legs and feelers."""

    def vary(value: float) -> float:
        return float(value * rng.uniform(0.92, 1.08))

    parts: list[Part] = []
    spread = rng.uniform(-0.15, 0.15)
    for side in (-1.0, 1.0):
        for length, width, turn in ((0.43, 0.085, 1.80 + spread), (0.30, 0.075, 2.35 + spread)):
            long = vary(length)
            x, y = np.array([0.12, 0.10]) + np.array([np.cos(turn), np.sin(turn)]) * long
            parts.append((_oval(x, side * y, long, vary(width), side * turn), tones[1]))
        for start, foot in ((0.20, 0.30), (-0.02, -0.10)):
            parts += [(piece, tones[1]) for piece in _limb([(start, side * 0.1), (foot, side * vary(0.27))], 0.042)]
        parts += [(piece, tones[1]) for piece in _limb([(0.44, side * 0.05), (0.58, side * vary(0.12))], 0.035)]
    parts += _banded(rng, -0.30, vary(0.34), vary(0.155), tones)
    parts.append((_oval(0.12, 0.0, vary(0.17), vary(0.16)), tones[0]))
    parts.append((_oval(0.36, 0.0, vary(0.11), vary(0.13)), tones[0]))
    return parts


def _paint(
    parts: list[Part], size: int, scale: float, turn: float, centre: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (cover, tone) of the parts at ``scale`` pixels per body length, with their origin at ``centre``."""
    cover = Image.new("L", (size * _FINE, size * _FINE), 0)
    tone = Image.new("L", cover.size, 0)
    on_cover, on_tone = ImageDraw.Draw(cover), ImageDraw.Draw(tone)
    for outline, light in parts:
        placed = (outline @ _rotation(turn).T * scale + centre) * _FINE
        corners = [(float(x), float(y)) for x, y in placed]
        on_cover.polygon(corners, fill=255)
        on_tone.polygon(corners, fill=round(255 * light))
    covered = np.asarray(cover.reduce(_FINE), dtype=float) / 255
    # Averaged over the covered part of a pixel only; what lies beside the insect has no tone.
    lightness = np.asarray(tone.reduce(_FINE), dtype=float) / 255 / np.maximum(covered, 1e-6)
    return covered, np.clip(lightness, 0.0, 1.0)


def _background(rng: np.random.Generator, size: int, colour: np.ndarray) -> np.ndarray:
    """Ground of blotches and blades around one colour, as float RGB."""
    coarse = rng.normal(0.0, 9.0, (4, 4, 3)) + rng.normal(0.0, 7.0, (4, 4, 1)) + colour
    layers = [Image.fromarray(coarse[:, :, i].astype(np.float32), mode="F") for i in range(3)]
    ground = np.stack([np.asarray(layer.resize((size, size), Image.Resampling.BICUBIC)) for layer in layers], axis=2)
    for _ in range(int(rng.integers(1, 4))):
        blade = Image.new("L", (size * 2, size * 2), 0)
        ends = rng.uniform(0, 2 * size, 4)
        ImageDraw.Draw(blade).line([float(v) for v in ends], fill=255, width=int(rng.integers(2, 5)))
        share = np.asarray(blade.reduce(2), dtype=float)[:, :, None] / 255 * rng.uniform(0.3, 0.8)
        ground = ground * (1 - share) + (colour + rng.normal(0.0, 22.0, 3)) * share
    return ground


def draw_pair(rng: np.random.Generator, size: int = SIZE) -> dict[str, Drawing]:
    """Draw an ant and a bee that differ in nothing but their shape.

    Args:
        rng: source of all chance; the same state gives the same pictures.
        size: edge of the pictures in pixels.

    Returns:
        class name to drawing, for each of :data:`CLASSES`.
    """
    ground_colour = rng.uniform(95.0, 160.0, 3)
    ground = _background(rng, size, ground_colour)
    insect_colour = ground_colour + rng.choice([-1.0, 1.0]) * rng.uniform(50.0, 72.0) + rng.normal(0.0, 8.0, 3)
    tone_strength = rng.uniform(8.0, 14.0) * rng.choice([-1.0, 1.0])
    area = rng.uniform(0.09, 0.14) * size * size
    turn = rng.uniform(0.0, 2 * np.pi)
    middle = rng.uniform(0.42, 0.58, 2) * size
    tones = (0.0, 1.0)

    drawings = {}
    for name, make in (("ants", _ant), ("bees", _bee)):
        parts = make(rng, tones)
        scale, centre = 0.4 * size, middle
        for _ in range(3):  # the area grows with the square of the scale: two corrections are plenty
            cover, tone = _paint(parts, size, scale, turn, centre)
            total = cover.sum()
            rows, columns = np.mgrid[0:size, 0:size] + 0.5
            found = np.array([(columns * cover).sum(), (rows * cover).sum()]) / total
            factor = float(np.sqrt(area / total))
            # The insect's own centre is off its origin by (found - centre), which grows with the scale too.
            scale, centre = scale * factor, middle - (found - centre) * factor
        cover, tone = _paint(parts, size, scale, turn, centre)
        # Same mean and spread of the colour for both classes, whatever share their bands and limbs have.
        mean = (tone * cover).sum() / cover.sum()
        spread = np.sqrt((((tone - mean) ** 2) * cover).sum() / cover.sum())
        body = insect_colour + tone_strength * ((tone - mean) / spread)[:, :, None]
        picture = ground * (1 - cover[:, :, None]) + body * cover[:, :, None]
        # One shift for the whole picture makes up for the different stretches of ground the two hide.
        picture += (ground * (1 - area / size**2) + insect_colour * (area / size**2) - picture).mean(axis=(0, 1))
        picture += rng.normal(0.0, 4.0, picture.shape)
        image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8), mode="RGB")
        drawings[name] = Drawing(image=image, cover=cover)
    return drawings


def drawn_pictures(
    seed: int = 0, train: int = 200, val: int = 80, size: int = SIZE
) -> Iterator[tuple[str, str, str, Image.Image]]:
    """Yield (split, class name, file name, picture) of a whole set.

    Args:
        seed: the same seed gives the same set.
        train: pictures of each class in the split "train".
        val: pictures of each class in the split "val".
        size: edge of the pictures in pixels.
    """
    for number, (split, count) in enumerate((("train", train), ("val", val))):
        rng = np.random.default_rng([seed, number])
        for index in range(count):
            for name, drawing in draw_pair(rng, size).items():
                yield split, name, f"{split}/{name}/drawn_{index:04d}.png", drawing.image


def write_set(folder: str | Path, **options: int) -> int:
    """Write a set as PNG files in the layout of the photographs; return their number.

    Args:
        folder: where ``train/ants/…`` and the others go; made if missing.
        **options: as for :func:`drawn_pictures`.
    """
    written = 0
    for _, _, name, image in drawn_pictures(**options):
        target = Path(folder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        image.save(target)
        written += 1
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Write drawn ants and bees as PNG files.")
    parser.add_argument("folder", help="where the folders train and val go")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{write_set(options.folder, seed=options.seed)} pictures in {options.folder}")


if __name__ == "__main__":
    main()
