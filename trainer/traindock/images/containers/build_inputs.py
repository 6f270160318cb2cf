"""What a builder of images is given: the Dockerfile with its files, and how to build it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, cast

from traindock.errors import EnvironmentBuildException

#: Name of the Dockerfile in a context's archive; the folder may have one of its own.
DOCKERFILE: Final = ".traindock.Dockerfile"
#: Larger files of a context count by size and time, in bytes.
_READ: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a builder is given.

    Attributes:
        dockerfile: its text.
        folder: absolute path of the folder that it may copy from; None for none.
        files: further files by name, in place of a folder.
    """

    dockerfile: str
    folder: str | None
    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)

    def digest(self) -> str:
        """SHA-256 (hex) of all of it.

        Raises:
            EnvironmentBuildException: the folder cannot be read.
        """
        digest = hashlib.sha256(self.dockerfile.encode())
        for path in self._paths():
            file = Path(self.folder or "", path)
            try:
                status = file.lstat()
                if file.is_symlink():
                    holds = os.fsencode(file.readlink())
                elif not file.is_file():
                    holds = b""
                elif status.st_size <= _READ:
                    holds = hashlib.sha256(file.read_bytes()).digest()
                else:
                    holds = f"{status.st_size} {status.st_mtime_ns}".encode()
            except OSError as error:
                raise EnvironmentBuildException(
                    f"{file} of the Dockerfile's context cannot be read: {error}"
                ) from error
            digest.update(b"\0".join((os.fsencode(path), oct(status.st_mode & 0o777).encode(), holds, b"")))
        return digest.hexdigest()

    def archive(self) -> IO[bytes]:
        """A tar archive of it, for the classic builder."""
        from docker.utils.build import tar

        if self.folder is None:
            from traindock.images.containers.engine_work import archive

            file = tempfile.TemporaryFile()  # noqa: SIM115 - the sender closes it
            file.write(archive({**self.files, DOCKERFILE: (self.dockerfile.encode(), 0o644)}))
            file.seek(0)
            return file
        made = tar(Path(self.folder), exclude=self._ignored(), dockerfile=(DOCKERFILE, self.dockerfile))
        return cast("IO[bytes]", made)

    @contextlib.contextmanager
    def written(self) -> Iterator[tuple[str, str]]:
        """Path of a folder with it, and of the Dockerfile, for ``docker buildx``."""
        with tempfile.TemporaryDirectory(prefix="traindock-build-") as name:
            folder = Path(name, "context")
            folder.mkdir()
            for path, (content, mode) in self.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
                (folder / path).chmod(mode)
            dockerfile = Path(name, "Dockerfile")
            dockerfile.write_text(self.dockerfile, "utf-8")
            yield self.folder or str(folder), str(dockerfile)

    def _paths(self) -> list[str]:
        if self.folder is None:
            return []
        from docker.utils.build import exclude_paths

        if not Path(self.folder).is_dir():
            raise EnvironmentBuildException(f"the folder {self.folder} that the Dockerfile copies from does not exist")
        return sorted(path for path in exclude_paths(self.folder, self._ignored()) if path)

    def _ignored(self) -> list[str]:
        try:
            lines = Path(self.folder or "", ".dockerignore").read_text("utf-8").splitlines()
        except OSError:
            return []
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """How images are built.

    Attributes:
        proxies: values of HTTP_PROXY and the like, for the steps.
        network: of the steps; None for the engine's default.
        secrets: contents by id, for builders that can mount them.
        variables: the environment of the command line.
    """

    proxies: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    variables: Mapping[str, str] | None = None
