"""Images that are made for environments, found in the workspace's registry where another engine made them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from traindock.errors import ImageNotFoundException, RegistryException
from traindock.images.containers import registries, registry_names
from traindock.images.containers.engines import ContainerEngine
from traindock.images.uv import BuildLog


class SharedImages:
    """The workspace's registry, while one environment is made ready.

    Args:
        engine: where images are wanted.
        registry: its address; "" for none, which has nothing.
        variables: the submitter's environment variables, for Docker's configuration.
        log: is told.
        cancelled: asked many times a second; true breaks a pull off.

    Attributes:
        fetched: names that the images have there which were pulled.
        warnings: why it could not be asked.
    """

    def __init__(
        self,
        engine: ContainerEngine,
        registry: str,
        variables: Mapping[str, str] | None,
        log: BuildLog,
        cancelled: Callable[[], bool],
    ) -> None:
        self.registry = registry
        self.fetched: list[str] = []
        self.warnings: list[str] = []
        self._engine = engine
        self._variables = variables
        self._log = log
        self._cancelled = cancelled

    def fetch(self, local: str) -> bool:
        """Pull an image, if the registry has it; whatever is wrong with the registry, the image can be built here.

        Args:
            local: the name that it has, and gets, here.

        Raises:
            BuildCanceled: ``cancelled`` said so.
            EnvironmentBuildException: the engine's disk is full.
        """
        if not self.registry or self.warnings:  # where it does not answer once, nobody waits for it twice
            return False
        name = registry_names.name_in(self.registry, local)
        self._log.say(f"Pulling {name}, if {self.registry} has it.")
        began = time.monotonic()
        try:
            credentials = registries.credentials(name, None, self._variables)
            registries.pull(self._engine, name, credentials, "registry", self._log.say, self._cancelled)
        except ImageNotFoundException:
            self._log.say(f"{self.registry} does not have it: it is built here.")
            return False
        except RegistryException as error:
            self.warnings.append(f"{error.summary}; so it was built here")
            self._log.say(f"Notice: {self.warnings[-1]}.")
            return False
        self._engine.api.tag(name, registry_names.repository_of(local), registry_names.tag_of(local))
        self.fetched.append(name)
        self._log.say(f"Pulled from {self.registry} in {time.monotonic() - began:.1f} s: {name}.")
        return True
