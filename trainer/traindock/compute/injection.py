"""The folder put on a job's ``PYTHONPATH``: the standard-library-only ``traindock`` that scripts import there."""

from __future__ import annotations

import compileall
import hashlib
import os
import secrets
import shutil
from functools import cache
from pathlib import Path

from traindock import runtime
from traindock.errors import StoreException
from traindock.store.layout import WorkspaceLayout


def injected_folder(workspace: WorkspaceLayout) -> Path:
    """Return the folder that holds, once :func:`inject` was called, ``runtime`` as a package named ``traindock``."""
    return workspace.runtime / _content_key(Path(runtime.__file__).parent)


def inject(workspace: WorkspaceLayout) -> None:
    """Make :func:`injected_folder`, once for each content.

    Raises:
        StoreException: the disk refuses.
    """
    source = Path(runtime.__file__).parent
    target = injected_folder(workspace)
    if not (target / "traindock").is_dir():
        temporary = workspace.runtime / f".new-{secrets.token_hex(4)}"
        try:
            (temporary / "traindock").mkdir(parents=True)
            for file in source.glob("*.py"):
                shutil.copyfile(file, temporary / "traindock" / file.name)
            # Jobs in containers cannot write here, and each would compile all that it imports, launcher included.
            compileall.compile_dir(temporary, quiet=2)
            try:
                os.rename(temporary, target)  # noqa: PTH104 (of several processes one wins; replace() would overwrite)
            except OSError:
                shutil.rmtree(temporary)
                if not (target / "traindock").is_dir():
                    raise
        except OSError as error:
            raise StoreException(f"cannot write {target}: {error.strerror}") from error


@cache
def _content_key(source: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(source.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
