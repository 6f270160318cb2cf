"""The environment variables of a job in a container: nothing of the submitter's, but the image's and its own.

Home and caches lie in the workspace, so that weights that one run has fetched are there for the next. What a script
installs by ``pip --user`` does not: it lies in the container and goes with it, since a run must not depend on the
runs before it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from traindock.compute.base import Job
from traindock.compute.docker.naming import user_name
from traindock.compute.variables import added_variables
from traindock.store.copying import storage_error

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
#: In the container alone.
_USER_BASE = "/tmp/python-user"  # noqa: S108
_NO_PROXY = "localhost,127.0.0.1,::1"


def planned_variables(job: Job) -> dict[str, str]:
    """Return what is added to the variables of the image; what the user gave counts most."""
    return {**_home_variables(job.workspace.home), **_proxy_variables(job), **added_variables(job)}


def with_environment(planned: Mapping[str, str], of_environment: Mapping[str, str], job: Job) -> dict[str, str]:
    """Return the planned variables with those that the environment in the container needs.

    Args:
        planned: of :func:`planned_variables`.
        of_environment: such as PATH and VIRTUAL_ENV.
        job: the run, whose user may have given a PATH.
    """
    given = job.spec.environment_variables
    variables = {**planned, **{name: value for name, value in of_environment.items() if name not in given}}
    if "PATH" in given and "PATH" in of_environment:
        programs = of_environment["PATH"].partition(os.pathsep)[0]
        variables["PATH"] = os.pathsep.join((programs, given["PATH"]))
    return variables


def of_image(config: Mapping[str, object]) -> dict[str, str]:
    """Return the variables that an image sets, from the engine's description of it."""
    words = config.get("Env")
    pairs = (str(word).partition("=") for word in (words if isinstance(words, list) else ()))
    return {name: value for name, _, value in pairs if name}


def make_home(home: Path) -> None:
    """Make the folders of a job's home.

    Raises:
        StoreException: the disk refuses.
    """
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "MPLCONFIGDIR"):
        folder = Path(_home_variables(home)[name])
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise storage_error(error, f"make {folder}") from error


def _home_variables(home: Path) -> dict[str, str]:
    user = user_name()
    return {
        "HOME": str(home),
        # Where the image has no such user, this is what Python's getpass goes by.
        "USER": user,
        "LOGNAME": user,
        "XDG_CACHE_HOME": str(home / ".cache"),
        "TORCH_HOME": str(home / ".cache" / "torch"),
        "MPLCONFIGDIR": str(home / ".config" / "matplotlib"),
        "PYTHONUSERBASE": _USER_BASE,
    }


def _proxy_variables(job: Job) -> dict[str, str]:
    proxy = job.settings.packages.proxy
    if not proxy:
        return {}
    found = {"NO_PROXY": _NO_PROXY, "no_proxy": _NO_PROXY}
    for name in _PROXIES:
        found[name] = found[name.lower()] = proxy
    return found
