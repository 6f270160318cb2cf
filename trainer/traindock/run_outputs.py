"""What a run has left and what is added to it: files out and in, and models made of them."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from traindock import run_details
from traindock.errors import RunNotSignedException
from traindock.run_facts import RunFacts
from traindock.runtime.files import RunFiles, pairs
from traindock.store import run_files
from traindock.store.ownership import check_writable

if TYPE_CHECKING:
    from traindock.model import Model

PathLike: TypeAlias = str | os.PathLike[str]


class RunOutputs(RunFacts):
    """The part of :class:`traindock.Run` that deals with files."""

    def get_file_names(self) -> builtins.list[str]:
        """Return the names of the run's files: ``outputs/…``, ``logs/…``, and uploads under their own names."""
        return run_files.list_files(self._folder.layout)

    def download_file(self, name: str, output_file_path: PathLike | None = None) -> None:
        """Copy one file out of the run.

        Args:
            name: as :meth:`get_file_names` gives it.
            output_file_path: where to; a folder gets the file under its own name; default: the current folder.
                Missing folders are made.

        Raises:
            UserErrorException: there is no such file, or the name leads out of the run.
        """
        with run_details.wait_first(self):
            run_files.download(self._folder.layout, name, output_file_path)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: PathLike | None = None,
        output_paths: Sequence[PathLike] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copy all files whose names begin with ``prefix``; see :meth:`download_file`.

        Args:
            prefix: all files if it is None.
            output_directory: default: the current folder.
            output_paths: a path for each file, in the order of :meth:`get_file_names`.
            batch_size: accepted for old notebooks.
            append_prefix: keep the prefix in the paths.
            timeout_seconds: accepted for old notebooks.
        """
        with run_details.wait_first(self):
            run_files.download_files(
                self._folder.layout, prefix, output_directory, output_paths=output_paths, append_prefix=append_prefix
            )

    def get_all_logs(self, destination: PathLike | None = None) -> builtins.list[str]:
        """Copy all logs into ``destination`` (default: the current folder), and return their paths."""
        target = Path(destination if destination is not None else ".")
        names = [name for name in self.get_file_names() if name.startswith("logs/")]
        for name in names:
            self.download_file(name, target / name)
        return [str(target / name) for name in names]

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Add a file to a run that has not ended.

        Args:
            name: what it is called in the run.
            path_or_stream: a path, or an object with ``read``; text that it gives is stored as UTF-8.
            datastore_name: accepted for old notebooks.

        Raises:
            UserErrorException: the run has ended, the name is taken or not allowed, or there is no such file.
            RunNotSignedException: you did not submit the run.
            StoreException: the disk is full or refuses; nothing half written stays.
        """
        if not self.signed:
            raise RunNotSignedException(f"run {self.id} was not submitted by you, so nothing can be added to it")
        check_writable(self.workspace.layout)
        run_files.upload(self._folder.layout, name, path_or_stream)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[PathLike],
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
    ) -> None:
        """Add several files: each path under the name at its place; see :meth:`upload_file`.

        Args:
            names: what they are called in the run.
            paths: where they are, as many.
            return_artifacts: accepted for old notebooks.
            timeout_seconds: accepted for old notebooks.
        """
        for name, path in pairs(names, paths).items():
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: PathLike) -> None:
        """Add all files of a folder, under names below ``name``; see :meth:`upload_file`."""
        layout = self._folder.layout
        files = RunFiles(str(layout.outputs), str(layout.logs), str(layout.uploads))
        for file, source in files.folder(name, path):
            self.upload_file(file, source)

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Iterable[Any] | None = None,
        **ignored: object,
    ) -> Model:
        """Make a file or a folder of this run the next version of a model.

        Args:
            model_name: 1 to 255 letters, digits, ``-``, ``.`` or ``_``.
            model_path: a name, or the beginning of names, as :meth:`get_file_names` gives them; default: the
                model's name.
            tags: free strings.
            properties: strings that never change.
            model_framework: for example "PyTorch".
            model_framework_version: its version.
            description: free text.
            datasets: the data it was trained on, for its lineage: names, or (purpose, data set) pairs.
            **ignored: accepted for old notebooks.

        Raises:
            UserErrorException: the name is not allowed.
            ModelPathNotFoundException: nothing lies under ``model_path``; the text lists what there is.
        """
        from traindock.model import Model

        with run_details.wait_first(self):
            return Model.register_from_run(
                self,
                model_name,
                model_path,
                tags=tags,
                properties=properties,
                model_framework=model_framework,
                model_framework_version=model_framework_version,
                description=description,
                datasets=datasets,
            )
