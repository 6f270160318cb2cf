"""What is changed, or asked for, while runs are at work."""

from __future__ import annotations

import pytest
from tests.conftest import Submit, dispatcher_of, kill, wait_for
from tests.end_to_end.faults.helpers import SLEEPER, started, stdout

from traindock import (
    ActivityFailedException,
    ComputeTarget,
    LocalCompute,
    Workspace,
)
from traindock.errors import StoreException

pytestmark = pytest.mark.slow


def test_settings_that_are_broken_meanwhile_hold_up_runs_and_end_none(submit: Submit, workspace: Workspace) -> None:
    first = submit(SLEEPER)
    wait_for(lambda: started(first), "the script")
    good = workspace.layout.settings.read_text()
    workspace.layout.settings.write_text("[dispatcher\n")
    with pytest.raises(StoreException, match=r"settings\.toml"):
        submit("pass")
    kill(dispatcher_of(workspace))
    first.cancel()  # starts another one, which cannot read the settings either
    wait_for(lambda: "settings.toml" in (first.get_detailed_status()["details"] or ""), "the run to say what is wrong")
    workspace.layout.settings.write_text(good)
    assert first.wait_for_completion()["status"] == "Canceled"


def test_a_compute_target_may_go_while_its_runs_go_on(submit: Submit, workspace: Workspace) -> None:
    target = ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    running = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(running), "the first run")
    waiting = submit("pass", compute_target="single")
    wait_for(lambda: waiting.get_status() == "Queued", "the second run to queue")
    target.delete()
    with pytest.raises(ActivityFailedException, match="'single' was deleted"):
        waiting.wait_for_completion()
    kill(dispatcher_of(workspace))  # the next one has to adopt a job whose target is unknown
    running.cancel()
    assert running.wait_for_completion()["status"] == "Canceled"


def test_a_compute_target_that_grows_lets_waiting_runs_start(submit: Submit, workspace: Workspace) -> None:
    target = ComputeTarget.create(workspace, "single", LocalCompute.provisioning_configuration(max_nodes=1))
    first = submit(SLEEPER, compute_target="single")
    wait_for(lambda: started(first), "the first run")
    second = submit("print('second')", compute_target="single")
    wait_for(lambda: second.get_status() == "Queued", "the second run to queue")
    target.update(max_nodes=2)
    second.wait_for_completion()
    assert first.get_status() == "Running"
    first.cancel()
    first.wait_for_completion()


def test_a_request_that_makes_no_sense_harms_only_itself(submit: Submit) -> None:
    run = submit(
        """
        import json, os, time
        folder = os.environ["TRAINDOCK_REQUESTS_DIR"]
        for name, text in {
            "a.json": "no json", "b.json": "[]", "c.json": '{"request": "launch rockets"}',
            "d.json": '{"request": "tag", "tags": 3}', "e.json": '{"request": "register_model", "model_name": "../m"}',
        }.items():
            open(f"{folder}/{name}.new", "w").write(text)
            os.rename(f"{folder}/{name}.new", f"{folder}/{name}")
        os.mkfifo(f"{folder}/f.json")
        os.symlink("/etc/passwd", f"{folder}/g.json")
        os.mkdir(f"{folder}/h.json")
        from traindock import Run
        Run.get_context().tag("still", "works")
        while not os.path.exists(f"{folder}/e.reply.json"):
            time.sleep(0.01)
        print(json.load(open(f"{folder}/e.reply.json"))["ok"])
        """
    )
    run.wait_for_completion()
    assert stdout(run) == "False\n"
    assert run.tags == {"still": "works"}
