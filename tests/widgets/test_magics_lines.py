"""``%traindock`` in a shell: verbs, tables, errors, help, and loading."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.recorded_runs import Record
from tests.widgets.conftest import Page, Shell

import traindock
from traindock import Reason, State, Workspace
from traindock.runtime.metric_log import MetricLog
from traindock_widgets.magics.printing import NotebookPrinter

Start = Callable[..., Any]


class TestLoading:
    def test_twice_changes_nothing(self, shell: Shell) -> None:
        before = len(shell.it.Completer.custom_matchers), len(shell.it.input_transformers_cleanup)

        traindock.load_ipython_extension(shell.it)

        assert (len(shell.it.Completer.custom_matchers), len(shell.it.input_transformers_cleanup)) == before
        assert "already loaded" in shell.run("%load_ext traindock")

    def test_is_undone_and_done_again(self, shell: Shell) -> None:
        shell.run("%unload_ext traindock")
        assert "`%traindock` not found" in shell.run("%traindock runs")
        assert "`%%traindock` not found" in shell.run("%%traindock\nprint(1)")
        assert not shell.it.Completer.custom_matchers
        shell.run("%reload_ext traindock")
        assert "no such runs" in shell.run("%traindock runs")

    def test_says_what_is_missing_where_something_is(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        shell.run("%unload_ext traindock")
        monkeypatch.delitem(sys.modules, "traindock_widgets.magics.completion")
        monkeypatch.delitem(sys.modules, "traindock_widgets.magics")
        monkeypatch.setitem(sys.modules, "traindock_widgets.magics", None)

        told = shell.fails("%load_ext traindock")

        assert told.startswith("the magics need what cannot be imported here: ")

    def test_loads_nothing_with_traindock_itself(self) -> None:
        assert "load_ipython_extension" not in traindock.__all__


class TestVerbs:
    def test_runs_are_a_table_and_a_text(self, shell: Shell, record: Record) -> None:
        run = record(display_name="<b>first</b>")

        assert shell.run("%traindock runs --experiment digits") == ""

        (output,) = shell.shown
        head, line = output["data"]["text/plain"].splitlines()
        assert head.split()[:4] == ["RUN", "ID", "NAME", "STATE"]
        assert run in line
        assert f'<td style="text-align: left; white-space: nowrap">{run}</td>' in output["data"]["text/html"]
        titles = re.findall(r"<th [^>]*>([A-Z]*)</th>", output["data"]["text/html"])
        assert titles[:3] + titles[-1:] == ["RUN", "NAME", "STATE", "ID"]
        assert "&lt;b&gt;first&lt;/b&gt;" in output["data"]["text/html"]

    def test_none_are_told_with_the_way_to_the_first(self, shell: Shell) -> None:
        assert shell.run("%traindock runs").endswith("submit the first one: %traindock submit train.py\n")

    def test_options_are_those_of_the_command_line(self, shell: Shell, record: Record) -> None:
        record()
        failed = record(State.FAILED, reason=Reason.OUT_OF_MEMORY)

        shell.run("%traindock runs --limit 1 --state failed")

        (line,) = shell.shown[0]["data"]["text/plain"].splitlines()[1:]
        assert failed in line

    def test_notebook_values_are_put_in(self, shell: Shell, record: Record) -> None:
        run = record()
        shell.run(f"name = 'digits'; ids = [{run!r}]")

        shell.run("%traindock runs --experiment $name")

        assert run in shell.shown[0]["data"]["text/plain"]
        assert run in shell.run("%traindock show {ids[0]} --text")

    def test_a_workspace_is_named(self, shell: Shell) -> None:
        Workspace.create("other", show_output=False)
        told = shell.run("%traindock runs --workspace other")
        assert "no such runs in workspace 'other'" in told
        assert told.endswith("%traindock --workspace other submit train.py\n")

    def test_logs_are_printed_as_they_are(self, shell: Shell, record: Record) -> None:
        record(log="été 1\nété 2\nété 3\n".encode())
        assert shell.run("%traindock logs last") == "été 1\nété 2\nété 3\n"
        assert shell.run("%traindock logs digits:last --tail 1") == "été 3\n"

    def test_of_long_logs_the_end_is_printed(
        self, shell: Shell, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record(log="été 1\nété 2\nété 3\n".encode())
        monkeypatch.setattr("traindock_widgets.magics.printing.NotebookPrinter.most_bytes", 10)

        told, line = shell.run("%traindock logs last").splitlines()

        assert line == "été 3"
        assert told.startswith("the last 10 B of ")
        assert told.endswith("driver/stdout.txt; the same command in a terminal prints all of it")
        assert shell.run("%traindock logs last --tail 2").splitlines() == [told, "été 3"]
        assert shell.run("%traindock logs last --tail 1") == "été 3\n"

    def test_a_run_is_shown_as_its_card(
        self,
        shell: Shell,
        record: Record,
        page: Page,
        shown: list[dict[str, Any]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("traindock_widgets.magics.verbs.show.in_kernel", lambda: True)
        run = record()

        shell.run("%traindock show last")

        (output,) = shown
        assert output["metadata"]["application/vnd.traindock.run+json"]["run"] == run

    def test_a_terminal_has_the_text_in_place_of_the_card(self, shell: Shell, record: Record) -> None:
        record()
        assert shell.run("%traindock show last").startswith("Run 1 of digits\n")

    def test_runs_are_compared(self, shell: Shell, record: Record, page: Page, shown: list[dict[str, Any]]) -> None:
        runs = [record(), record()]

        shell.run("%traindock compare digits:1 last")

        (output,) = shown
        assert output["metadata"]["application/vnd.traindock.comparison+json"]["runs"] == runs

    def test_runs_are_canceled_by_the_ways_to_name_them(self, shell: Shell, start: Start) -> None:
        run = start()
        assert shell.run("%traindock cancel bees:1").startswith(f"Asked run {run.id} to end")
        run.fail("canceled")

    def test_models_are_registered_listed_and_have_aliases(self, shell: Shell) -> None:
        shell.run("open('model.pt', 'w').write('weights')")
        printed = shell.run("%traindock register --file model.pt bees-model --alias production")
        assert printed == "Registering model bees-model\nRegistered bees-model:1: 1 file, 7 B\n"
        shell.shown.clear()
        shell.run("%traindock models")
        assert "production" in shell.shown[0]["data"]["text/html"]

    @pytest.mark.parametrize("verb", ["compute", "computes"])
    def test_compute_targets_are_listed_by_both_names(self, shell: Shell, verb: str) -> None:
        shell.run(f"%traindock {verb}")
        assert shell.shown[0]["data"]["text/plain"].splitlines()[1].startswith("local")

    def test_metrics_are_tables(self, shell: Shell, record: Record) -> None:
        record(metrics={"loss": [0.5, 0.25]})
        shell.run("%traindock metrics last")
        head, line = shell.shown[0]["data"]["text/plain"].splitlines()
        assert (head.split(), line.split()) == (
            ["METRIC", "LAST", "MIN", "MAX", "COUNT"],
            ["loss", "0.25", "0.25", "0.5", "2"],
        )


class TestMuchOfIt:
    """Whatever is asked for, a notebook is shown as much as it can keep."""

    @pytest.fixture
    def values(self, record: Record, workspace: Workspace) -> list[float]:
        """What the newest run has logged as its loss: more than a notebook is shown."""
        values = [float(number) for number in range(1200)]
        log = MetricLog(str(workspace.layout.run(record()).metrics))
        for value in values:
            log.number("loss", value)
        return values

    @pytest.fixture
    def little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NotebookPrinter, "most_bytes", 3000)

    def test_of_a_metrics_values_the_last_are_shown_with_the_way_to_all(
        self, shell: Shell, values: list[float]
    ) -> None:
        told = shell.run("%traindock metrics last loss")

        assert told.splitlines() == [
            "the last 500 of 1,200 values of loss: run.get_metrics('loss') has all of them, and the same command in a "
            "terminal prints all of it",
            "loss",
        ]
        (output,) = shell.shown
        lines = output["data"]["text/plain"].splitlines()
        assert [float(line.split()[-1]) for line in lines[1:]] == values[-500:]
        assert output["data"]["text/html"].count("<tr>") == 501

    def test_and_as_csv(self, shell: Shell, values: list[float]) -> None:
        head, note, *lines = shell.run("%traindock metrics last --csv").splitlines()
        assert note.startswith("the last 500 of 1,200 values of loss: ")
        assert head == "name,step,time,value"
        assert [float(line.rpartition(",")[2]) for line in lines] == values[-500:]

    def test_a_table_has_no_more_rows_than_a_page_takes(
        self, shell: Shell, record: Record, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = [record() for _ in range(3)]
        monkeypatch.setattr(NotebookPrinter, "most_rows", 2)
        told = shell.run("%traindock runs --limit 0")
        assert told == "the first 2 of 3 rows; the same command in a terminal prints all of it\n"
        _, *lines = shell.shown[0]["data"]["text/plain"].splitlines()
        assert [line.split()[1] for line in lines] == [runs[2], runs[1]]

    def test_wide_rows_are_fewer(self, shell: Shell, record: Record, little: None) -> None:
        for _ in range(4):
            record(display_name="x" * 400)
        told = shell.run("%traindock runs")
        assert told.strip() == (
            "that is 3.0 kB, as much as a notebook is shown at once; the same command in a terminal prints all of it"
        )
        (output,) = shell.shown
        assert 1 < len(output["data"]["text/plain"].splitlines()) < 5

    def test_all_metrics_together_take_no_more(
        self, shell: Shell, values: list[float], record: Record, workspace: Workspace, little: None
    ) -> None:
        log = MetricLog(str(workspace.layout.run(record()).metrics))
        for name in "abcd":
            for value in range(100):
                log.number(name, float(value))

        table = shell.run("%traindock metrics last a b c d")
        shown = sum(len(text) for output in shell.shown for text in output["data"].values())
        csv = shell.run("%traindock metrics last --csv")

        assert shown <= 3000
        assert len(csv) < 3200
        for told in (table, csv):
            assert told.count("as much as a notebook is shown at once") == 1

    def test_a_log_that_is_followed_leaves_room_for_what_comes(
        self, shell: Shell, record: Record, little: None
    ) -> None:
        record(log=b"a line\n" * 1000)
        told, *lines, end = shell.run("%traindock logs -f last").splitlines()
        assert told.startswith("the last 300 B of ")
        assert lines == ["a line"] * (300 // len("a line\n"))
        assert "Completed" in end

    def test_what_comes_is_shown_as_long_as_there_is_room(
        self, little: None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = NotebookPrinter().binary()
        for _ in range(1000):
            out.write(b"a line\n")
        *lines, told = capsys.readouterr().out.splitlines()
        assert sum(line == "a line" for line in lines) == 3000 // len("a line\n")
        assert told.startswith("that is 3.0 kB, as much as a notebook is shown at once; ")

    def test_a_single_line_too_long_is_cut(
        self, shell: Shell, record: Record, workspace: Workspace, little: None
    ) -> None:
        log = MetricLog(str(workspace.layout.run(record()).metrics))
        log.record("many", "table", {"x": list(range(5000))})
        told = shell.run("%traindock metrics last many")
        assert len(told) < 3200
        assert "as much as a notebook is shown at once" in told


class TestErrors:
    def test_an_unknown_verb_is_told_with_the_closest_one(self, shell: Shell) -> None:
        told = shell.fails("%traindock rnus")
        assert told.startswith("%traindock has no verb 'rnus': did you mean %traindock runs? It has: runs, show, ")

    def test_a_verb_like_no_other_is_told_with_all(self, shell: Shell) -> None:
        assert shell.fails("%traindock xyzzy").startswith("%traindock has no verb 'xyzzy'. It has: runs, ")

    def test_an_unknown_option_is_told_with_the_closest_one(self, shell: Shell) -> None:
        told = shell.fails("%traindock runs --stat failed")
        assert told == (
            "%traindock runs: nothing is known of --stat: did you mean --state? "
            "All that there is: %traindock runs --help"
        )
        assert "did you mean --max-nodes?" in shell.fails("%traindock compute create --max-nods 3")

    def test_a_missing_word_is_told(self, shell: Shell) -> None:
        assert shell.fails("%traindock show").startswith("%traindock show: the following arguments are required: RUN.")

    def test_a_quotation_mark_that_is_missing_is_told(self, shell: Shell) -> None:
        assert "No closing quotation" in shell.fails("%traindock runs --experiment 'bees")

    def test_errors_of_the_sdk_are_their_text(self, shell: Shell) -> None:
        told = shell.fails("%traindock show nonsense", "RunNotFoundException")
        assert told.startswith("there is no run 'nonsense' in workspace 'test'")
        assert told.endswith("%traindock runs lists those there are")

    def test_errors_of_the_system_are_their_text(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any) -> None:
            raise PermissionError(13, "Permission denied", "/the/file")

        monkeypatch.setattr("traindock.cli.listing.open_workspace", refuse)
        assert "Permission denied: '/the/file'" in shell.fails("%traindock runs", "StoreException")

    def test_an_interrupt_is_a_word(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(*_: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("traindock.cli.listing.open_workspace", interrupted)
        assert shell.fails("%traindock runs", "Detached") == "interrupted"

    def test_warnings_are_lines(self, shell: Shell, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
        import warnings

        def warned(_: Any) -> Workspace:
            warnings.warn("mind the gap", stacklevel=2)
            return workspace

        monkeypatch.setattr("traindock.cli.listing.open_workspace", warned)
        assert "traindock: warning: mind the gap\n" in shell.run("%traindock runs")

    def test_what_asks_before_it_deletes_says_how_to_agree(self, shell: Shell, record: Record) -> None:
        record()
        assert "say so by --yes" in shell.fails("%traindock delete last")


class TestHelp:
    @pytest.mark.parametrize("line", ["%traindock", "%traindock help", "%traindock --help", "%traindock -h"])
    def test_lists_the_verbs(self, shell: Shell, line: str) -> None:
        printed = shell.run(line)
        assert printed.startswith("usage: %traindock ")
        for verb in ("runs", "show", "logs", "cancel", "models", "register", "compute", "compare"):
            assert f"\n    {verb} " in printed

    @pytest.mark.parametrize("line", ["%traindock help runs", "%traindock runs --help", "%traindock help run"])
    def test_of_a_verb_speaks_of_the_magic(self, shell: Shell, line: str) -> None:
        printed = shell.run(line)
        verb = "show" if line.endswith(" run") else "runs"
        assert printed.startswith(f"usage: %traindock {verb} ")
        assert f"  %traindock {verb}" in printed.partition("examples:")[2]
        assert "\n  traindock" not in printed
        assert "--json" not in printed

    def test_of_a_verb_within_a_verb(self, shell: Shell) -> None:
        assert shell.run("%traindock help compute create").startswith("usage: %traindock compute create ")

    def test_is_in_the_docstring_too(self, shell: Shell) -> None:
        assert "%traindock help" in shell.it.find_line_magic("traindock").__doc__

    def test_leaves_the_shell_alive(self, shell: Shell) -> None:
        shell.run("%traindock runs --help")
        assert shell.run("print(1)") == "1\n"
