"""What an environment says of the container it is for: base image, Dockerfile, system packages, registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from traindock.compute.node_shapes import memory_bytes_of
from traindock.errors import UserErrorException
from traindock.images.container_base import ContainerBase
from traindock.images.dockerfile_text import begins_like_one, names_base

_SHM_SIZE: Final = "2g"


@dataclass(slots=True)
class ContainerRegistry:
    """Where a base image comes from, and who asks for it.

    Attributes:
        address: such as "registry.example.org".
        username: who asks.
        password: their password; never shown.
    """

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def url(self) -> str | None:
        """Address and credentials as one URL; None where nothing is set."""
        if not (self.address or self.username):
            return None
        scheme, _, address = (self.address or "").rpartition("://")
        user = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}@" if self.username else ""
        return f"{scheme or 'https'}://{user}{address.strip('/')}"


@dataclass(slots=True)
class DockerBuildContext:
    """A folder with a Dockerfile and the files that it copies.

    Attributes:
        location: the folder.
        dockerfile_path: the Dockerfile, relative to it.
    """

    location: str
    dockerfile_path: str = "Dockerfile"

    @classmethod
    def from_local_directory(
        cls, workspace: object, path: str | Path | None = None, dockerfile_path: str = "Dockerfile"
    ) -> DockerBuildContext:
        """Name a folder of this machine.

        Args:
            workspace: the folder itself; as with Azure ML a workspace may come before it, which is not needed.
            path: the folder, where a workspace comes before it.
            dockerfile_path: the Dockerfile, relative to the folder.

        Raises:
            UserErrorException: there is no such folder, or no Dockerfile in it.
        """
        folder = Path(str(workspace) if path is None else path).expanduser().absolute()
        if not folder.is_dir():
            raise UserErrorException(f"the build context {str(folder)!r} is no folder")
        made = cls(str(folder), dockerfile_path)
        made.text()
        return made

    def text(self) -> str:
        """The Dockerfile's text.

        Raises:
            UserErrorException: there is no such file.
        """
        return _read_dockerfile(Path(self.location, self.dockerfile_path))


@dataclass(slots=True)
class DockerSection:
    """What container compute targets start from; others leave it aside.

    Of ``base_image``, ``base_dockerfile`` and ``build_context`` one may be set. Where none is, containers start from
    the workspace's image for the Python that is asked for.

    Attributes:
        enabled: kept for old notebooks; the compute target decides.
        base_image: image to build upon.
        base_dockerfile: text of a Dockerfile, or path of one; it has no files to copy.
        build_context: folder with a Dockerfile and files.
        apt_packages: packages of Debian or Ubuntu to install in the image first.
        base_image_registry: where ``base_image`` comes from, if not from where the engine looks by itself.
        shm_size: size of the shared memory, such as "2g".
        arguments: as for ``docker run``; of these "--shm-size" is used, and a run's warnings name the others.
        gpu_support: kept for old notebooks; the run decides.
    """

    enabled: bool = False
    base_image: str | None = None
    base_dockerfile: str | Path | None = None
    build_context: DockerBuildContext | None = None
    apt_packages: list[str] = field(default_factory=list)
    base_image_registry: ContainerRegistry = field(default_factory=ContainerRegistry)
    shm_size: str = _SHM_SIZE
    arguments: list[str] = field(default_factory=list)
    gpu_support: bool | None = None

    @property
    def names_base(self) -> bool:
        """Whether it says what to build upon."""
        return any(value is not None for value in (self.base_image, self.base_dockerfile, self.build_context))

    def to_container_base(self) -> ContainerBase | None:
        """The section as a value, for building; None where it says nothing.

        Raises:
            UserErrorException: a name or a size is not valid, a file is missing, or more than one base is named.
        """
        given = ("base_image", "base_dockerfile", "build_context")
        named = [name for name in given if getattr(self, name) is not None]
        if len(named) > 1:
            raise UserErrorException(f"docker.{' and docker.'.join(named)} are both set: leave one of them")
        if isinstance(self.apt_packages, str):
            raise UserErrorException(f"docker.apt_packages is a list of texts: [{self.apt_packages!r}]")
        dockerfile = context = path = None
        if self.base_dockerfile is not None:
            dockerfile = dockerfile_text(self.base_dockerfile)
        elif self.build_context is not None:
            dockerfile, context = self.build_context.text(), self.build_context.location
            path = self.build_context.dockerfile_path
        made = ContainerBase(
            image=self.base_image,
            dockerfile=dockerfile,
            context=context,
            dockerfile_path=path,
            apt=tuple(self.apt_packages),
            registry=self.base_image_registry.url(),
            shm_size=None if self.shm_size == _SHM_SIZE else self.shm_size,
            arguments=tuple(self.arguments),
        )
        _check_shared_memory(made.shared_memory)
        return None if made == ContainerBase() else made

    @classmethod
    def from_container_base(cls, container: ContainerBase | None) -> DockerSection:
        """The section that :meth:`to_container_base` made ``container`` of."""
        if container is None:
            return cls()
        parts = urlsplit(container.registry or "")
        registry = ContainerRegistry(
            parts.netloc.rpartition("@")[2] + parts.path or None,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )
        made = cls(
            base_image=container.image,
            apt_packages=list(container.apt),
            base_image_registry=registry,
            shm_size=container.shm_size or _SHM_SIZE,
            arguments=list(container.arguments),
        )
        if container.context is not None:
            made.build_context = DockerBuildContext(container.context, container.dockerfile_path or "Dockerfile")
        else:
            made.base_dockerfile = container.dockerfile
        return made


def _check_shared_memory(size: str | None) -> None:
    try:
        memory_bytes_of(_SHM_SIZE if size is None else size)
    except UserErrorException:
        raise UserErrorException(
            f'docker.shm_size (--shm-size) is a size of 16m or more, such as "2g" or "512m", not {size!r}'
        ) from None


def dockerfile_text(text_or_path: str | Path) -> str:
    """The text of a Dockerfile that is given as text or by its path.

    Raises:
        UserErrorException: it is neither, or has no FROM; the text says so.
    """
    text = str(text_or_path)
    if not text.strip():
        raise UserErrorException(
            f"base_dockerfile is empty ({text!r}): give a Dockerfile's text or path, or None for the workspace's image"
        )
    if isinstance(text_or_path, Path) or not ("\n" in text.strip() or begins_like_one(text)):
        return _read_dockerfile(Path(text).expanduser())
    if not names_base(text):
        raise UserErrorException(f"the Dockerfile has no FROM line, which names the image to start from: {text!r:.80}")
    return text


def _read_dockerfile(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserErrorException(f"the Dockerfile {str(path)!r} cannot be read: {why}") from error
    if not names_base(text):
        raise UserErrorException(f"the Dockerfile {str(path)!r} has no FROM line, which names the image to start from")
    return text
