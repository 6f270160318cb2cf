"""Commands that read: runs, show, logs, metrics, models, computes, rebuild-index."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.recorded_runs import Record

from traindock.cli.text import width_of
from traindock.errors import ActivityFailedException
from traindock.run import Run
from traindock.runtime.metric_log import MetricLog
from traindock.states import Reason, State
from traindock.workspace import Workspace

from .conftest import Cli

RUN_KEYS = {
    "id", "experiment", "number", "display_name", "type", "state", "reason", "detail", "compute_target", "user",
    "parent", "signed", "created", "started", "ended", "seconds", "tags", "properties", "metrics",
}  # fmt: skip


def listed(cli: Cli, *words: object) -> list[str]:
    return [run["id"] for run in cli("runs", "--json", *words).document["runs"]]


def test_runs_come_newest_first_with_aligned_columns(cli: Cli, record: Record) -> None:
    first, second = record(), record(State.FAILED, reason=Reason.OUT_OF_MEMORY, experiment="ants-and-bees")
    lines = cli("runs").out.splitlines()
    assert lines[0].split() == ["RUN", "ID", "EXPERIMENT", "STATE", "REASON", "STARTED", "DURATION", "COMPUTE"]
    assert second in lines[1]
    assert "out_of_memory" in lines[1]
    assert first in lines[2]
    positions = {line.index(word) for line, word in zip(lines[1:], ("Failed", "Completed"), strict=True)}
    assert positions == {lines[0].index("STATE")}


def test_runs_of_one_experiment_do_without_its_name_in_each_line(cli: Cli, record: Record) -> None:
    record()
    head, line = cli("runs", "--experiment", "digits").out.splitlines()
    assert "EXPERIMENT" not in head
    assert line.split()[2] == "Completed"


def test_runs_as_json_have_stable_keys(cli: Cli, record: Record) -> None:
    record(tags={"kind": "baseline"}, metrics={"loss": [3.0, 1.0, 2.0]})
    (run,) = cli("runs", "--json").document["runs"]
    assert set(run) == {*RUN_KEYS, "children"}
    assert run["metrics"]["loss"] == {"last": 2.0, "min": 1.0, "max": 3.0, "count": 3}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", run["created"])
    assert run["tags"] == {"kind": "baseline"}


def test_runs_are_filtered(cli: Cli, record: Record) -> None:
    good = record(metrics={"acc": [0.5, 0.9]}, tags={"kind": "big"})
    bad = record(metrics={"acc": [0.8, 0.4]}, tags={"kind": "small"})
    failed = record(State.FAILED, reason=Reason.EXITED_NONZERO, experiment="other")
    child = record(parent=good)
    assert listed(cli) == [failed, bad, good]
    assert listed(cli, "--children") == [child, failed, bad, good]
    assert listed(cli, "--experiment", "other") == [failed]
    assert listed(cli, "--state", "Completed") == [bad, good]
    assert listed(cli, "--state", "failed", "--state", "running") == [failed]
    assert listed(cli, "--state", "ended") == [failed, bad, good]
    assert listed(cli, "--tag", "kind") == [bad, good]
    assert listed(cli, "--tag", "kind=big") == [good]
    assert listed(cli, "--metric", "acc", "--above", "0.6") == [good]
    assert listed(cli, "--metric", "acc", "--below", "0.6") == [bad]
    assert listed(cli, "--metric", "acc", "--above", "0.6", "--statistic", "max") == [bad, good]
    assert listed(cli, "--order", "acc") == [good, bad, failed]
    assert listed(cli, "--order", "acc", "--asc") == [bad, good, failed]
    assert listed(cli, "--order", "created", "--asc") == [good, bad, failed]
    assert listed(cli, "--text", "OTHER") == [failed]
    assert "duration" not in cli("runs", "--order", "duration").out.splitlines()[0]
    assert listed(cli, "--order", "acc", "--statistic", "min") == [good, bad, failed]
    assert listed(cli, "--limit", "1") == [failed]


def test_a_metric_that_no_run_has_is_said_so_beside_those_that_there_are(cli: Cli, record: Record) -> None:
    record(metrics={"acc": [0.5], "loss": [1.0]})
    run_id = record()
    assert "no run has logged 'los'; logged: acc, loss" in cli("runs", "--order", "los").err
    assert "no run has logged 'los'; logged: acc, loss" in cli("runs", "--order", "los", "--state", "queued").err
    assert listed(cli, "--order", "los")[0] == run_id, "the newest first"
    assert "no run has logged" not in cli("runs", "--order", "acc").err
    assert "no run has logged" not in cli("runs", "--metric", "acc", "--above", "0.9").err


def test_runs_of_an_experiment_that_is_not_there_name_those_that_are(cli: Cli, record: Record) -> None:
    record(experiment="digits")
    record(experiment="insects")
    assert "there is no experiment 'digit'; there are: digits, insects" in cli("runs", "--experiment", "digit").err
    said = cli("runs", "--experiment", "digits", "--state", "failed").err
    assert "no such runs" in said
    assert "there is no experiment" not in said


def test_a_metric_that_is_asked_for_gets_a_column(cli: Cli, record: Record) -> None:
    record(metrics={"acc": [0.5, 0.25]})
    record()
    lines = cli("runs", "--metric", "acc", "--statistic", "max").out.splitlines()
    at = lines[0].index("acc") + len("acc")
    assert lines[2][:at].endswith("Completed  0.5")
    assert lines[1][:at].split()[-1] == "Completed"


def test_more_runs_than_the_limit_are_hinted_at(cli: Cli, record: Record) -> None:
    for _ in range(3):
        record()
    answer = cli("runs", "--limit", "2")
    assert len(answer.out.splitlines()) == 3
    assert "--limit 0 for all" in answer.err
    assert cli("runs", "--limit", "2", "--json").document["more"] is True
    assert len(cli("runs", "--limit", "0").out.splitlines()) == 4


def test_an_empty_workspace_says_what_to_do(cli: Cli) -> None:
    answer = cli("runs")
    assert (answer.code, answer.out) == (0, "")
    assert "submit train.py" in answer.err
    assert cli("runs", "--json").document == {"runs": [], "more": False}
    assert "there is no run in workspace 'test'" in cli("show", "last").err


def test_a_list_fits_the_terminal_and_is_whole_elsewhere(
    cli: Cli, record: Record, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    run_id = record(display_name="a name that nobody can read at a glance " * 3, experiment="a-rather-long-experiment")
    assert run_id in cli("runs").out
    for columns in (200, 80, 50):
        reader, writer = pty.openpty()
        listing = process("runs", stdout=writer, env={**os.environ, "COLUMNS": str(columns)})
        os.close(writer)
        lines = read_all(reader).decode().splitlines()
        assert listing.wait(60) == 0
        assert len(lines) == 2
        assert max(map(width_of, lines)) <= columns
        assert "Completed" in lines[1]


def read_all(terminal: int) -> bytes:
    """Read a terminal until nobody writes to it any more."""
    found = b""
    try:
        while block := os.read(terminal, 65_536):
            found += block
    except OSError:  # Linux's way of saying that the other end is closed
        pass
    finally:
        os.close(terminal)
    return found


def test_names_cannot_play_with_the_terminal(cli: Cli, record: Record) -> None:
    evil = "\x1b]0;owned\x07\nroot@box# \u202e"
    run_id = record(display_name=evil, tags={evil: evil}, script=evil, metrics={evil: [1.0]})
    for command in (("runs", "--metric", evil), ("show", run_id), ("metrics", run_id), ("metrics", run_id, evil)):
        answer = cli(*command)
        assert answer.code == 0
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", answer.out)
        assert r"\x1b]0;owned\x07\nroot@box# \u202e" in answer.out
    assert cli("runs", "--json").document["runs"][0]["display_name"] == evil


def test_the_last_run_is_none_that_is_part_of_another(cli: Cli, record: Record) -> None:
    whole = record()
    record(parent=whole)
    for name in ("last", "digits:last"):
        assert cli("show", name, "--json").document["id"] == whole


def test_a_run_is_named_by_id_by_either_end_of_it_by_number_or_as_the_last(cli: Cli, record: Record) -> None:
    first = record()
    second = record()
    other = record(experiment="other")

    def shown(name: str) -> str:
        found: str = cli("show", name, "--json").document["id"]
        return found

    assert shown(first) == first
    assert shown(other[:7]) == other
    assert shown(second[-8:]) == second
    assert shown("digits:1") == first
    assert shown("digits:2") == shown("digits:last") == second
    assert shown("last") == other
    ambiguous = cli("show", "digits_")
    assert ambiguous.code == 1
    assert first in ambiguous.err
    assert second in ambiguous.err
    assert "has no run 7" in cli("show", "digits:7").err
    assert "has no run 9" in cli("show", f"digits:{'9' * 5000}").err
    assert "these have: digits, other" in cli("show", "none:1").err
    assert "is no run" in cli("show", "digits:one").err
    assert cli("show", "../../etc").code == 1
    assert cli("show", "").code == 1


def test_show_tells_everything(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record(
        State.FAILED,
        reason=Reason.EXITED_NONZERO,
        metrics={"loss": [2.0, 1.0]},
        files={"outputs/model.pt": "weights"},
        log=b"epoch 1\nValueError: no such bee\n",
        tags={"kind": "baseline"},
        display_name="first try",
    )
    workspace.run_folder(run_id).append({"type": "warning", "text": "left out a FIFO"})
    text = cli("show", run_id).out
    for words in (
        run_id,
        "first try",
        "Failed (exited_nonzero)",
        "train.py --lr 0.1",
        "kind=baseline",
        "Preparing",
        "Warning: left out a FIFO",
        "    ValueError: no such bee",
        "Mend the script",
        "outputs/model.pt",
        "7 B",
    ):
        assert words in text
    document = cli("show", run_id, "--json").document
    assert set(document) >= RUN_KEYS
    assert [change["state"] for change in document["history"]][-2:] == ["Finalizing", "Failed"]
    assert document["warnings"] == ["left out a FIFO"]
    assert document["failure"]["log_tail"] == ["epoch 1", "ValueError: no such bee"]
    assert document["spec"]["arguments"] == ["--lr", "0.1"]
    assert {"name": "outputs/model.pt", "size": 7} in document["files"]
    assert document["metrics"] == {"loss": {"last": 1.0, "min": 1.0, "max": 2.0, "count": 2}}


def test_show_tells_what_was_used_at_most_and_of_how_much(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record(State.COMPLETED)
    used = {
        "cpu": {"unit": "processors", "peak": 3.9512, "limit": 4, "limit_of": "machine"},
        "memory": {"unit": "bytes", "peak": 5 << 29, "limit": 8 << 30, "limit_of": "container"},
        "gpu/0/busy": {"unit": "percent", "peak": 87, "limit": None, "limit_of": None},
    }
    workspace.run_folder(run_id).append({"type": "resources", "value": used})
    lines = [" ".join(line.split()) for line in cli("show", run_id).out.splitlines()]
    assert "cpu 3.95 of 4 (machine)" in lines
    assert "memory 2.5 GiB of 8 GiB (container)" in lines
    assert "gpu/0/busy 87 %" in lines
    assert cli("show", run_id, "--json").document["resources"] == used


def test_a_run_of_somebody_else_is_shown_as_such(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record(State.NOT_STARTED)
    path = workspace.layout.run(run_id).run_json
    path.write_text(path.read_text().replace('"ann"', '"eve"'))
    workspace.rebuild_index()
    assert "not signed by you" in cli("runs").out
    assert "not submitted by you" in cli("show", run_id).out
    assert cli("show", run_id, "--json").document["signature"] == "invalid"
    answer = cli("cancel", run_id, "--json")
    assert answer.code == 1
    assert answer.error["code"] == "run_not_signed"
    assert cli("logs", "-f", run_id).code == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (None, b"one\r\ntwo\n\x1b[1m\xff\x00three"),
        (0, b""),
        (1, b"\x1b[1m\xff\x00three"),
        (2, b"two\n\x1b[1m\xff\x00three"),
        (9, b"one\r\ntwo\n\x1b[1m\xff\x00three"),
    ],
)
def test_logs_are_exact_bytes(
    record: Record, process: Callable[..., subprocess.Popen[bytes]], lines: int | None, expected: bytes
) -> None:
    run_id = record(log=b"one\r\ntwo\n\x1b[1m\xff\x00three")
    words = [] if lines is None else ["--tail", lines]
    assert process("logs", run_id, *words).communicate(timeout=60) == (expected, b"")


def test_the_tail_of_a_long_log_is_found_block_by_block(cli: Cli, record: Record) -> None:
    run_id = record(log=b"".join(b"%06d\n" % number for number in range(50_000)))
    assert cli("logs", run_id, "--tail", "2").out == "049998\n049999\n"
    assert len(cli("logs", run_id, "--tail", "20000").out.splitlines()) == 20_000
    assert len(cli("logs", run_id, "--tail", "60000").out.splitlines()) == 50_000


def test_logs_as_json_and_logs_that_are_empty(cli: Cli, record: Record) -> None:
    run_id = record(log=b"a\nb\n")
    document = cli("logs", run_id, "--json", "--tail", "1").document
    assert document == {"run": run_id, "state": "Completed", "name": "logs/stdout.txt", "text": "b\n"}
    answer = cli("logs", run_id, "--build")
    assert (answer.code, answer.out) == (0, "")
    assert "nothing in this log yet" in answer.err


def test_following_a_run_that_has_ended_prints_its_log_and_tells_how_it_ended(cli: Cli, record: Record) -> None:
    failed = record(State.FAILED, reason=Reason.TIMED_OUT, log=b"so far\n")
    canceled = record(State.CANCELED, reason=Reason.CANCELED_BY_USER)
    answer = cli("logs", "-f", failed)
    assert (answer.code, answer.out) == (0, "so far\n")
    assert "[Failed] (timed_out)" in answer.err
    assert cli("logs", "-f", "--exit-status", failed).code == 3
    assert cli("logs", "-f", "--exit-status", canceled).code == 4


def test_a_run_that_failed_tells_the_same_way_out_whether_it_is_shown_or_followed(cli: Cli, record: Record) -> None:
    failed = record(State.FAILED, reason=Reason.EXITED_NONZERO, log=b"ValueError: no such bee\n")
    answer = cli("logs", "-f", failed)
    assert f"traindock: run {failed} failed; the whole log: /" in answer.err
    assert "Mend the script in its folder" in answer.err
    assert "Mend the script in its folder" in cli("show", failed).out
    assert "Mend" not in cli("logs", "-f", record(log=b"fine\n")).err


def test_a_log_of_making_the_environment_is_told_by_what_shows_it(cli: Cli, record: Record) -> None:
    failed = record(State.FAILED, reason=Reason.ENVIRONMENT_FAILED)
    for told in (cli("show", failed).out, cli("logs", "-f", failed).err):
        assert f"`traindock logs {failed} --build`" in " ".join(told.split())
        assert "run.download_file('logs/build.txt')" in " ".join(told.split())


def test_a_long_error_is_told_in_full_only_once(cli: Cli, record: Record, workspace: Workspace) -> None:
    """By the log that has it; where that is not shown, by how the run ended."""
    error = f"ValueError: {'the learning rate has to be positive; ' * 5}END"
    detail = f"the script ended with exit code 1: {error} (train.py, line 3)"
    failed = record(State.FAILED, reason=Reason.EXITED_NONZERO, log=f"begun\n{error}\n".encode(), detail=detail)
    shown = cli("show", failed).out
    assert shown.count("END") == 1
    assert "exit code 1: ValueError: the learning rate has to be positive" in shown
    assert "… (train.py, line 3)" in shown
    followed = cli("logs", "-f", failed)
    assert ("END" in followed.out, "END" in followed.err) == (True, False)
    assert "END" in cli("logs", "-f", "--build", failed).err
    with pytest.raises(ActivityFailedException) as caught:
        Run.get(workspace, failed).wait_for_completion()
    assert str(caught.value).count("END") == 1
    assert caught.value.detail == cli("show", failed, "--json").document["detail"] == detail


def test_metrics_are_summed_up_or_listed(cli: Cli, record: Record) -> None:
    nan, infinity = float("nan"), float("inf")
    run_id = record(metrics={"loss": [3.0, 1.0, 2.0], "odd": [nan, infinity, -infinity]})
    lines = cli("metrics", run_id).out.splitlines()
    assert lines[0].split() == ["METRIC", "LAST", "MIN", "MAX", "COUNT"]
    assert lines[1].split() == ["loss", "2", "1", "3", "3"]
    assert [line.split()[-1] for line in cli("metrics", run_id, "loss").out.splitlines()[2:]] == ["3", "1", "2"]
    document = cli("metrics", run_id, "loss", "odd", "--json").document["metrics"]
    assert document["loss"]["values"] == [3.0, 1.0, 2.0]
    assert document["odd"]["values"] == ["NaN", "Infinity", "-Infinity"]
    assert len(document["loss"]["times"]) == 3
    answer = cli("metrics", run_id, "los")
    assert answer.code == 1
    assert "it has: loss, odd" in answer.err


def test_long_texts_and_lists_are_summed_up_in_a_line(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record()
    log = MetricLog(str(workspace.layout.run(run_id).metrics))
    for number in range(5_000):
        log.record("note", "text", f"note {number}")
    (line,) = cli("metrics", run_id).out.splitlines()
    assert line.startswith('note (text): ["note 0", "note 1"')
    assert line.endswith('"note 4999"] (5,000 values)')
    assert len(line) < 150
    assert len(cli("metrics", run_id, "note").out.splitlines()) == 5_001


def test_damaged_metrics_and_records_are_told(cli: Cli, record: Record, workspace: Workspace) -> None:
    run_id = record(metrics={"loss": [3.0, 1.0]})
    assert cli("metrics", run_id, "--json").document["damaged"] == 0
    assert cli("metrics", run_id).err == ""
    assert "warnings" not in Run.get(workspace, run_id).get_details()
    layout = workspace.layout.run(run_id)
    numbers = next(layout.metrics.glob("*/0.bin"))
    with open(numbers, "ab") as file:
        file.write(bytes(48))
    with open(layout.events, "ab") as file:
        file.write(b"\xff\n\xff\n")
    answer = cli("metrics", run_id, "--json")
    assert (answer.document["damaged"], answer.document["metrics"]["loss"]["count"]) == (3, 2)
    assert "is damaged: passed over what cannot be read (3)" in cli("metrics", run_id).err
    warnings = [warning["message"] for warning in Run.get(workspace, run_id).get_details()["warnings"]]
    assert warnings == [
        f"{layout.events} is damaged: passed over what cannot be read (2)",
        f"{layout.metrics} is damaged: passed over what cannot be read (3)",
    ]
    for names in layout.metrics.glob("*/names.jsonl"):
        names.unlink()
    answer = cli("metrics", run_id)
    assert "has logged no metrics" not in answer.err
    assert "cannot be read (2)" in answer.err
    assert "metrics (2)" in cli("doctor").out


def test_metrics_as_csv_can_be_read_back(cli: Cli, record: Record) -> None:
    run_id = record(metrics={'a "quoted", name\n': [0.1, float("nan")], "b": [1e-300]})
    rows = list(csv.DictReader(io.StringIO(cli("metrics", run_id, "--csv").out, newline="")))
    assert [(row["name"], row["value"]) for row in rows] == [
        ('a "quoted", name\n', "0.1"),
        ('a "quoted", name\n', "nan"),
        ("b", "1e-300"),
    ]
    assert len(cli("metrics", run_id, "b", "--csv").out.splitlines()) == 2


def test_metrics_other_than_numbers_are_shown(cli: Cli, record: Record, workspace: Workspace) -> None:
    from traindock.runtime.metric_log import MetricLog

    run_id = record()
    MetricLog(str(workspace.layout.run(run_id).metrics)).record("sizes", "list", [1, 2, 3])
    assert "sizes (list): [1, 2, 3]" in cli("metrics", run_id).out
    assert "[1, 2, 3]" in cli("metrics", run_id, "sizes").out
    assert cli("metrics", run_id, "--json").document["metrics"]["sizes"]["value"] == [1, 2, 3]


def test_integers_of_any_length_are_shown(cli: Cli, record: Record, workspace: Workspace) -> None:
    """JSON's readers keep 64 bits at most, and Python itself writes no more than some thousand decimal digits."""
    from traindock.runtime.metric_log import MetricLog

    run_id = record()
    log = MetricLog(str(workspace.layout.run(run_id).metrics))
    for value in (2**64 - 1, 2**64, -(10**5000)):
        log.record("h", "scalar", value)
    log.record("sizes", "list", [1, 10**5000])
    shown = [2**64 - 1, str(2**64), hex(-(10**5000))]
    assert cli("metrics", run_id, "h", "--json").document["metrics"]["h"]["values"] == shown
    assert cli("metrics", run_id, "--json").document["metrics"]["sizes"]["value"] == [1, hex(10**5000)]
    assert hex(10**5000) in cli("metrics", run_id, "sizes").out
    assert "-inf" in cli("metrics", run_id, "h").out


def test_models_are_registered_and_listed(cli: Cli, record: Record, tmp_path: Path) -> None:
    run_id = record(files={"outputs/model.pt": "weights", "outputs/notes/a.txt": "note"})
    answer = cli("register", run_id, "--tag", "a=1", "bees", "--tag", "b=2", "outputs/")
    assert answer.out == "Registered bees:1: 2 files, 11 B\n"
    second = cli("register", "last", "bees", "outputs/model.pt", "--description", "better", "--json").document
    assert (second["id"], second["run"], second["description"]) == ("bees:2", run_id, "better")
    (file,) = second["files"]
    assert (file["name"], file["size"], second["file_count"]) == ("model.pt", 7, 1)
    (tmp_path / "local.pt").write_text("mine")
    third = cli("register", "--file", tmp_path / "local.pt", "ants", "--framework", "PyTorch", "--json").document
    assert (third["id"], third["framework"], third["run"]) == ("ants:1", "PyTorch", None)
    latest = cli("models", "--json").document["models"]
    assert {model["id"] for model in latest} == {"bees:2", "ants:1"}
    assert {model["id"] for model in cli("models", "bees", "--json").document["models"]} == {"bees:1", "bees:2"}
    assert [m["id"] for m in cli("models", "--all", "--tag", "a=1", "--json").document["models"]] == ["bees:1"]
    assert len(cli("models", "--run", run_id, "--all").out.splitlines()) == 3


def test_aliases_of_a_model_are_moved_rolled_back_and_told(cli: Cli, record: Record) -> None:
    record(files={"outputs/model.pt": "weights"})
    for _ in range(2):
        cli("register", "last", "bees", "outputs/")
    third = cli("register", "last", "bees", "outputs/", "--alias", "production", "--json").document
    assert (third["id"], third["aliases"]) == ("bees:3", ["production"])

    moved = cli("models", "bees:1", "--set-alias", "production")
    assert moved.out == "production of bees stands for version 1; --roll-back production goes back to version 3\n"
    assert [m["id"] for m in cli("models", "--alias", "production", "--json").document["models"]] == ["bees:1"]
    assert re.search(r"^bees +1 +production ", cli("models", "bees").out, re.MULTILINE)
    assert cli("models", "bees", "--set-alias", "staging", "--json").document["alias"]["version"] == 3

    assert cli("models", "bees", "--roll-back", "production").out == "production of bees stands for version 3\n"
    elsewhere = cli("models", "bees:1", "--remove-alias", "production")
    assert (elsewhere.code, "bees:1 does not fit" in elsewhere.err) == (1, True)
    gone = cli("models", "bees", "--remove-alias", "production")
    assert gone.out == "production of bees stands for nothing any more\n"

    moves = cli("models", "bees", "--history", "--json").document["moves"]
    production = [(one["previous"], one["version"]) for one in moves if one["alias"] == "production"]
    assert production == [(3, None), (1, 3), (3, 1), (None, 3)]
    lines = cli("models", "bees", "--history").out.splitlines()
    assert lines[0].split() == ["ALIAS", "FROM", "TO", "WHEN", "BY"]
    assert re.match(r"production +3 +removed ", lines[1])
    assert lines[2].rstrip().endswith("rolled back")


def test_what_cannot_be_done_with_aliases_is_said(cli: Cli, record: Record) -> None:
    record(files={"outputs/model.pt": "weights"})
    cli("register", "last", "bees", "outputs/")
    assert "--set-alias needs the NAME of a model" in cli("models", "--set-alias", "production").err
    assert "--history goes with the NAME of a model alone" in cli("models", "bees", "--history", "--all").err
    assert "not allowed with" in cli("models", "bees", "--history", "--roll-back", "production").err
    assert cli("models", "bees", "--set-alias", "latest", "--json").error["code"] == "user_error"
    assert cli("models", "bees", "--roll-back", "production", "--json").error["code"] == "model_not_found"
    assert "no alias of bees was ever set" in cli("models", "bees", "--history").err


def test_a_model_that_is_not_there_is_an_error_that_names_those_that_are(cli: Cli, record: Record) -> None:
    assert "no such models; register one" in cli("models").err
    record(files={"outputs/model.pt": "weights"})
    cli("register", "last", "bees", "outputs/model.pt")
    missing = cli("models", "wasps")
    assert missing.code == 1
    assert "bees" in missing.err
    nothing = cli("register", "last", "bees", "outputs/other.pt")
    assert nothing.code == 1
    assert "outputs/model.pt" in nothing.err
    assert cli("register", "last", "bad name", "outputs/", "--json").error["code"] == "user_error"


def test_computes_are_listed(cli: Cli, workspace: Workspace) -> None:
    from traindock import ComputeTarget, LocalCompute

    ComputeTarget.create(workspace, "two", LocalCompute.provisioning_configuration(max_nodes=2, gpu="optional"))
    lines = cli("computes").out.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "BUSY", "NODES", "GPU", "DEVICES"]
    assert lines[2].split() == ["two", "local", "0", "2", "optional", "none"]
    if lines[1].split()[-1] == "none":  # "required" would read as if "local" were of no use without GPUs
        assert lines[1].split()[-2] == "-"
    computes = cli("computes", "--json").document["computes"]
    assert [compute["name"] for compute in computes] == ["local", "two"]
    assert computes[1]["settings"] == {"max_nodes": 2, "gpu": "optional"}


def test_the_index_is_rebuilt_from_the_folders(cli: Cli, record: Record, workspace: Workspace) -> None:
    record()
    broken = record()
    workspace.layout.run(broken).run_json.write_text("{")
    answer = cli("rebuild-index")
    assert answer.code == 0
    assert answer.out.startswith("1 run in ")
    assert "1 more" in answer.out
    document = cli("rebuild-index", "--json").document
    assert (document["runs"], document["folders"]) == (1, 2)
    assert json.dumps(document)
