"""Texts of Dockerfiles: system packages upon a base, and an environment in layers. Pure; nothing is built here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from traindock.images.dockerfile_text import instructions

#: Where an environment lies in an image; the same for all, so that their first layers are shared.
ENVIRONMENT: Final = "/opt/traindock/environment"
#: Where uv, what calls it, and its own Pythons lie in an image.
BUILDER: Final = "/opt/traindock/builder"
PYTHONS: Final = "/opt/traindock/pythons"
_CACHE: Final = "/opt/traindock/cache"

_FROM: Final = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EnvironmentLayers:
    """What the Dockerfile of an environment needs to know.

    Attributes:
        base: name of the image to build upon.
        python: path of the Python in it that runs the builder.
        requests: names of the requests, in the order of their layers.
        user: whom the base's programs run as; "" for root.
        key: of the environment.
        files: files of the context that uv needs, such as certificates: name, and path in the container.
        secrets: secrets that are mounted, where the builder can: id, and path in the container.
        secret_variables: path of the secret with further variables, or None.
    """

    base: str
    python: str
    requests: tuple[str, ...]
    user: str
    key: str
    files: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    secret_variables: str | None = None


def apt_layer(base: str, packages: Sequence[str], user: str) -> str:
    """A Dockerfile that installs packages of Debian or Ubuntu upon an image.

    Args:
        base: name of the image.
        packages: what to install.
        user: whom its programs run as; "" for root.
    """
    words = " ".join(sorted(set(packages)))
    lines = [
        f"FROM {base}",
        "USER root",
        "RUN apt-get update \\",
        f" && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {words} \\",
        " && rm -rf /var/lib/apt/lists/*",
    ]
    return _text(lines, user)


def environment(layers: EnvironmentLayers) -> str:
    """A Dockerfile that makes an environment, one layer for each request; exec form, so that no shell is needed."""
    options = [f"--mount=type=secret,id={name},target={path}" for name, path in layers.secrets]
    if layers.secrets or layers.secret_variables:
        options.append(f"--mount=type=cache,id=traindock-uv,target={_CACHE}")
    lines = [f"FROM {layers.base}", "USER root", f"COPY uv fill.py {BUILDER}/"]
    lines += [f"COPY {name} {path}" for name, path in layers.files]
    for request in layers.requests:
        command = [layers.python, "-I", "-S", f"{BUILDER}/fill.py", f"{BUILDER}/{request}"]
        command += [layers.secret_variables] if layers.secret_variables else []
        lines += [f"COPY {request} {BUILDER}/", " ".join(("RUN", *options, json.dumps(command)))]
    lines.append(f'LABEL traindock.environment="{layers.key}"')
    return _text(lines, layers.user)


def cache_variables(*, mounted: bool) -> dict[str, str]:
    """Variables that keep uv's cache out of the layers: in a mount where the builder has one, else nowhere."""
    if mounted:
        return {"UV_CACHE_DIR": _CACHE, "UV_LINK_MODE": "copy"}
    return {"UV_NO_CACHE": "1"}


def images_of(text: str) -> tuple[str, ...]:
    """The images that a Dockerfile builds upon, as far as they are named in full; not its own stages."""
    found = [told.groups() for line in instructions(text) if (told := _FROM.match(line))]
    stages = {name.lower() for _, name in found if name}
    names = (name for name, _ in found)
    return tuple(dict.fromkeys(n for n in names if "$" not in n and n.lower() not in {*stages, "scratch"}))


def _text(lines: list[str], user: str) -> str:
    return "\n".join([*lines, *([f"USER {user}"] if user else []), ""])
