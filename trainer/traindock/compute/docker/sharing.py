"""Sharing the images that were made for a job's environment by the workspace's registry, once the job was launched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from traindock.compute.base import Errand, Job
from traindock.compute.docker.engine import connect
from traindock.images.containers.registries import credentials, push
from traindock.images.containers.registry_names import name_in
from traindock.store import submitter

log = logging.getLogger(__name__)


def errands(job: Job, url: str, environment: Mapping[str, Any]) -> tuple[Errand, ...]:
    """Return a push for each image that the workspace's registry is to have.

    Args:
        job: whose workspace and submitter.
        url: the engine's address.
        environment: of the plan; its "images" are what was made for it.
    """
    registry = job.settings.docker.registry
    images = environment.get("images") or {}
    if not registry:
        return ()
    return tuple(_errand(job, url, image, name_in(registry, local)) for local, image in images.items())


def _errand(job: Job, url: str, image: str, name: str) -> Errand:
    def perform(cancelled: Callable[[], bool]) -> None:
        variables = submitter.read(job.layout, job.spec.submitter)
        engine = connect(url)
        began = time.monotonic()
        with engine.translated(f"push {name}"):
            digest = push(engine, image, name, credentials(name, None, variables), log.debug, cancelled)
        log.info("pushed %s in %.1f s: %s", name, time.monotonic() - began, digest)

    # A rebuild makes another image of the same name.
    return Errand(f"pushing {name} ({image[:19]})", perform)
