"""What a training script can do with the files of its run."""

from __future__ import annotations

import os

from .base_log import Logging
from .files import chosen, pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Iterable, List, Sequence


class Files(Logging):
    """The part of a run that stores files and gives them back."""

    @property
    def path(self) -> Path:
        """The folder that the run's ``outputs`` and ``logs`` lie in for its script: the job's working directory.

        From outside it is the run's own folder, where they lie once the run has ended.
        """
        raise self._unavailable()

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Store a file with the run.

        Args:
            name: relative, with forward slashes; ``outputs/…`` and ``logs/…`` are the script's own folders.
            path_or_stream: a path, or an object with ``read``; text that it gives is stored as UTF-8.
            datastore_name: accepted for old scripts.

        Raises:
            UserErrorException: the name leads out of the run or is taken, there is no such file, or what is read
                is neither bytes nor text.
            StoreException: the disk refuses to take it.
        """
        raise self._unavailable()

    def upload_files(
        self,
        names: Iterable[str],
        paths: Iterable[Any],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        """Store several files: each path under the name at its place.

        Raises:
            UserErrorException: not as many names as paths, and what :meth:`upload_file` raises.
        """
        for name, path in pairs(names, paths).items():
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: Any) -> None:
        """Store all files of a folder below ``name``.

        Raises:
            UserErrorException: there is no such folder, and what :meth:`upload_file` raises.
        """
        raise self._unavailable()

    def get_file_names(self) -> List[str]:
        """Return the names of the run's files, sorted: ``outputs/…``, ``logs/…`` and uploads.

        ``logs/stdout.txt`` is what the job has printed, ``logs/build.txt`` how its environment was built.
        """
        raise self._unavailable()

    def download_file(self, name: str, output_file_path: Any = None) -> None:
        """Copy a file of the run.

        Args:
            name: one of :meth:`get_file_names`.
            output_file_path: where to; an existing folder gets the file under its own name. Default: here.

        Raises:
            ModelPathNotFoundException: the run has no such file; the text lists those it has.
        """
        raise self._unavailable()

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: Any = None,
        output_paths: Sequence[Any] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copy all files of the run whose names begin with ``prefix``; see :meth:`download_file`.

        Args:
            prefix: all files if it is None.
            output_directory: default: the current folder.
            output_paths: a path for each file, in the order of :meth:`get_file_names`.
            batch_size: accepted for old scripts.
            append_prefix: keep the prefix in the paths.
            timeout_seconds: accepted for old scripts.

        Raises:
            ModelPathNotFoundException: no name begins so; the text lists those there are.
            UserErrorException: there are not as many ``output_paths`` as files.
        """
        for name, path in chosen(self.get_file_names(), prefix, output_directory, output_paths, append_prefix):
            self.download_file(name, path)

    def get_all_logs(self, destination: Any = None) -> List[str]:
        """Copy all logs into ``destination`` (default: the current folder), and return their paths."""
        names = [name for name in self.get_file_names() if name.startswith("logs/")]
        paths = [os.path.join("." if destination is None else os.fspath(destination), name) for name in names]
        for name, path in zip(names, paths):
            self.download_file(name, path)
        return paths
