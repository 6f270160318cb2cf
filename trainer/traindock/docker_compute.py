"""The compute target whose nodes are containers, as the user sees it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from traindock.compute.node_shapes import cpus_of, gpus_of, memory_bytes_of, vm_size_of
from traindock.compute_target import ComputeTarget, ProvisioningConfiguration
from traindock.errors import EngineException, UserErrorException

if TYPE_CHECKING:
    from traindock.compute.docker.engine import Engine
    from traindock.spec import RunSpec

_POLL_SECONDS: Final = 0.5
#: Names of networks, as Docker allows them, and Podman's own ways, with what it is to know of these.
_NETWORK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*|(?:slirp4netns|pasta):\S+")
_MOUNT: Final = '"/data:/data:ro"'


class DockerCompute(ComputeTarget):
    """Containers of a Docker or Podman engine on this machine; each run is a node of its own shape.

    It stands where Azure ML had ``AmlCompute``. Nodes are no machines that would have to be started: one is a share of
    this machine while a run is on it, so ``min_nodes`` and ``idle_seconds_before_scaledown`` cost nothing, and only say
    how many nodes :meth:`get_status` counts as idle.
    """

    kind = "docker"

    @staticmethod
    def provisioning_configuration(  # type: ignore[override]  # each kind has settings of its own
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float = 1800,
        *,
        cpus: float | None = None,
        memory: str | int | None = None,
        gpus_per_node: int | None = None,
        gpu: str = "required",
        engine: str | None = None,
        network: str | None = None,
        mounts: Iterable[str | Sequence[Any]] = (),
        read_only: bool = False,
        environment_form: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
    ) -> ProvisioningConfiguration:
        """Describe a compute target of containers.

        Args:
            vm_size: one of Azure ML's names of machines, such as "STANDARD_NC6": its processors, memory and GPUs as far
                as this machine has them. ``[vm_sizes]`` in the workspace's settings.toml may give it another meaning.
            vm_priority: "dedicated" or "lowpriority"; shown, and without effect on hardware of one's own.
            min_nodes: how many nodes count as there when no run needs them.
            max_nodes: how many nodes there are at most, so how many runs go on at once; 1 by default.
            idle_seconds_before_scaledown: for how long, in seconds, a node counts as idle after its run.
            cpus: processors of each node, perhaps a part of one, in place of what ``vm_size`` says.
            memory: memory of each node, such as "56g", or a number of bytes, likewise.
            gpus_per_node: GPUs of each node, likewise; with 0, runs that ask for GPUs go without, and say so.
            gpu: "required": a run that asks for GPUs is refused where there are none; "optional": it goes without.
            engine: address of the engine, such as "unix:///var/run/docker.sock"; by default the one that the ``docker``
                command would use now (``DOCKER_HOST``, docker's context), else one that is found.
            network: name of the engine's network that jobs are on, or "none"; by default the engine's own default.
            mounts: folders or files of this machine that each job sees: "/data:/data:ro", or (source, target,
                whether it is read-only).
            read_only: whether jobs cannot write to the files of their image.
            environment_form: "volume", "image" or "auto"; by default what the workspace's settings say.
            tags: shown.
            description: shown.

        Raises:
            UserErrorException: a value is not allowed.
            EngineException: no engine is found, or the one that is named is on another machine.
        """
        from traindock.compute.docker.addresses import find_address, given_address
        from traindock.compute.docker.mounts import Mounted, fault

        if gpu not in ("required", "optional"):
            raise UserErrorException(f"gpu is 'required' or 'optional', not {gpu!r}")
        if vm_priority not in ("dedicated", "lowpriority"):
            raise UserErrorException(f"vm_priority is 'dedicated' or 'lowpriority', not {vm_priority!r}")
        if environment_form not in (None, "auto", "volume", "image"):
            raise UserErrorException(f"environment_form is 'volume', 'image' or 'auto', not {environment_form!r}")
        most = _count("max_nodes", 1 if max_nodes is None else max_nodes, least=1)
        least = _count("min_nodes", min_nodes, least=0)
        if least > most:
            raise UserErrorException(f"min_nodes is {least} and max_nodes {most}: there cannot be more than at most")
        mounted = [_mount(one) for one in _listed(mounts)]
        if why := fault([Mounted(*one) for one in mounted]):
            raise UserErrorException(f"mounts: {why}")
        settings = {
            "engine": (find_address(os.environ) if engine is None else given_address(engine)).url,
            "vm_size": vm_size_of(vm_size) if vm_size else "",
            "vm_priority": vm_priority,
            "min_nodes": least,
            "max_nodes": most,
            "idle_seconds_before_scaledown": _seconds(idle_seconds_before_scaledown),
            "cpus": None if cpus is None else cpus_of(cpus),
            "memory": None if memory is None else memory_bytes_of(memory),
            "gpus_per_node": None if gpus_per_node is None else gpus_of(gpus_per_node),
            "gpu": gpu,
            "network": _network(network),
            "mounts": mounted,
            "read_only": bool(read_only),
            "environment_form": environment_form,
            "tags": {str(name): str(value) for name, value in (tags or {}).items()},
            "description": description,
        }
        return ProvisioningConfiguration("docker", settings)

    @property
    def provisioning_state(self) -> str:
        """Whether the target's engine answers: "Succeeded" or "Failed"."""
        try:
            self._engine()
        except EngineException:
            return "Failed"
        return "Succeeded"

    @property
    def vm_size(self) -> str:
        """The name that the target was made with; "" for none."""
        return str(self.settings.get("vm_size") or "")

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Wait until the engine answers, which one that runs does at once.

        Args:
            show_output: print what Azure ML printed.
            min_node_count: accepted for old notebooks: nodes are there whenever the engine is.
            timeout_in_minutes: how long to wait for an engine that does not answer.
            is_delete_operation: accepted for old notebooks; what is deleted is gone at once.

        Raises:
            EngineException: it does not answer in that time.
        """
        if is_delete_operation:
            return
        deadline = time.monotonic() + 60 * timeout_in_minutes
        waited = False
        while True:
            try:
                version = self._engine().facts().version
                break
            except EngineException as error:
                if time.monotonic() > deadline:
                    raise
                if show_output and not waited:
                    print(f"Waiting for the container engine: {error}")  # noqa: T201
                waited = True
                time.sleep(_POLL_SECONDS)
        if show_output:
            print(  # noqa: T201
                f"Succeeded: {self.name!r}, on the container engine {version} at {self.settings['engine']}\n"
                "Compute target wait for completion finished\n\n"
                "Minimum number of nodes requested have been provisioned"
            )

    def check(self) -> tuple[str, ...]:
        """Check that the target can work as it is described, on its engine and in its workspace.

        Returns:
            What its owner should know, in sentences.

        Raises:
            EngineException: its engine cannot be used; the text says why.
            ComputeTargetException: the machine has less than the target asks for in numbers, the engine no network of
                the name, or a mount would hide what jobs need.
        """
        from traindock.compute.docker.gpus import notices
        from traindock.compute.docker.networks import check_network
        from traindock.compute.docker.nodes import node_of

        self._check_mounts()
        engine = self._engine()
        check_network(engine, self.name, self.settings.get("network"))
        facts = engine.facts()
        node = node_of(self.name, self.settings, self.workspace.settings.vm_sizes, facts)
        optional = self.settings.get("gpu") == "optional"
        return (*node.notices, *notices(self.name, node.shape.gpus, facts, optional=optional))

    def check_run(self, spec: RunSpec) -> None:
        """Check the mounts against the workspace, too, of which a backend does not know."""
        self._check_mounts()
        super().check_run(spec)

    def _check_mounts(self) -> None:
        from traindock.compute.docker.mounts import Mounted, check_mounts

        mounts = [Mounted(*mount) for mount in self.settings.get("mounts") or ()]
        check_mounts(self.name, mounts, self.workspace.layout)

    def _engine(self) -> Engine:
        from traindock.compute.docker.engine import connect

        engine = connect(self.settings["engine"])
        with engine.translated("answer"):
            engine.api.ping()
        return engine


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserErrorException(f"{name} is a number of {least} or more, not {value!r}")
    return value


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise UserErrorException(f"idle_seconds_before_scaledown is a number of seconds, 0 or more, not {value!r}")
    return float(value)


def _network(name: Any) -> str | None:
    if name is not None and (not isinstance(name, str) or not _NETWORK.fullmatch(name)):
        raise UserErrorException(
            f"network is the name of a network of the engine (letters, digits, '_', '.', '-'), or 'none', not {name!r}"
        )
    return name


def _listed(mounts: Any) -> list[Any]:
    if isinstance(mounts, str | bytes) or not isinstance(mounts, Iterable):
        raise UserErrorException(f"mounts is a list of texts such as {_MOUNT}, not {mounts!r:.80}")
    return list(mounts)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _mount(given: Any) -> list[Any]:
    parts: list[Any] = given.split(":") if isinstance(given, str) else list(given) if _is_list(given) else []
    if len(parts) == 3 and parts[2] in ("ro", "rw"):
        parts[2] = parts[2] == "ro"
    if len(parts) not in (2, 3) or not all(isinstance(part, str | os.PathLike) for part in parts[:2]):
        raise UserErrorException(
            f"mounts: a mount is a text such as {_MOUNT}, or (source, target, read_only), not {given!r:.200}"
        )
    source, target, read_only = Path(parts[0]).expanduser(), PurePosixPath(parts[1]), parts[2] if parts[2:] else False
    if not isinstance(read_only, bool):
        raise UserErrorException(f"mounts: the third part of {given!r:.200} is 'ro' or 'rw', not {read_only!r}")
    if not source.is_absolute() or not target.is_absolute() or ".." in target.parts or target == PurePosixPath("/"):
        raise UserErrorException(f"mounts: {given!r:.200} needs two absolute paths, such as {_MOUNT}")
    if not source.exists():
        raise UserErrorException(f"mounts: {source}, which is to be mounted at {target}, is not there: make it first")
    return [str(source), str(target), read_only]
