"""What a user's own code looks like: checked by mypy in test_user_code.py, never executed.

``assert_type`` says what an editor is to show; ``type: ignore[…]`` marks what mypy must not let pass.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import traindock
from traindock import (
    ActivityFailedException,
    ComputeTarget,
    ComputeTargetException,
    CondaDependencies,
    Environment,
    Estimator,
    Experiment,
    LocalCompute,
    Model,
    PyTorch,
    Reason,
    Run,
    ScriptRunConfig,
    State,
    UserErrorException,
    Workspace,
)


def article() -> None:
    ws = Workspace.from_config()
    print("Workspace: " + ws.name, "Region: " + ws.location, ws.subscription_id + ws.resource_group)
    try:
        target = ComputeTarget(workspace=ws, name="gpu-cluster")
    except ComputeTargetException:
        target = ComputeTarget.create(ws, "gpu-cluster", LocalCompute.provisioning_configuration(max_nodes=4))
        target.wait_for_completion(show_output=True)
    print(target.get_status().serialize())
    experiment = Experiment(ws, name="pytorch-hymenoptera")
    estimator = PyTorch(
        source_directory="./pytorch-hymenoptera",
        script_params={"--num_epochs": 30, "--output_dir": "./outputs"},
        compute_target=target,
        entry_script="pytorch_train.py",
        use_gpu=True,
        pip_packages=["pillow==5.4.1"],
    )
    run = experiment.submit(estimator)
    assert_type(run, Run)
    assert_type(run.wait_for_completion(show_output=True), dict[str, Any])
    assert_type(run.get_metrics(), dict[str, Any])
    model = run.register_model(model_name="pt-dnn", model_path="outputs/")
    assert_type(model, Model)
    assert_type(model.version, int)
    os.makedirs("./model", exist_ok=True)  # noqa: PTH103 (the article's own code)
    for name in run.get_file_names():
        if name.startswith("outputs/model"):
            output = os.path.join("./model", name.split("/")[-1])  # noqa: PTH118
            run.download_file(name=name, output_file_path=output)


async def awaited(run: Run) -> None:
    assert_type(await run, dict[str, Any])


def configured(ws: Workspace) -> Run:
    environment = Environment("mine")
    environment.python.conda_dependencies = CondaDependencies.create(pip_packages=["rich"], python_version="3.11")
    environment.environment_variables = {"COLOUR": "red"}
    script = ScriptRunConfig(
        source_directory=Path("src"),
        script="train.py",
        arguments=["--epochs", 3, "--lr", 1e-3, Path("data")],
        compute_target="local",
        environment=environment,
        max_run_duration_seconds=3600,
    )
    command = ScriptRunConfig("src", command=["python", "train.py"])
    parent = ws.experiments["first"].submit(script, tags={"stage": "one"}, display_name="the first")
    return parent.submit_child(command)


def questions(ws: Workspace, run: Run) -> None:
    assert_type(Workspace.list(), dict[str, list[Workspace]])
    assert_type(Run.list(ws, status="Running", tags={"stage": "one"}, metric="loss", below=0.5), Iterator[Run])
    assert_type(Experiment(ws, "first").get_runs(), Iterator[Run])
    assert_type(ws.compute_targets["local"], ComputeTarget)
    assert_type(ws.models, dict[str, Model])
    assert_type(run.get_status(), str)
    assert_type(run.reason, Reason | None)
    assert_type(run.record.state, State)
    assert_type(run.parent, Run | None)
    assert_type(run.signed, bool)
    print(run.to_pandas().columns, traindock.__version__)
    try:
        run.wait_for_completion()
    except ActivityFailedException as error:
        assert_type(error.exit_code, int | None)
        assert_type(error.log_tail, list[str])
    except UserErrorException as error:
        print(error.message, error.code)


def in_the_job() -> None:
    run = Run.get_context()
    run.log("loss", 0.5, step=1)
    run.log_row("table", x=1, y=2)
    run.tag("stage", "two")


def mistakes(ws: Workspace, run: Run) -> None:
    Experiment(ws)  # type: ignore[call-arg]
    Experiment("ws", "name")  # type: ignore[arg-type]
    run.id = "other"  # type: ignore[misc]
    run.set_tags("stage")  # type: ignore[arg-type]
    Estimator("src", entry_script="train.py", compute_target="local", node_count="2")  # type: ignore[arg-type]
    Estimator("src", "train.py")  # type: ignore[call-arg]
    ws.nothing_of_the_kind()  # type: ignore[attr-defined]
    ScriptRunConfig("src", "train.py", compute_target=5)  # type: ignore[arg-type]
