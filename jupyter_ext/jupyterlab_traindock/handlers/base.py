"""What all handlers share: who may ask, what was asked, where the work is done, and how errors are told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, stream_request_body

from jupyterlab_traindock import api_document, json_text
from jupyterlab_traindock.app import TraindockApp
from jupyterlab_traindock.errors import ApiError, invalid, of_exception
from jupyterlab_traindock.managers import Managers

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])

#: Under this name the server's authorizer knows all of the API.
AUTH_RESOURCE = "traindock"


def executing(method: Method) -> Method:
    """Let only those do it who may have programs executed on this server."""
    return cast("Method", authorized(action="execute")(method))


def reading(method: Method) -> Method:
    """Let those do it who may read, whatever the method of HTTP is called."""
    return cast("Method", authorized(action="read")(method))


@stream_request_body
class ApiHandler(ExtensionHandlerMixin, APIHandler):
    """A handler of one path of the OpenAPI document.

    Bodies are received piece by piece, so that one that is too large is never held.
    """

    auth_resource = AUTH_RESOURCE

    #: The path, as the document has it.
    path: ClassVar[str]

    def initialize(self, name: str) -> None:
        """Take what the route says."""
        super().initialize(name)
        self._pieces: list[bytes] = []
        self._received = 0
        self._refusal: asyncio.Task[None] | None = None

    # -- what was asked --------------------------------------------------------------------------------------

    @property
    def app(self) -> TraindockApp:
        """The extension."""
        return cast("TraindockApp", self.extensionapp)

    @property
    def managers(self) -> Managers:
        """What does the work."""
        return self.app.managers

    @property
    def body_limit(self) -> int:
        """Most bytes that the body may have."""
        return self.app.max_body_bytes

    async def prepare(self) -> None:  # type: ignore[override]  # as APIHandler does
        """Check who asks, and that the body is not too large."""
        await super().prepare()
        length = self.request.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self.body_limit:
            raise self._too_large()

    def data_received(self, chunk: bytes) -> None:
        """Take a piece of the body, unless there are too many."""
        self._received += len(chunk)
        if self._received <= self.body_limit:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            ApiError: 413, where it is too large.
        """
        if self._received > self.body_limit:
            raise self._too_large()
        return b"".join(self._pieces)

    def arguments(self) -> dict[str, Any]:
        """Return the parameters of the path and the query by name, as the document has them.

        Raises:
            ApiError: 400, where they do not fit it.
        """
        query: dict[str, list[str]] = {}
        for name, values in self.request.query_arguments.items():
            try:
                query[name] = [value.decode("utf-8") for value in values]
            except UnicodeDecodeError:
                raise invalid(f"{name}: {values[-1]!r:.80} is not UTF-8") from None
        return self._operation.arguments(self.path_kwargs, query)

    async def document(self) -> Any:
        """Return the JSON body, which fits the document; an empty object where none is needed and none came.

        A thread reads and checks it: of a large one this takes longer than others would wait.

        Raises:
            ApiError: 400 or 413.
        """
        return await self.off_loop(self._document)

    def _document(self) -> Any:
        body = self.body
        if not body and not self._operation.body_required:
            return {}
        kind = self.request.headers.get("Content-Type", "application/json").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise ApiError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "invalid_request", f"the body is {kind!r}, and not application/json"
            )
        return self.parsed(body)

    def parsed(self, body: bytes, schema: str | None = None) -> Any:
        """Return the value of a JSON text, which fits the document.

        Args:
            body: the text.
            schema: the name of its schema; by default that of the operation's JSON body.

        Raises:
            ApiError: 400.
        """
        wanted = self._operation.body if schema is None else api_document.schema(schema)
        try:
            value = json.loads(body.decode(), parse_constant=_refuse)
            if b"\\u" in body:
                json.dumps(value, ensure_ascii=False).encode()  # half of a character, such as "\ud800", is no text
            if wanted is not None:
                wanted.check(value)
        except (ValueError, RecursionError) as error:
            raise invalid(f"the body is no JSON: {error}") from None
        return value

    # -- the work, and the answer ----------------------------------------------------------------------------

    async def off_loop(self, act: Callable[..., T], *args: Any, **options: Any) -> T:
        """Do what reads the disk, or computes, in a thread, so that the server goes on meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.app.executor, lambda: act(*args, **options))

    async def answer(self, document: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Answer with a JSON document that is there already."""
        self.set_status(status)
        self.finish(await self.off_loop(json_text.of, document))

    async def answer_with(self, act: Callable[..., Any], *args: Any) -> None:
        """Answer with the JSON document that ``act`` returns; it is made and written by the same thread."""
        self.finish(await self.off_loop(lambda: json_text.of(act(*args))))

    def answer_nothing(self) -> None:
        """Answer that something is done, of which there is nothing to say."""
        self.set_status(HTTPStatus.NO_CONTENT)
        self.finish()

    def url(self, *parts: str) -> str:
        """Return the URL of a path of the API, on this server."""
        return "/".join([self.base_url.rstrip("/") + self.app.extension_url, *parts])

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with an error; while the body is on its way and short, once it is here.

        With an answer before that tornado hangs up, and does not say so beforehand. A proxy, such as JupyterHub's,
        would send the next request into that connection, and answer it with 503.
        """
        if self._whole.done() or not self._is_short():
            super().send_error(status_code, **kwargs)
        else:
            self._refusal = asyncio.ensure_future(self._send_error_after_body(status_code, kwargs))

    async def _send_error_after_body(self, status_code: int, options: dict[str, Any]) -> None:
        with contextlib.suppress(StreamClosedError):  # whoever asked has gone
            await self._whole
            super().send_error(status_code, **options)

    def log_exception(self, *info: Any) -> None:
        """Log what is nobody's fault but ours; errors of the one who asks are answers."""
        error = info[1]
        if not isinstance(error, HTTPError | ApiError) and self._answer_to(error).status < 500:
            return
        if not isinstance(error, ApiError):
            super().log_exception(*info)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with what is wrong, and what to do."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        answer = self._answer_to(error, status_code)
        self.set_status(answer.status)
        if not self._whole.done():
            self.set_header("Connection", "close")  # what is too long is not waited for
        if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = api_document.operations(self.path)
            self.set_header("Allow", ", ".join(sorted(method.upper() for method in methods)))
        self.finish(json.dumps(answer.document()))

    def _answer_to(self, error: BaseException | None, status_code: int = 500) -> ApiError:
        if isinstance(error, HTTPError):
            status = HTTPStatus(status_code)
            codes = {403: "forbidden", 404: "not_found", 405: "method_not_allowed"}
            code = codes.get(status_code, "invalid_request" if status_code < 500 else "internal")
            message = error.log_message or status.phrase
            advice = ""
            if status_code == 403 and "xsrf" in message.lower():
                advice = "Send the cookie _xsrf of this server once more as the header X-XSRFToken, or use a token."
            elif status_code == 403 and not self.current_user:
                advice = "Send the server's token, or sign in."
            return ApiError(status, code, message, advice)
        if error is None:
            return ApiError(HTTPStatus(status_code), "internal", HTTPStatus(status_code).phrase)
        return of_exception(error, self.managers.workspaces.places())

    @property
    def _operation(self) -> api_document.Operation:
        return api_document.operations(self.path)[str(self.request.method).lower()]

    @property
    def _whole(self) -> asyncio.Future[None]:
        """Done once the body has been received, or the connection is lost."""
        return self.request._body_future  # there is no public one, nor anything else that is told of the body's end

    def _is_short(self) -> bool:
        """Whether the body is announced, and short enough to be received from anybody."""
        length = self.request.headers.get("Content-Length", "0")
        announced = "Transfer-Encoding" not in self.request.headers and length.isdigit()
        return announced and int(length) <= self.app.max_body_bytes

    def _too_large(self) -> ApiError:
        return too_large("the body", self.body_limit)


def too_large(what: str, most: int) -> ApiError:
    """Return the answer to what has more bytes than it may have."""
    return ApiError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"{what} has more than {most:,} bytes")


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
