"""Runs: listed, submitted, planned, looked at, changed, ended."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from jupyter_server.auth.decorator import authorized
from tornado.httputil import HTTPInputError, ParseMultipartConfig, parse_multipart_form_data
from tornado.web import authenticated, stream_request_body

from jupyterlab_traindock import json_text
from jupyterlab_traindock.errors import invalid
from jupyterlab_traindock.handlers.base import ApiHandler, executing, too_large
from traindock.source_tree import GivenUp

Files = Mapping[str, bytes]

#: Most files that come with a request, as the OpenAPI document has it.
MAX_FILES: Final = 10_000
#: Besides the files there is the configuration, and tornado counts what stands before the first part.
_PARTS: Final = ParseMultipartConfig(max_parts=MAX_FILES + 2)


@stream_request_body
class _SubmitHandler(ApiHandler):
    """Takes a run configuration, as JSON or as a form with files."""

    @property
    def body_limit(self) -> int:
        """Files may come with it."""
        kind = self.request.headers.get("Content-Type", "")
        return self.app.max_upload_bytes if kind.startswith("multipart/form-data") else self.app.max_body_bytes

    async def configuration(self) -> tuple[dict[str, Any], Files | None]:
        """Return the configuration, and the files by path where such came with it.

        Raises:
            ApiError: 400 or 413.
        """
        kind = self.request.headers.get("Content-Type", "")
        if not kind.startswith("multipart/form-data"):
            return await self.document(), None
        return await self.off_loop(self._form, kind)

    def _form(self, kind: str) -> tuple[dict[str, Any], Files]:
        texts: dict[str, list[bytes]] = {}
        parts: dict[str, list[Any]] = {}
        _, _, boundary = kind.partition("boundary=")
        try:
            edge = boundary.partition(";")[0].strip().encode()
            parse_multipart_form_data(edge, self.body, texts, parts, config=_PARTS)
        except (HTTPInputError, ValueError) as error:
            raise invalid(f"the body is no form with at most {MAX_FILES:,} files: {error}") from None
        files = {file["filename"]: file["body"] for file in parts.pop("files", [])}
        configurations = [*texts.pop("configuration", []), *(one["body"] for one in parts.pop("configuration", []))]
        if len(configurations) != 1 or texts or parts:
            raise invalid('a form has one part "configuration", in JSON, and parts "files", whose filename is the path')
        if len(configurations[0]) > self.app.max_body_bytes:
            raise too_large('the part "configuration"', self.app.max_body_bytes)
        return self.parsed(configurations[0], "RunConfigurationOfFiles"), files


@stream_request_body
class RunsHandler(_SubmitHandler):
    """The runs of a workspace."""

    path = "/workspaces/{workspace}/runs"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List them."""
        asked = self.arguments()
        # A list is plain as it is; to look at each of its numbers would take as long as to ask the index for them.
        self.finish(await self.off_loop(lambda: json_text.of_plain(self.managers.runs.list(asked))))

    @authenticated
    @executing
    async def post(self, **_: str) -> None:
        """Submit one."""
        workspace = self.arguments()["workspace"]
        configuration, files = await self.configuration()
        run = await self.off_loop(self.managers.submits.submit, workspace, configuration, files)
        url = self.url("workspaces", workspace, "runs", run.id)
        self.set_header("Location", url)
        described = await self.off_loop(self.managers.runs.described, run)
        await self.answer({"url": url, "run": described}, HTTPStatus.ACCEPTED)


@stream_request_body
class RunGroupsHandler(ApiHandler):
    """Runs by what they have in common."""

    path = "/workspaces/{workspace}/run-groups"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """List the groups."""
        await self.answer_with(self.managers.runs.groups, self.arguments())


@stream_request_body
class PlansHandler(_SubmitHandler):
    """What a submit would do."""

    path = "/workspaces/{workspace}/plans"

    def initialize(self, name: str) -> None:
        """Take what the route says."""
        super().initialize(name)
        self._is_wanted = True

    def on_connection_close(self) -> None:
        """Give the plan up: a page that wants another one has hung up."""
        self._is_wanted = False
        super().on_connection_close()

    @authenticated
    @executing
    async def post(self, **_: str) -> None:
        """Say so, and do nothing."""
        workspace = self.arguments()["workspace"]
        configuration, files = await self.configuration()
        with contextlib.suppress(GivenUp):
            await self.answer_with(self.managers.submits.plan, workspace, configuration, files, lambda: self._is_wanted)


@stream_request_body
class RunHandler(ApiHandler):
    """One run."""

    path = "/workspaces/{workspace}/runs/{run}"

    @authenticated
    @authorized
    async def get(self, **_: str) -> None:
        """Tell everything about it."""
        asked = self.arguments()
        await self.answer_with(self.managers.runs.get, asked["workspace"], asked["run"])

    @authenticated
    @authorized
    async def patch(self, **_: str) -> None:
        """Change its name, description or tags."""
        asked, changes = self.arguments(), await self.document()
        await self.answer_with(self.managers.runs.change, asked["workspace"], asked["run"], changes)

    @authenticated
    @authorized
    async def delete(self, **_: str) -> None:
        """Delete it, if it has ended."""
        asked = self.arguments()
        delete, children = self.managers.runs.delete, asked["with_children"]
        await self.off_loop(delete, asked["workspace"], asked["run"], with_children=children)
        self.answer_nothing()


@stream_request_body
class CancelHandler(ApiHandler):
    """The end of a run."""

    path = "/workspaces/{workspace}/runs/{run}/cancel"

    @authenticated
    @authorized
    async def post(self, **_: str) -> None:
        """Ask for it; the run's state tells when it is done."""
        asked = self.arguments()
        run = await self.off_loop(self.managers.runs.cancel, asked["workspace"], asked["run"])
        await self.answer(run, HTTPStatus.ACCEPTED)


@stream_request_body
class ResubmitHandler(ApiHandler):
    """A run once more."""

    path = "/workspaces/{workspace}/runs/{run}/resubmit"

    @authenticated
    @executing
    async def post(self, **_: str) -> None:
        """Submit it."""
        asked, changes = self.arguments(), await self.document()
        run = await self.off_loop(self.managers.runs.resubmit, asked["workspace"], asked["run"], changes)
        url = self.url("workspaces", asked["workspace"], "runs", run["id"])
        self.set_header("Location", url)
        await self.answer({"url": url, "run": run}, HTTPStatus.ACCEPTED)


HANDLERS = (RunsHandler, RunGroupsHandler, PlansHandler, RunHandler, CancelHandler, ResubmitHandler)
