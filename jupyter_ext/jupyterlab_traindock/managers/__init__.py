"""What the server can do, without HTTP: each manager takes and returns plain values, and blocks while it works."""

from __future__ import annotations

from jupyterlab_traindock.managers.aliases import AliasManager
from jupyterlab_traindock.managers.computes import ComputeManager
from jupyterlab_traindock.managers.environments import EnvironmentManager
from jupyterlab_traindock.managers.files import FileManager
from jupyterlab_traindock.managers.machine import MachineManager
from jupyterlab_traindock.managers.metrics import MetricManager
from jupyterlab_traindock.managers.models import ModelManager
from jupyterlab_traindock.managers.opened import OpenedWorkspaces
from jupyterlab_traindock.managers.runs import RunManager
from jupyterlab_traindock.managers.scripts import ScriptManager
from jupyterlab_traindock.managers.snapshots import SnapshotManager
from jupyterlab_traindock.managers.sparklines import SparklineManager
from jupyterlab_traindock.managers.submitting import SubmitManager


class Managers:
    """All of them.

    Args:
        workspaces: what may be opened.
    """

    def __init__(self, workspaces: OpenedWorkspaces) -> None:
        self.workspaces = workspaces
        self.runs = RunManager(workspaces)
        self.submits = SubmitManager(workspaces)
        self.models = ModelManager(workspaces)
        self.aliases = AliasManager(workspaces)
        self.machine = MachineManager(workspaces)
        self.computes = ComputeManager(workspaces, self.machine)
        self.environments = EnvironmentManager(workspaces)
        self.metrics = MetricManager(workspaces)
        self.sparklines = SparklineManager(workspaces)
        self.files = FileManager(workspaces)
        self.snapshots = SnapshotManager(workspaces)
        self.scripts = ScriptManager(workspaces, self.snapshots)

    def close(self) -> None:
        """Give back files that are held open, and what is remembered."""
        self.metrics.close()
        self.sparklines.close()
        self.workspaces.close()
