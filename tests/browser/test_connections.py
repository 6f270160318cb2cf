"""What a page has is whole, whatever becomes of its connection, and however much comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect
from tests.browser.conftest import Show
from tests.browser.labs import Lab
from tests.browser.pages import LOST_SERVER, watch, watched
from tests.browser.scripts import STEADY, logged, showing
from tests.conftest import Submit

#: Logs twenty thousand points a second for some seconds, on four metrics.
FLOOD = """
    import sys, time
    from traindock import Run
    run = Run.get_context()
    begin, step = time.perf_counter(), 0
    while step < 5_000 * int(sys.argv[1]):
        for _ in range(50):
            step += 1
            for name in ("a", "b", "c", "d"):
                run.log(name, step % 97, step=step)
        time.sleep(max(0, begin + step / 5_000 - time.perf_counter()))
"""


def test_a_card_goes_on_after_the_server_was_killed_and_started_again(
    show: Show, lab: Lab, submit: Submit, tmp_path: Path
):
    end = tmp_path / "end"
    run = submit(STEADY, end)
    lab.write("server.ipynb", showing(run))
    page = show("server.ipynb")
    page.expected += LOST_SERVER
    seen = page.card.wait_for_points("train_loss", 100)
    lab.kill()
    expect(page.card.locator).to_contain_text("The connection is broken")
    lab.start()
    page.card.wait_for_points("train_loss", seen + 200)
    expect(page.card.locator).not_to_contain_text("The connection is broken")
    end.touch()
    page.card.wait_for_state("Completed")
    page.card.wait_for_all(logged(run))


def test_two_tabs_show_the_same(show: Show, lab: Lab, submit: Submit, tmp_path: Path):
    end = tmp_path / "end"
    run = submit(STEADY, end)
    lab.write("first.ipynb", showing(run))
    lab.write("second.ipynb", showing(run), showing(run))
    pages = [show("first.ipynb"), show("second.ipynb")]
    for page in pages:
        page.card.wait_for_points("train_loss", 100)
    end.touch()
    cards = [pages[0].card, pages[1].card, pages[1].second_card]
    for card in cards:
        card.wait_for_state("Completed")
        card.wait_for_all(logged(run))


def test_a_page_stays_responsive_while_twenty_thousand_points_a_second_are_logged(
    show: Show, lab: Lab, submit: Submit, record_figures: Callable[..., None]
):
    seconds = 6
    run = submit(FLOOD, seconds)
    lab.write("flood.ipynb", showing(run))
    page = show("flood.ipynb")
    page.card.wait_for_points("a", 1)
    watch(page)
    page.card.tab("Details")
    page.card.tab("Curves")
    page.card.wait_for_state("Completed")
    frames, longest, blocked = watched(page)
    record_figures(frames_per_second=frames, longest_task_ms=longest, blocked_share=blocked)
    page.card.wait_for_all(dict.fromkeys("abcd", 5_000 * seconds))
    assert page.card.values() == {name: values[-1] for name, values in run.get_metrics().items()}
    # On a processor shared with what logs, the server and others; a card that draws each message takes all of it.
    assert longest < 5_000
    assert blocked < 0.85
