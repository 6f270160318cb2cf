"""TensorBoard for folders of runs, on a socket that only its user can open: executed by the Jupyter server.

``python -m jupyterlab_traindock.tensorboard_process <socket> <place> <idle seconds> (<name> <run> <folder>)…``: of
each run, which is the path of its folder, it shows a folder, "logs" or "outputs", under a name. It ends by itself once
nobody has asked for so long, and when its standard input is closed, which is when the server ends, however that comes
about.
"""

from __future__ import annotations

import select
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from jupyterlab_traindock.tensorboard_folder import ShownFolder

#: Seconds between two looks for what the run has written.
_RELOAD_SECONDS = 5
#: Of the time, the most that looking for files may take.
_SHARE = 0.1
#: TensorBoard's page takes its fonts for those of the whole server, and all else for what lies beside it.
_AT_THE_ROOT, _BESIDE = b"url(/font-roboto/", b"url(font-roboto/"


def keep_shown(folders: Sequence[ShownFolder]) -> None:
    """Show what the folders have, now and from now on."""

    def refresh() -> float:
        begun = time.monotonic()
        for folder in folders:
            try:
                folder.refresh()
            except OSError as error:  # what a job removes meanwhile, or a disk that is full: the next look may do
                sys.stderr.write(f"{error}\n")
        return time.monotonic() - begun

    def follow(took: float) -> None:
        while True:
            time.sleep(max(_RELOAD_SECONDS / 2, took / _SHARE))
            took = refresh()

    threading.Thread(target=follow, args=[refresh()], daemon=True).start()


def serve(socket: str, place: str, idle_seconds: float) -> None:
    """Serve until nobody asks any more, or the server is gone.

    Args:
        socket: where, a path.
        place: the folder that is shown.
        idle_seconds: how long nobody may have asked.
    """
    from tensorboard import default, program
    from werkzeug.serving import WSGIRequestHandler, make_server
    from werkzeug.wrappers import Response

    asked = time.monotonic()

    class Handler(WSGIRequestHandler):
        """Writes no line for each request, and knows that a socket of this kind has no address."""

        def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002  # as the base class has it
            if type != "info":
                sys.stderr.write(f"{message % args}\n")

        def address_string(self) -> str:
            return "local"

    class Server(program.TensorBoardServer):  # type: ignore[misc]  # TensorBoard has no types
        """Listens on the socket; no port of the machine is opened, which any user of it could ask."""

        def __init__(self, app: Callable[..., Iterable[bytes]], flags: Any) -> None:
            def noted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
                nonlocal asked
                asked = time.monotonic()
                environ["REMOTE_ADDR"] = "local"
                if environ["PATH_INFO"] != "/":
                    return app(environ, start_response)
                environ.pop("HTTP_ACCEPT_ENCODING", None)
                page = Response.from_app(app, environ, buffered=True)
                page.set_data(page.get_data().replace(_AT_THE_ROOT, _BESIDE))
                return page(environ, start_response)

            self._server = make_server(f"unix://{socket}", 0, noted, threaded=True, request_handler=Handler)

        def serve_forever(self) -> None:
            self._server.serve_forever()

        def get_url(self) -> str:
            return f"unix://{socket}"

    board = program.TensorBoard(default.get_plugins(), server_class=Server)
    arguments = {
        "logdir": place,
        # The quick loader is a program that listens on a port of the machine, for whoever asks it.
        "load_fast": "false",
        "reload_interval": _RELOAD_SECONDS,
        # The processes of one training write a file each, beside each other.
        "reload_multifile": True,
        "window_title": "TensorBoard",
    }
    board.configure(argv=("tensorboard",), **arguments)
    board.launch()
    while (left := asked + idle_seconds - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0]:
            return


if __name__ == "__main__":
    socket_path, shown, idle, *named = sys.argv[1:]
    triples = zip(named[::3], named[1::3], named[2::3], strict=True)
    keep_shown([ShownFolder(Path(shown, name), Path(run), folder) for name, run, folder in triples])
    serve(socket_path, shown, float(idle))
