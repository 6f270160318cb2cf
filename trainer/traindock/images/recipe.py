"""What an environment consists of, as a value: the same recipe has the same key everywhere.

A recipe is made by :meth:`traindock.environment.Environment.to_recipe`. Virtual environments, environment volumes
and images are named by its key, so that one definition is built once, whoever asks for it under whatever name.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from traindock.errors import UserErrorException
from traindock.images.container_base import ContainerBase

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

#: Changes whenever the same recipe is to be built in another way, so that old builds are not taken for new ones.
_FORMAT: Final = 1

_CODE_HOST_URL: Final = re.compile(r"(?:(?:git|hg|svn|bzr)\+)?[a-z]+://\S+", re.IGNORECASE)
_EGG: Final = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
_HASH: Final = re.compile(r"\s+--hash[=\s]\s*(\S+)")
_DIGEST: Final = re.compile(r"sha(256|384|512):[0-9a-f]+")
_PLAIN_PYTHON: Final = re.compile(r"\d+(\.\d+){0,2}(\.\*)?")


def parse_requirement(text: object) -> Requirement | None:
    """Parse one pip requirement; hashes behind it are checked and left out, see :func:`hashes`.

    Returns:
        The requirement, or None for a bare URL, which pip accepts and whose name shows only once it is fetched.

    Raises:
        UserErrorException: it is neither; the text names it.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    if not isinstance(text, str) or not text.strip() or "\n" in text.strip() or "\0" in text:
        raise UserErrorException(f"{text!r} is no pip requirement: use a text such as 'pillow' or 'numpy>=1.24,<2'")
    stripped = text.strip()
    hashes(text)
    stripped = _HASH.sub("", stripped)
    if stripped.startswith("-"):
        raise UserErrorException(
            f"{text!r} is an option and no pip requirement: index addresses belong into pip_indexurl, a conda file's "
            "pip section, a requirements file, or the workspace's build settings"
        )
    if _CODE_HOST_URL.fullmatch(stripped):
        egg = _EGG.search(stripped)
        return Requirement(f"{egg[1]} @ {_EGG.sub('', stripped)}") if egg else None
    try:
        return Requirement(stripped)
    except InvalidRequirement as error:
        hint = ""
        if re.search(r"[A-Za-z0-9\]]\s*=[^=]", stripped) and "==" not in stripped:
            hint = " (one '=' is conda's spelling; pip writes '==')"
        elif "/" in stripped or stripped.endswith((".whl", ".tar.gz", ".zip")):
            hint = " (a file is named as 'package @ file:///absolute/path')"
        reason = str(error).splitlines()[0]
        raise UserErrorException(f"{text!r} is no pip requirement{hint}: {reason}") from None


def hashes(text: str) -> tuple[str, ...]:
    """The digests behind a pip requirement, such as "sha256:…" of "six==1.16.0 --hash=sha256:…", in order.

    Raises:
        UserErrorException: one of them is none; the text names it.
    """
    found = tuple(sorted(_HASH.findall(text)))
    for digest in found:
        if not _DIGEST.fullmatch(digest):
            raise UserErrorException(f"{digest!r} in {text!r:.120} is no hash: use sha256:, sha384: or sha512: in hex")
    return found


def canonical_requirement(text: str) -> str:
    """One spelling for all spellings of a requirement: name, extras, bounds and hashes in their normal form."""
    from packaging.utils import canonicalize_name

    requirement = parse_requirement(text)
    if requirement is None:
        return text.strip()
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return " ".join((str(requirement), *(f"--hash={digest}" for digest in hashes(text))))


def python_specifier(text: str) -> SpecifierSet:
    """Bounds that a Python version given as "3.8", "3.8.18", "3.8.*" or ">=3.8,<3.11" stands for.

    Raises:
        UserErrorException: it is none of these; the text names it.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    stripped = text.strip()
    if _PLAIN_PYTHON.fullmatch(stripped):
        exact = stripped.count(".") == 2 and not stripped.endswith("*")
        stripped = f"=={stripped}" if exact or stripped.endswith("*") else f"=={stripped}.*"
    try:
        specifier = SpecifierSet(stripped)
    except InvalidSpecifier:
        specifier = SpecifierSet()
    if not list(specifier):
        raise UserErrorException(f"{text!r} is no Python version: use for example '3.11' or '>=3.9,<3.12'")
    return specifier


@dataclass(frozen=True, slots=True)
class Recipe:
    """The definition of an environment, without a name.

    Attributes:
        python: version or bounds, such as "3.10" or ">=3.9,<3.12"; None takes the submitter's.
        interpreter: path of the interpreter to use (``user_managed``) or to build upon; None takes the submitter's.
        user_managed: use the interpreter as it is, check and build nothing.
        pip: pip requirements.
        conda: conda requirements, in conda's spelling, without python.
        channels: conda channels, the first is asked first.
        pip_options: "--extra-index-url URL", "--find-links PLACE", "--pre" and the like, see ``requirements``.
        index_url: package index in place of the workspace's; part of the key.
        constraints: pip requirements that bound what is installed, without asking for it.
        framework: such as "torch==2.1.*"; brings its companions, see :mod:`traindock.images.frameworks`.
        built_after: an environment built before that time (seconds since 1970) is not taken, nor is the submitter's
            interpreter; not part of the key.
        environment_variables: for the job; not part of the key, because nothing is built from them.
        container: what containers are built upon; others leave it aside. Part of the key by the image that it comes to.
        notices: what was changed when the recipe was made, for the build log; not part of the key.

    Raises:
        UserErrorException: a requirement or a version is malformed; the text names it.
    """

    python: str | None = None
    interpreter: str | None = None
    user_managed: bool = False
    pip: tuple[str, ...] = ()
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    pip_options: tuple[str, ...] = ()
    index_url: str | None = None
    constraints: tuple[str, ...] = ()
    framework: str | None = None
    built_after: float | None = None
    environment_variables: Mapping[str, str] = field(default_factory=dict, hash=False)
    container: ContainerBase | None = None
    notices: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        from traindock.images.conda import parse_conda

        for name in ("pip", "conda", "channels", "pip_options", "constraints", "notices"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for text in (*self.pip, *self.constraints):
            parse_requirement(text)
        for text in self.conda:
            parse_conda(text)
        if self.python is not None:
            python_specifier(self.python)
        if self.framework is not None:
            parse_requirement(self.framework)
        variables = {}
        for key, value in self.environment_variables.items():
            if not isinstance(key, str) or not key or "=" in key or "\0" in key or "\0" in str(value):
                raise UserErrorException(f"{key!r}={value!r} cannot be an environment variable")
            variables[key] = str(value)
        object.__setattr__(self, "environment_variables", variables)
        if self.container is not None and not isinstance(self.container, ContainerBase):
            object.__setattr__(self, "container", ContainerBase.from_json(self.container))

    def key(self, contents: Mapping[str, str] = MappingProxyType({}), base: str | None = None) -> str:
        """SHA-256 (hex) of what would be built: spelling and order of packages do not change it, nor do passwords.

        Args:
            contents: what its addresses hold, see :func:`traindock.images.addresses.contents`.
            base: id of the image that it is built upon, for containers.
        """
        from traindock.images.conda import canonical_conda
        from traindock.images.uv import masked

        content: dict[str, object] = {
            "format": _FORMAT,
            "python": None if self.python is None else str(python_specifier(self.python)),
            "interpreter": self.interpreter,
            "user_managed": self.user_managed,
            "pip": sorted({canonical_requirement(text) for text in self.pip}),
            "conda": sorted({canonical_conda(text) for text in self.conda}),
            "channels": self.channels if self.conda else (),
            "pip_options": self.pip_options,
            "index_url": self.index_url and self.index_url.rstrip("/"),
            "framework": self.framework and canonical_requirement(self.framework),
        }
        if self.constraints:
            content["constraints"] = sorted({canonical_requirement(text) for text in self.constraints})
        if contents:
            content["contents"] = dict(contents)
        if base is not None:
            content["base"] = base
        return hashlib.sha256(_canonical(masked(content))).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain JSON values, the same for equal recipes."""
        values = asdict(replace(self, container=None))
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return {**values, "container": self.container and self.container.to_json()}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Recipe:
        """Return the recipe that :meth:`to_json` gave; fields of newer versions are left out.

        Raises:
            UserErrorException: it is no recipe.
        """
        if not isinstance(document, Mapping):
            raise UserErrorException(f"this is no recipe: {document!r:.80}")
        known = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in document.items() if name in known})


def _texts(name: str, values: Iterable[object]) -> tuple[str, ...]:
    if isinstance(values, str):
        raise UserErrorException(f"{name}={values!r} is one text where a list of texts is needed: [{values!r}]")
    texts = tuple(values)
    for value in texts:
        if not isinstance(value, str):
            raise UserErrorException(f"{value!r} among {name} is no text")
    return texts  # type: ignore[return-value]  # each was checked


def _canonical(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
