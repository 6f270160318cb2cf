"""The JupyterLab side of Traindock: the server extension that the sidebar, the run card and any script talk to."""

from __future__ import annotations

from traindock._version import __version__

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell Jupyter Server what to load; the name is its convention."""
    from jupyterlab_traindock.app import TraindockApp

    return [{"module": "jupyterlab_traindock", "app": TraindockApp}]
