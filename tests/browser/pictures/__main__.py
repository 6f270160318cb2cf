"""Make the pictures of docs/pictures/: cards of real runs in a real JupyterLab. ``make pictures`` calls it.

The runs train the tutorial's own network on the insects that it draws, which takes ten minutes on two cores. Some of
them alone: ``python -m tests.browser.pictures queued compared``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tests.browser.pictures import cards, lab
from tests.browser.pictures.studio import Studio, open_studio

GROUPS: dict[str, Callable[[Studio], None]] = {
    one.__name__: one
    for one in (
        cards.queued,
        cards.preparing,
        cards.running,
        cards.failed,
        cards.completed,
        cards.compared,
        cards.listed,
        cards.tensorboard,
        lab.sidebar,
        lab.forms,
        lab.registry,
        lab.magics,
        lab.notebook7,
        cards.without_kernel,
        cards.exported,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the pictures of docs/pictures/.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of them: {', '.join(GROUPS)}")
    wanted = parser.parse_args().groups
    if unknown := [name for name in wanted if name not in GROUPS]:
        parser.error(f"there is no {unknown[0]}: {', '.join(GROUPS)}")
    with open_studio() as made:
        for name in wanted or GROUPS:
            GROUPS[name](made)


if __name__ == "__main__":
    main()
