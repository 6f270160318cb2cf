"""Pictures of cards, for pages that draw nothing live."""

from __future__ import annotations

import struct
from collections.abc import Callable

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from traindock_widgets.picture import MOST_BYTES, WIDTH, drawable, png, title, write


def noise(part: float) -> Callable[[Figure], None]:
    """Return what covers a part of a figure with what cannot be compressed."""

    def draw(figure: Figure) -> None:
        figure.figimage(np.random.default_rng(0).random((int(part * figure.bbox.height), int(figure.bbox.width), 3)))

    return draw


def width_of(picture: bytes | None) -> int:
    """Return the width of a PNG in pixels."""
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
    [width] = struct.unpack(">I", picture[16:20])
    return int(width)


def test_is_as_fine_as_notebooks_have_room_for() -> None:
    assert width_of(png(1, lambda figure: write(figure, 0.1, 0.1, "Completed"))) == 110 * WIDTH
    coarse = png(1, noise(0.3))
    assert width_of(coarse) < 110 * WIDTH
    assert coarse is not None
    assert len(coarse) < MOST_BYTES


def test_is_none_where_it_would_be_too_large_however_coarse() -> None:
    assert png(3, noise(1)) is None


@pytest.mark.parametrize("text", ["$x$", r"a $\frac of$ it", "_^$", "{}"])
def test_has_texts_of_users_as_they_are_and_no_formulas(text: str) -> None:
    drawn = []

    def draw(figure: Figure) -> None:
        title(figure.add_axes((0.1, 0.1, 0.8, 0.6)), text)
        write(figure, 0.1, 0.9, text)
        drawn.extend(one for one in figure.findobj(Text) if one.get_text() == text)

    assert width_of(png(1, draw)) == 110 * WIDTH
    assert [one.get_parse_math() for one in drawn] == [False, False]


@pytest.mark.parametrize(
    ("families", "drawn"), [(["nowhere", "cmr10", "DejaVu Sans"], "épsilon □"), (["cmr10"], "□psilon □")]
)
def test_writes_what_one_of_the_fonts_has_that_matplotlib_is_set_to(families: list[str], drawn: str) -> None:
    with matplotlib.rc_context({"font.family": families}):
        assert drawable("épsilon 实") == drawn
