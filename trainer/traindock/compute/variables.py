"""The environment variables of a job of this machine: its submitter's, the user's own, and Traindock's."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from traindock.compute.base import Job, LaunchError, Plan
from traindock.compute.injection import injected_folder
from traindock.errors import StoreException
from traindock.spec import RunSpec
from traindock.store import submitter
from traindock.store.copying import may_pass

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")


def added_variables(job: Job) -> dict[str, str]:
    """Return what is added to the submitter's variables: the user's own, and those by which a job finds its run."""
    layout, facts, given = job.layout, job.facts, job.spec.environment_variables
    return {
        "AZUREML_RUN_ID": job.run_id,
        "AZUREML_EXPERIMENT_ID": str(facts["experiment"]),
        "AZUREML_WORKSPACE_ID": str(facts["workspace_id"]),
        "AZUREML_ARM_SUBSCRIPTION": str(facts["subscription_id"]),
        "AZUREML_ARM_RESOURCEGROUP": str(facts["resource_group"]),
        "AZUREML_ARM_WORKSPACE_NAME": str(facts["workspace"]),
        "AZUREML_ARM_PROJECT_NAME": str(facts["experiment"]),
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
        **given,
        "PYTHONPATH": os.pathsep.join(filter(None, (str(injected_folder(job.workspace)), given.get("PYTHONPATH")))),
        "TRAINDOCK_RUN_ID": job.run_id,
        "TRAINDOCK_ATTEMPT": str(job.attempt),
        "TRAINDOCK_RUN_NUMBER": str(facts["number"]),
        "TRAINDOCK_EXPERIMENT": str(facts["experiment"]),
        "TRAINDOCK_WORKSPACE": str(facts["workspace"]),
        "TRAINDOCK_WORKSPACE_ID": str(facts["workspace_id"]),
        "TRAINDOCK_PARENT_RUN_ID": str(facts["parent"]),
        "TRAINDOCK_METRICS_DIR": str(layout.metrics),
        "TRAINDOCK_REQUESTS_DIR": str(layout.requests),
        "TRAINDOCK_OUTPUTS_DIR": str(layout.work / "outputs"),
        "TRAINDOCK_LOGS_DIR": str(layout.work / "logs"),
        "TRAINDOCK_UPLOADS_DIR": str(layout.uploads),
        "TRAINDOCK_DRIVER_DIR": str(layout.driver),
        "TRAINDOCK_RUN_JSON": str(layout.facts_json),
    }


def submitters_variables(job: Job) -> dict[str, str]:
    """Return the environment variables of whoever submitted the run; the dispatcher's own are somebody else's.

    Raises:
        LaunchError: they were changed or removed.
        StoreException: the disk does not give them now.
    """
    try:
        return submitter.read(job.layout, job.spec.submitter)
    except StoreException as error:
        if may_pass(error):
            raise
        raise LaunchError(str(error)) from error


def job_environment(inherited: Mapping[str, str], plan: Plan, visible: str | None = None) -> dict[str, str]:
    """Return all variables of a job.

    Args:
        inherited: the submitter's, or those of its image.
        plan: what it says goes first.
        visible: what CUDA is to see; by default the devices of the plan.
    """
    # A run that was given no device must not take one that another run holds.
    devices = {"CUDA_VISIBLE_DEVICES": ",".join(plan.devices) if visible is None else visible}
    return {**inherited, **plan.variables, **devices}


def expanded(spec: RunSpec, command: tuple[str, ...], variables: Mapping[str, str]) -> list[str]:
    """Return the command, ``$NAME`` and ``${NAME}`` in the user's words replaced where the job has such a variable."""
    given = len(command) if spec.command else len(spec.arguments)
    kept = len(command) - given
    words = [
        _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], match[0]), word) for word in command[kept:]
    ]
    return [*command[:kept], *words]
