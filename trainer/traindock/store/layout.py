"""Where everything lies in a workspace folder. No other module spells a file name of the store.

workspace.json   index.sqlite   settings.toml   computes.json   changes.log
wishes.lock     dispatcher.lock  dispatcher.json  dispatcher.log  errands/<run id>
owners/<generation>.json          (on network disks, where index.* and dispatcher.* lie in a folder of each host)
experiments/<name>/events.jsonl
runs/<run id>/   (see RunLayout)      runs/.deleted-<16 hex>/   (runs that are gone, until their space is free)
models/<name>/events.jsonl
snapshots/<sha256>.json   blobs/<2 hex>/<sha256>   blobs.lock   releases/<16 hex>
environments/<hash>/      datastores/<name>/     runtime/<hash>/     home/     engines/<engine id>.json
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: Start of the names, in ``runs``, of the folders of runs that were deleted, until they are removed.
DELETED: Final = ".deleted-"


@dataclass(frozen=True)
class RunLayout:
    """The folder of one run.

    While the job runs, ``outputs`` and ``logs`` are links into ``work``, the job's working directory; sealing
    moves the folders here and drops the rest of ``work``.
    """

    root: Path

    @property
    def run_json(self) -> Path:
        """What was submitted, signed; never changes."""
        return self.root / "run.json"

    @property
    def submitter_json(self) -> Path:
        """The environment variables of whoever submitted, see ``store.submitter``."""
        return self.root / "submitter.json"

    @property
    def plan_json(self) -> Path:
        """The exact launch request that was, or will be, performed."""
        return self.root / "plan.json"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def metrics(self) -> Path:
        """One folder per writing process."""
        return self.root / "metrics"

    @property
    def resources(self) -> Path:
        """What the job used of processors, memory and GPUs, as metrics; no container sees it."""
        return self.root / "resources"

    @property
    def imported(self) -> Path:
        """Metrics that were read out of the job's TensorBoard files, as metrics; no container sees it."""
        return self.root / "imported"

    @property
    def requests(self) -> Path:
        """What the job asks of the dispatcher, and the replies."""
        return self.root / "requests"

    @property
    def outputs(self) -> Path:
        return self.root / "outputs"

    @property
    def logs(self) -> Path:
        """The script's own ``./logs``."""
        return self.root / "logs"

    @property
    def uploads(self) -> Path:
        """Files that the script or the SDK uploaded under names outside ``outputs/`` and ``logs/``."""
        return self.root / "uploads"

    @property
    def children(self) -> Path:
        """Of a job in a container: what it writes of its child runs, see :meth:`child`."""
        return self.root / "children"

    def child(self, run_id: str) -> RunLayout:
        """Where a job in a container writes what belongs to a child run that it has made, until that ends."""
        return RunLayout(self.children / run_id)

    @property
    def work(self) -> Path:
        """The job's working directory, a fresh copy of the snapshot, gone once the run is sealed."""
        return self.root / "work"

    @property
    def sealed_json(self) -> Path:
        """Names, sizes and hashes of the sealed files, see ``store.sealed_files``."""
        return self.root / "sealed.json"

    @property
    def driver(self) -> Path:
        """What Traindock itself writes about the job, out of reach of a script that tidies up."""
        return self.root / "driver"

    @property
    def stdout(self) -> Path:
        return self.driver / "stdout.txt"

    @property
    def build_log(self) -> Path:
        return self.driver / "build.txt"

    @property
    def launch_json(self) -> Path:
        """What the launcher is to do."""
        return self.driver / "launch.json"

    @property
    def launch_lock(self) -> Path:
        """Held by the launcher for as long as the job lives."""
        return self.driver / "lock"

    @property
    def started_json(self) -> Path:
        """Written by the launcher before the script is executed: from then on it is never launched again."""
        return self.driver / "started.json"

    @property
    def exit_json(self) -> Path:
        """How the job ended; blank until then, so that its block is there when the disk is full."""
        return self.driver / "exit.json"

    @property
    def error_json(self) -> Path:
        """The exception that ended a Python script: type, message, file and line."""
        return self.driver / "error.json"

    @property
    def lost_output(self) -> Path:
        """How many bytes of output a full disk swallowed: 8 bytes, little-endian."""
        return self.driver / "lost_output"

    @property
    def facts_json(self) -> Path:
        """What the job is told about its run: display name, tags, properties, arguments."""
        return self.driver / "facts.json"


@dataclass(frozen=True)
class WorkspaceLayout:
    """The folder of one workspace.

    Attributes:
        root: the folder.
        local: on a network disk, the folder for what needs a disk of this machine, see ``store.disks``; else None.
    """

    root: Path
    local: Path | None = None

    @property
    def _machine(self) -> Path:
        return self.root if self.local is None else self.local

    @property
    def workspace_json(self) -> Path:
        return self.root / "workspace.json"

    @property
    def index(self) -> Path:
        return self._machine / "index.sqlite"

    @property
    def settings(self) -> Path:
        return self.root / "settings.toml"

    @property
    def computes(self) -> Path:
        return self.root / "computes.json"

    @property
    def changes(self) -> Path:
        """The id of each run or model whose events grew, in order."""
        return self.root / "changes.log"

    @property
    def last_turn(self) -> Path:
        """The turn of the run that was submitted last, see ``store.run_records.take_turn``."""
        return self.root / "last_turn"

    @property
    def wishes_lock(self) -> Path:
        """Held by whoever grants a wish for a run, see ``store.wishes``."""
        return self.root / "wishes.lock"

    @property
    def queue_moves(self) -> Path:
        """How often a run was moved in a queue, and the lock of those who do it, see ``store.queue_moves``."""
        return self.root / "queue_moves"

    @property
    def dispatcher_lock(self) -> Path:
        return self._machine / "dispatcher.lock"

    @property
    def dispatcher_json(self) -> Path:
        return self._machine / "dispatcher.json"

    @property
    def dispatcher_log(self) -> Path:
        return self._machine / "dispatcher.log"

    @property
    def errands(self) -> Path:
        """An empty file for each run of which something is still to be done in the background, by this machine."""
        return self._machine / "errands"

    @property
    def owners(self) -> Path:
        """Which host may write on a network disk, see ``store.ownership``; missing on others."""
        return self.root / "owners"

    def owner(self, generation: int) -> Path:
        """The owner file of the ``generation``-th host that took the workspace over."""
        return self.owners / f"{generation:08}.json"

    @property
    def host_id(self) -> Path:
        """What tells this machine's folder from those of others."""
        return self._machine / "host_id"

    @property
    def owner_seen(self) -> Path:
        """Since when this machine has seen the owner file unchanged."""
        return self._machine / "owner_seen.json"

    @property
    def experiments(self) -> Path:
        return self.root / "experiments"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def blobs(self) -> Path:
        return self.root / "blobs"

    @property
    def releases(self) -> Path:
        """Lists of contents that may have lost what referred to them, until that is looked into."""
        return self.root / "releases"

    @property
    def environments(self) -> Path:
        return self.root / "environments"

    @property
    def datastores(self) -> Path:
        return self.root / "datastores"

    @property
    def home(self) -> Path:
        """Stands in for the user's home and caches in jobs that cannot write to those."""
        return self.root / "home"

    @property
    def runtime(self) -> Path:
        """Copies of the standard-library-only package that is injected into jobs, by content."""
        return self.root / "runtime"

    @property
    def engines(self) -> Path:
        """What was found out about container engines, see ``compute.docker.probe``."""
        return self.root / "engines"

    def engine(self, name: str) -> Path:
        return self.engines / f"{name}.json"

    def run(self, run_id: str) -> RunLayout:
        """Layout of one run; ``run_id`` must have passed :func:`traindock.names.check_name` as a "run id"."""
        return RunLayout(self.runs / run_id)

    def deleted_run(self) -> RunLayout:
        """A new place for the folder of a run that is being deleted: it is no run any more, and nobody sees it."""
        return RunLayout(self.runs / f"{DELETED}{secrets.token_hex(8)}")

    def experiment_events(self, name: str) -> Path:
        return self.experiments / name / "events.jsonl"

    def model_events(self, name: str) -> Path:
        return self.models / name / "events.jsonl"
