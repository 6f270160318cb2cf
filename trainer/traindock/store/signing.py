"""Signatures: a run is launched only if this user submitted it to this workspace.

A workspace is a folder that may come from anywhere, and a run in it names a script to execute. So each submit is
signed with a key that lies outside all workspaces, readable by its user only.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from traindock.errors import StoreException
from traindock.store.files import canonical_json


class Signature(Enum):
    """What the signature of a run says."""

    VALID = "valid"  # submitted by this user to this workspace
    COPIED = "copied"  # submitted by this user to the workspace that this one is a copy of
    INVALID = "invalid"  # not submitted by this user


def sign(document: dict[str, Any]) -> str:
    """Return the signature of ``document`` (without its ``"signature"``), 64 hex digits."""
    body = {name: value for name, value in document.items() if name != "signature"}
    return hmac.new(_user_key(), canonical_json(body), hashlib.sha256).hexdigest()


def check(document: dict[str, Any], workspace_id: str, previous_ids: tuple[str, ...] = ()) -> Signature:
    """Check a signed document that names its workspace under ``"workspace"``."""
    given = document.get("signature")
    try:
        expected = sign(document)
    except (ValueError, TypeError):
        return Signature.INVALID
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), expected.encode()):
        return Signature.INVALID
    if document.get("workspace") == workspace_id:
        return Signature.VALID
    return Signature.COPIED if document.get("workspace") in previous_ids else Signature.INVALID


def key_fingerprint() -> str:
    """Eight hex digits that tell keys apart without giving them away."""
    return hashlib.sha256(b"fingerprint" + _user_key()).hexdigest()[:8]


def _user_key() -> bytes:
    return _load_key(_key_path())


def _key_path() -> Path:
    from platformdirs import user_config_path

    return user_config_path("traindock") / "signing.key"


@cache
def _load_key(path: Path) -> bytes:
    try:
        return _read_key(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise StoreException(f"the signing key {path} cannot be read: {error.strerror}") from error
    try:
        _make_key(path)
    except OSError as error:
        raise StoreException(
            f"the signing key {path}, which says that a run is yours, cannot be made: {error.strerror}. Make its "
            "folder one that you can write into, or name another configuration folder by XDG_CONFIG_HOME"
        ) from error
    return _read_key(path)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        # Of several first processes one wins: link() fails where replace() would overwrite.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _read_key(path: Path) -> bytes:
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise StoreException(
                f"the signing key {path} is open to others: set its owner to you and its mode to 600, "
                "or delete it (runs submitted with it will then no longer be launched)"
            )
        text = file.read().strip()
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise StoreException(f"the signing key {path} is damaged: delete it, and a new one is made")
    return key
