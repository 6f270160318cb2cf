"""Scripts that may be submitted, or were."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado.web import authenticated

from jupyterlab_traindock.handlers.base import ApiHandler, executing


class ScriptOptionsHandler(ApiHandler):
    """The options of a script."""

    path = "/scripts/options"

    @authenticated
    @executing
    async def get(self) -> None:
        """Read them from its text."""
        await self.answer_with(self.managers.scripts.options, self.arguments()["path"])


class RunScriptOptionsHandler(ApiHandler):
    """The options of the script of a run."""

    path = "/workspaces/{workspace}/runs/{run}/script-options"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Read them from its text, as it was submitted."""
        asked = self.arguments()
        await self.answer_with(self.managers.scripts.options_of_run, asked["workspace"], asked["run"])


HANDLERS = (ScriptOptionsHandler, RunScriptOptionsHandler)
