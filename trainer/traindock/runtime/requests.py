"""What a job asks of the dispatcher: request and reply files in ``requests/``.

A request is ``<id>.json``, written under a temporary name and renamed, so that a reader never meets half of one:
``{"request": "...", "id": "<id>", "t": <seconds>, …arguments}``. Where an answer is needed, the dispatcher writes
``<id>.reply.json``: ``{"ok": true, "result": {...}}``, or ``{"ok": false, "error": {"type": "...", "message":
"..."}}`` with the name of an exception class.

Requests, their arguments and results:

==================  ==============================================  ===============================================
``tag``             tags: {key: text}                               no answer
``remove_tags``     keys: [key]                                     no answer
``properties``      properties: {key: text}                         no answer
``display_name``    value: text                                     no answer
``description``     value: text                                     no answer
``register_model``  model_name, model_path, tags, properties,       name, version, id, and what else a model has
                    description, model_framework, …
``model``           name, version (None: the newest)                name, version, root, folder, files: path, mode
                                                                    and sha256 of each
``child_run``       name, run_id                                    environment: the child's ``TRAINDOCK_…``
``create_children`` count, or tag_key and tag_values                environments: one for each child
``end_child``       run, exit: how it ended, see ``launcher``       no answer
==================  ==============================================  ===============================================

Each may hold ``run``, the id of a child that this job has made: then it is about that one.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from .errors import StoreException, TraindockError, from_reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

#: Seconds between looks for a reply, at first and at most: no inotify in the standard library.
_FIRST_LOOK, _LAST_LOOK = 0.005, 0.1

#: Time of the last request's id, in 1/4096 ms since 1970: the next one's is later, whatever the clock says.
_last_stamp = 0


def send(folder: str, request: str, **arguments: Any) -> str:
    """Write one request and return its id.

    Args:
        folder: the run's ``requests`` folder.
        request: what is asked, see the table above.
        arguments: its arguments, JSON values.

    Raises:
        StoreException: it cannot be written, for instance because the disk is full.
    """
    import json

    identifier = _new_id()
    text = json.dumps({"request": request, "id": identifier, "t": time.time(), **arguments})
    path = os.path.join(folder, identifier + ".json")
    temporary = os.path.join(folder, "." + identifier + ".tmp")
    try:
        os.makedirs(folder, exist_ok=True)
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
        os.rename(temporary, path)
    except OSError as error:
        with suppress(OSError):  # perhaps it was never made
            os.unlink(temporary)
        raise StoreException(f"the request {request!r} cannot be written to {folder}: {error}") from error
    return identifier


def ask(folder: str, request: str, timeout: float, **arguments: Any) -> Dict[str, Any]:
    """Write one request, wait for its reply and return the result.

    Args:
        folder: the run's ``requests`` folder.
        request: what is asked, see the table above.
        timeout: how many seconds to wait.
        arguments: its arguments, JSON values.

    Raises:
        StoreException: the request cannot be written.
        TraindockError: the dispatcher refused, with the class it names, or did not answer in time.
    """
    import json

    identifier = send(folder, request, **arguments)
    path = os.path.join(folder, identifier + ".reply.json")
    deadline = time.monotonic() + timeout
    pause = _FIRST_LOOK
    while True:
        try:
            with open(path, encoding="utf-8") as file:
                reply = json.load(file)
            break
        except FileNotFoundError:
            pass  # not yet
        except ValueError as error:
            raise TraindockError(f"the reply to {request!r} cannot be read: {error} ({path})") from error
        if time.monotonic() >= deadline:
            raise TraindockError(
                f"no answer to {request!r} within {timeout:g} s: the workspace's dispatcher seems not to be "
                "running. The request stays, and is served when the dispatcher is back."
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LAST_LOOK)
    if not isinstance(reply, dict) or reply.get("ok") is not True:
        given = reply.get("error") if isinstance(reply, dict) else None
        refusal = given if isinstance(given, dict) else {}
        message = str(refusal.get("message", f"the dispatcher refused {request!r}"))
        raise from_reply(str(refusal.get("type", "TraindockError")), message)
    result = reply.get("result")
    return result if isinstance(result, dict) else {"value": result}


def _new_id() -> str:
    """Return a UUID, version 7 (RFC 9562, section 6.2, method 3): in the order of the requests, also within a tick.

    Made by hand: importing the module takes 8 ms, and has no version 7 before Python 3.14.
    """
    global _last_stamp
    # Without a lock, which a fork might find taken for ever: threads have no order among each other.
    _last_stamp = stamp = max(time.time_ns() * 4096 // 1_000_000, _last_stamp + 1)
    raw = bytearray(((stamp >> 12) << 16 | 0x7000 | stamp & 0xFFF).to_bytes(8, "big") + os.urandom(8))
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
