"""What to do next, by how a run failed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from traindock.compute.changing import how_to_change
from traindock.run_types import INTERACTIVE
from traindock.states import Reason
from traindock.store.run_records import RunRecord

_BY_REASON: Final[Mapping[Reason, str]] = {
    Reason.KILLED_BY_SIGNAL: "Look what sent the signal; if nobody did, the machine may have been short of memory.",
    Reason.OUT_OF_MEMORY: "Use a smaller batch or model or fewer workers, or give it more memory: what a node of the "
    "compute target has (its update(memory=…), `traindock computes update NAME --memory …`), or a larger machine.",
    Reason.TIMED_OUT: "Raise max_run_duration_seconds (--max-seconds), or let the script do less.",
    Reason.ENVIRONMENT_FAILED: "Mend what the text names of the environment. All that was tried: `traindock logs {run} "
    "--build`, or run.download_file('logs/build.txt').",
    Reason.LAUNCH_FAILED: "Mend what the text names and submit again.",
    Reason.NO_GPU: "Submit without GPUs (use_gpu=False, --gpu 0), or to a compute target that may do without "
    "(gpu='optional', --gpu optional).",
    Reason.NO_GPU_TOOLKIT: "Set up NVIDIA's container toolkit as the text says, or submit to 'local' or without GPUs.",
    Reason.GPU_DRIVER_TOO_OLD: "Update the driver, or ask for an image or a framework_version with an older CUDA.",
    Reason.GPU_DRIVER_UNUSABLE: "Mend the driver, until nvidia-smi works, and submit again.",
    Reason.GPU_VANISHED: "Submit again, to run on another GPU; look into the system's log for why this one is gone.",
    Reason.LEASES_UNUSABLE: "Mend the folder that the text names and submit again; runs without GPUs do not need it.",
    Reason.ENGINE_RESTARTED: "Submit again; nothing was wrong with the run.",
    Reason.ENGINE_LOST: "Start the container engine and submit again; its log says why it ended.",
    Reason.LOST: "Submit again; if it happens again, look into the system's log for what ended the processes.",
    Reason.INTERNAL_ERROR: "Please report this with dispatcher.log from the workspace's folder.",
}
#: What to do about an environment for whoever has its build log before them.
BUILD_LOG_BELOW: Final = (
    "The build log below says why. Submit again from the script's form or the notebook's cell, with other packages; "
    "resubmitting asks for the same ones."
)
_BY_ERROR: Final[Mapping[str, str]] = {
    "ModuleNotFoundError": "Ask for the package (pip_packages, --pip; in a form “PyTorch and packages”) or put the "
    "module into the source folder, and submit again.",
    "FileNotFoundError": "Only the source folder is copied to where the script runs: put the file into it, or give an "
    "absolute path, and submit again.",
}
#: What to do about what failed by itself.
_MEND: Final = (
    "Mend the {what} in its folder and submit it from there; resubmitting sends the files as they were. What the run "
    "left in outputs up to then was kept."
)
#: What to do about a file that is missing in a container.
_NOT_MOUNTED: Final = (
    "Of this machine a container has only the source folder and what its compute target mounts: put the file into that "
    "folder, or have the target mount it, and submit again: "
)
_ABSOLUTE: Final = re.compile(r"No such file or directory: '/")
#: In the error of a script that wanted to install packages: an environment has no pip, and cannot be written to.
_INSTALLS: Final = re.compile(
    r"No such file or directory: '(?:\S*/)?(?:pip[\d.]*|conda|uv)'|\b(?:pip[\d.]*|conda)\b.*\binstall\b", re.DOTALL
)
#: The same in what it has printed, where it went on to fail of something else: the words of Python and of shells for a
#: program that is not there, and those of pip for a place that is not to be written to.
_CANNOT_INSTALL: Final = re.compile(
    r"No module named (?:'pip'|pip(?:\s|$))|\bpip[\d.]*: (?:command )?not found"
    r"|Could not install packages due to an (?:OSError|EnvironmentError): \[Errno (?:13|30)\]"
    r"|error: externally-managed-environment"
)
_INSTALL_ERRORS: Final = ("CalledProcessError", "FileNotFoundError")
_INSTALLED_BY: Final = (
    "A script cannot install packages: the environment that it runs in is made before, and others share it. Ask for "
    "them in the environment (pip_packages=[…], conda_packages=[…], --pip), take the installation out of the script, "
    "and submit again."
)
#: What a shell leaves with where there is no such program.
_NO_PROGRAM: Final = 127
#: What argparse, and most who understand a command line, leave with where they do not.
_NOT_UNDERSTOOD: Final = 2


def hint(record: RunRecord, printed: Iterable[str] = ()) -> str:
    """Return what to do about a run that failed, in a sentence; "" about one that did not.

    Args:
        record: the run.
        printed: the last lines of its log.
    """
    if record.reason is Reason.LOST and record.spec.type == INTERACTIVE:
        return "Its process ended without saying so: end such a run by run.complete(), or use it in a 'with' block."
    if record.reason is Reason.EXITED_NONZERO:
        error = record.exit.get("error")
        said = error if isinstance(error, Mapping) else {}
        kind, message = str(said.get("type") or ""), str(said.get("message") or "")
        installs = "pip install" in " ".join(record.spec.command) and record.exit.get("exit_code") == _NO_PROGRAM
        installs = installs or (kind.rpartition(".")[2] in _INSTALL_ERRORS and _INSTALLS.search(message) is not None)
        if installs or any(map(_CANNOT_INSTALL.search, printed)):
            return _INSTALLED_BY
        if kind == "FileNotFoundError" and record.environment.get("image"):
            return f"{_NOT_MOUNTED}{how_to_change(record.spec.compute_target, mounts=['/data:/data:ro'])}."
        if kind == "FileNotFoundError" and _ABSOLUTE.search(message):
            return "There is no such file on this machine: mend the path, or make the file, and submit again."
        if kind in _BY_ERROR:
            return _BY_ERROR[kind]
        if record.exit.get("exit_code") == _NOT_UNDERSTOOD:
            return "It may not have understood its arguments: its last lines say so. Mend them and submit again."
        return _MEND.format(what="notebook" if record.spec.notebook else "command" if record.spec.command else "script")
    known = _BY_REASON.get(record.reason, "") if record.reason else ""
    return known.replace("{run}", record.id)
