"""Runs in containers, from submit to their end, on a real engine."""

from __future__ import annotations

import io
import json
import os
import secrets
import time
from pathlib import Path

import docker
import pytest
from tests.conftest import first_in_ci, wait_for
from tests.docker.jobs import WHOLE_LIFE, Submit, add_target, as_it_is, container_of, ended, stdout_of, submitter

from traindock import ActivityFailedException, Model, State, Workspace
from traindock.compute.docker.naming import KEY, ROLE, RUN, WORKSPACE
from traindock.compute.kinds import backend as make_backend
from traindock.states import Reason
from traindock.store import signing


@pytest.fixture
def submit(workspace: Workspace, engine_url: str, tmp_path: Path) -> Submit:
    add_target(workspace, engine_url)
    return submitter(workspace, tmp_path)


@pytest.mark.core
def test_a_script_goes_through_all_states_and_leaves_what_it_wrote(submit: Submit, engine: docker.DockerClient) -> None:
    """As on this machine, but in a container, which is gone afterwards."""
    run = ended(
        submit(
            """
            import os, socket
            from traindock import Run
            run = Run.get_context()
            for step in range(5):
                run.log("loss", 1 / (step + 1))
            run.tag("kind", "contained")
            os.makedirs("outputs/deep")
            open("outputs/deep/model.bin", "wb").write(b"weights")
            open("logs/own.txt", "w").write("mine")
            run.upload_file("notes/report.txt", "logs/own.txt")
            print("host", socket.gethostname(), os.getpid())
            """
        )
    )
    assert [change.state for change in run.record.history] == WHOLE_LIFE, run.get_details()
    assert list(run.metrics.values("loss")) == [1 / (step + 1) for step in range(5)]
    assert run.tags == {"kind": "contained"}
    assert {"outputs/deep/model.bin", "logs/own.txt", "notes/report.txt"} <= set(run.get_file_names())
    assert stdout_of(run).startswith("host traindock-")
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")


@pytest.mark.core
def test_the_job_has_its_own_folders_and_nothing_else(submit: Submit, workspace: Workspace, tmp_path: Path) -> None:
    """Neither records nor other runs, nor the rest of the machine."""
    (tmp_path / "secret").write_text("secret")
    run = ended(
        submit(
            """
            import os, sys
            workspace, own = sys.argv[1], os.path.dirname(os.getcwd())
            print(sorted(os.listdir(workspace)), sorted(os.listdir(own)), sorted(os.listdir(os.path.dirname(own))))
            print(os.path.exists(sys.argv[2]))
            for place in (workspace + "/blobs", os.environ["PYTHONPATH"]):
                try:
                    open(place + "/x", "w")
                    print("writable", place)
                except OSError as error:
                    print(type(error).__name__)
            """,
            str(workspace.layout.root),
            str(tmp_path / "secret"),
        )
    )
    parts = ["children", "driver", "metrics", "requests", "uploads", "work"]
    assert stdout_of(run).splitlines()[:2] == [
        f"{['blobs', 'home', 'runs', 'runtime']} {parts} {[run.id]}",
        "False",
    ]
    assert "writable" not in stdout_of(run)


@pytest.mark.core
def test_the_container_is_confined_and_labelled(submit: Submit, engine: docker.DockerClient) -> None:
    """What an administrator would look at."""
    run = submit("import time; print('up', flush=True); time.sleep(600)")
    wait_for(lambda: stdout_of(run), "the script")
    found = container_of(engine, run).attrs
    host = found["HostConfig"]
    assert (host["Init"], host["Privileged"]) == (True, False)
    # Podman names each of those that "ALL" took away; `test_confinement` asks from within.
    assert host["CapDrop"] == ["ALL"] or "CHOWN" in host["CapDrop"]
    assert "no-new-privileges" in host["SecurityOpt"]
    # Podman caps it as well, and does not show that.
    assert host["LogConfig"]["Config"] in ({"max-size": "1m", "max-file": "1"}, None)
    labels = found["Config"]["Labels"]
    assert labels["traindock.run"] == run.id
    assert labels["traindock.workspace"] == run.workspace.id
    assert (labels["traindock.attempt"], labels["traindock.role"]) == ("1", "job")
    plan = json.loads((run.path / "plan.json").read_text())
    assert plan["request"]["name"] == found["Name"].lstrip("/")
    assert plan["request"]["body"]["Image"] == found["Image"]
    assert not [word for word in found["Config"]["Env"] if word.startswith("TRAINDOCK_")], "anybody could read it there"
    run.cancel()
    assert ended(run).record.reason is Reason.CANCELED_BY_USER


@pytest.mark.core
def test_home_and_caches_are_writable_and_survive_the_run(submit: Submit) -> None:
    """So that weights are fetched once."""
    script = """
        import getpass, os
        place = os.path.join(os.environ["TORCH_HOME"], "weights")
        print(os.path.exists(place), getpass.getuser(), os.path.expanduser("~") == os.environ["HOME"])
        open(place, "w").write("x")
        open("/tmp/x", "w").write("x")
        for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
            open(os.path.join(os.environ[name], "x"), "w").write("x")
    """
    first, second = ended(submit(script)), ended(submit(script))
    assert first.record.state is second.record.state is State.COMPLETED, stdout_of(first)
    assert stdout_of(first).split()[0] == "False"
    assert stdout_of(second).split()[0] == "True"
    assert stdout_of(second).split()[2] == "True"


def test_nothing_of_the_submitters_environment_is_in_the_job_but_what_was_given(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container is the same for everybody; $NAME in arguments means the job's own variables."""
    monkeypatch.setenv("ONLY_HERE", "1")
    environment = as_it_is()
    environment.environment_variables = {"GIVEN": "yes"}
    run = ended(
        submit(
            "import os, sys; print(os.environ.get('ONLY_HERE'), os.environ['GIVEN'], sys.argv[1:])",
            "$GIVEN-$ONLY_HERE-${TRAINDOCK_RUN_ID}",
            environment=environment,
        )
    )
    assert stdout_of(run).strip() == f"None yes ['yes-$ONLY_HERE-{run.id}']"


def test_a_proxys_password_reaches_the_job_and_no_record(submit: Submit, workspace: Workspace) -> None:
    """Neither plan nor events nor the engine's description have it."""
    text = workspace.layout.settings.read_text()
    settings = text if "[packages]" in text else f"{text}[packages]\n"
    workspace.layout.settings.write_text(
        settings.replace("[packages]\n", '[packages]\nproxy = "http://me:hidden@proxy.test:3128"\n')
    )
    run = ended(submit("import os; print(os.environ['HTTPS_PROXY'], os.environ['no_proxy'])"))
    assert stdout_of(run).startswith("http://me:hidden@proxy.test:3128 localhost")
    records = [path for path in run.path.glob("*.json*") if path.name != "submitter.json"]
    assert {"plan.json", "events.jsonl"} <= {path.name for path in records}
    assert not [path for path in records if "hidden" in path.read_text()]
    assert "http://***@proxy.test:3128" in (run.path / "plan.json").read_text()


def test_models_children_and_uploads_work_from_within(submit: Submit, workspace: Workspace) -> None:
    """Requests are answered, and what a child writes is the child's."""
    run = ended(
        submit(
            """
            import os
            from traindock import Run, Model
            run = Run.get_context()
            open("outputs/model.bin", "wb").write(b"weights" * 1000)
            model = run.register_model("insects", "outputs/model.bin", tags={"by": "job"})
            print(model.version, open(Model.get_model_path("insects"), "rb").read()[:7])
            with run.child_run("first") as child:
                child.log("accuracy", 0.5)
                child.upload_file("outputs/child.txt", "train.py")
            second = run.child_run("second")
            second.log("accuracy", 0.75)
            open("big.txt", "w").write("big")
            run.upload_files(["given/big.txt"], ["big.txt"])
            """
        )
    )
    assert run.record.state is State.COMPLETED, stdout_of(run)
    assert stdout_of(run).splitlines()[0] == "1 b'weights'"
    assert Model(workspace, "insects").tags == {"by": "job"}
    first, second = sorted(run.get_children(), key=lambda child: child.number)
    assert first.record.state is State.COMPLETED
    assert list(first.metrics.values("accuracy")) == [0.5]
    assert list(second.metrics.values("accuracy")) == [0.75]
    assert "outputs/child.txt" in first.get_file_names()
    for child in (first, second):
        assert not any((child.path / part).is_symlink() for part in os.listdir(child.path))
    assert not (run.path / "children").exists()


def test_a_childs_metrics_are_seen_while_the_job_goes_on(submit: Submit) -> None:
    """Children of long jobs are followed like others."""
    run = submit(
        """
        import time
        from traindock import Run
        child = Run.get_context().child_run("one")
        child.log("accuracy", 0.5)
        child.upload_file("report.txt", "train.py")
        print("logged", flush=True)
        time.sleep(600)
        """
    )
    wait_for(lambda: "logged" in stdout_of(run), "the child")
    (child,) = run.get_children()
    wait_for(lambda: "accuracy" in child.get_metrics(), "its metric")
    assert child.get_file_names() == ["report.txt"]
    run.cancel()
    assert ended(run).record.state is State.CANCELED
    assert (child.record.state, child.get_file_names()) == (State.CANCELED, ["report.txt"])


@pytest.mark.parametrize("part", first_in_ci(["outputs", "", "uploads", "driver", "metrics", "logs"], 2))
def test_a_link_in_the_place_of_a_childs_folder_gains_nothing(submit: Submit, tmp_path: Path, part: str) -> None:
    """Neither is what it leads to read into a model, nor written to, nor moved."""
    secret = tmp_path / "secret"
    for folder in ("outputs", "uploads", "driver", "metrics", "logs"):
        (secret / folder).mkdir(parents=True)
        (secret / folder / "key.txt").write_text("secret")
    before = sorted(str(path) for path in secret.rglob("*"))
    run = ended(
        submit(
            """
            import os, sys
            from traindock import Run
            run = Run.get_context()
            child = run.child_run("one")
            part, secret = sys.argv[1:]
            place = os.path.join(os.path.dirname(os.getcwd()), "children", child.id)
            target = os.path.join(place, part) if part else place
            os.rename(target, target + ".aside")
            os.symlink(os.path.join(secret, part) if part else secret, target)
            for name in ("outputs/key.txt", "key.txt", "logs/key.txt", "outputs", "logs"):
                try:
                    print("got", child.register_model("stolen", name))
                except Exception as error:
                    print(type(error).__name__)
            child.complete()
            """,
            part,
            str(secret),
        )
    )
    assert run.record.state is State.COMPLETED, stdout_of(run)
    assert "got" not in stdout_of(run)
    assert sorted(str(path) for path in secret.rglob("*")) == before
    (child,) = run.get_children()
    assert child.record.state.terminal
    assert not [name for name in child.get_file_names() if "key.txt" in name]
    assert all(
        (child.path / folder).is_dir() and not (child.path / folder).is_symlink() for folder in os.listdir(secret)
    )


def test_a_link_in_the_place_of_outputs_gains_nothing(submit: Submit, tmp_path: Path) -> None:
    """The same for the job's own outputs."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.txt").write_text("secret")
    run = ended(
        submit(
            """
            import os, sys
            from traindock import Run
            os.rmdir("outputs")
            os.symlink(sys.argv[1], "outputs")
            try:
                print("got", Run.get_context().register_model("stolen", "outputs/key.txt"))
            except Exception as error:
                print(type(error).__name__)
            """,
            str(tmp_path / "secret"),
        )
    )
    assert "got" not in stdout_of(run)
    assert not [name for name in run.get_file_names() if "key.txt" in name]
    assert (tmp_path / "secret" / "key.txt").read_text() == "secret"


def test_binary_output_and_carriage_returns_arrive_as_they_are(submit: Submit) -> None:
    """Progress bars and programs that print anything."""
    run = ended(
        submit(
            r"""
            import os
            for step in range(3):
                print(f"\r{step}/3", end="", flush=True)
            os.write(1, b"\n\x00\xff\xfe raw\n")
            """
        )
    )
    assert (run.path / "driver" / "stdout.txt").read_bytes() == b"\r0/3\r1/3\r2/3\n\x00\xff\xfe raw\n"


@pytest.mark.core
def test_the_last_of_many_lines_is_there_and_the_engines_copy_is_empty(
    submit: Submit, engine: docker.DockerClient
) -> None:
    """Output goes to the run's folder, and not through the engine."""
    lines = 200_000
    run = submit(
        f"""
        import time
        for line in range({lines}):
            print("line", line)
        print("last", flush=True)
        time.sleep(600)
        """
    )
    wait_for(lambda: stdout_of(run).endswith("last\n"), "the last line")
    assert stdout_of(run).count("\n") == lines + 1
    assert container_of(engine, run).logs() == b""
    run.cancel()
    ended(run)


def test_what_a_script_leaves_running_is_gone_with_it(submit: Submit, engine: docker.DockerClient) -> None:
    """Also what became a daemon."""
    run = ended(
        submit(
            """
            import os, time
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        while True:
                            open("outputs/alive", "a").write("x")
                            time.sleep(0.01)
                    os._exit(0)
            while not os.path.exists("outputs/alive"):
                time.sleep(0.01)
            """
        )
    )
    assert run.record.state is State.COMPLETED, run.get_details()
    wait_for(lambda: container_of(engine, run) is None, "the container to be removed")
    size = (run.path / "outputs" / "alive").stat().st_size
    time.sleep(0.2)  # in which each of them would have written some twenty times
    assert size == (run.path / "outputs" / "alive").stat().st_size


@pytest.mark.core
def test_files_are_the_submitters(submit: Submit) -> None:
    """Whatever user the engine runs as."""
    run = ended(submit("open('outputs/x', 'w').write('x'); open('logs/y', 'w').write('y')"))
    owners = {path.lstat().st_uid for path in run.path.rglob("*")}
    assert owners == {os.getuid()}


def test_a_file_of_this_machine_that_is_not_mounted_is_told_with_the_way_to_mount_it(
    submit: Submit, tmp_path: Path
) -> None:
    (tmp_path / "data.csv").write_text("1")
    run = submit("import sys; open(sys.argv[1])", tmp_path / "data.csv")
    with pytest.raises(ActivityFailedException, match=r"update\(mounts=\['/data:/data:ro'\]\)"):
        run.wait_for_completion()


def test_an_interpreter_is_looked_for_in_the_image_also_where_the_settings_name_that(
    workspace: Workspace,
    submit: Submit,
    engine: docker.DockerClient,
    engine_url: str,
    base_image: str,
    session_label: str,
    tmp_path: Path,
) -> None:
    """This machine has none of that path, which is nobody's business; a mount that would hide it is refused."""
    name = f"traindock-test-interpreter:{secrets.token_hex(4)}"
    text = f"FROM {base_image}\nRUN mkdir -p /opt/mine && ln -s /usr/bin/python3 /opt/mine/python-of-mine\n"
    engine.images.build(fileobj=io.BytesIO(text.encode()), tag=name, labels=dict([session_label.split("=")]), rm=True)
    settings = workspace.layout.settings.read_text()
    workspace.layout.settings.write_text(settings.replace(f'base_image = "{base_image}"', f'base_image = "{name}"'))
    environment = as_it_is()
    environment.python.interpreter_path = "/opt/mine/python-of-mine"
    run = ended(submit("import sys; print(sys.executable)", environment=environment))
    assert stdout_of(run) == "/opt/mine/python-of-mine\n", run.get_details()
    environment.python.interpreter_path = "/opt/mine/none"
    run = ended(submit("pass", environment=environment))
    assert f"the image {name} has no interpreter /opt/mine/none that works" in run.record.detail
    add_target(workspace, engine_url, mounts=[[str(tmp_path), "/opt", True]])
    environment.python.interpreter_path = "/opt/mine/python-of-mine"
    run = ended(submit("pass", environment=environment))
    assert f"{tmp_path} cannot be mounted at /opt, which would hide the Python that jobs run on" in run.record.detail


@pytest.mark.parametrize("foreign", [WORKSPACE, KEY])
def test_containers_of_other_workspaces_and_other_users_are_left_alone_by_sweeping(
    workspace: Workspace, engine: docker.DockerClient, engine_url: str, base_image: str, foreign: str
) -> None:
    own = {WORKSPACE: workspace.id, RUN: "tests_1_00000000", KEY: signing.key_fingerprint(), ROLE: "job"}
    mine = engine.containers.create(base_image, "true", labels=own)
    other = engine.containers.create(base_image, "true", labels={**own, foreign: "somebody-else"})
    try:
        make_backend("box", "docker", {"engine": engine_url}).sweep(workspace.id, lambda run_id: True)

        left = {found.id for found in engine.containers.list(all=True, ignore_removed=True)}
        assert (mine.id in left, other.id in left) == (False, True)
    finally:
        other.remove(force=True)
