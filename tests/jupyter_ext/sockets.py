"""A client over a bare socket, that reads when it likes, and sends paths as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from json import dumps
from typing import Any
from urllib.parse import quote, urlencode


@dataclass
class Answer:
    """An answer whose body has yet to be read.

    Attributes:
        status: of the answer.
        headers: by name in lower case.
        reader: gives the body, as it comes.
        writer: the connection.
    """

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def body(self) -> bytes:
        """All of it; IncompleteReadError where the connection broke off."""
        if "content-length" in self.headers:
            return await self.reader.readexactly(int(self.headers["content-length"]))
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its pieces, as the server sent them; IncompleteReadError where the connection broke off."""
        assert self.headers["transfer-encoding"] == "chunked"
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield await self.reader.readexactly(size)
            await self.reader.readexactly(2)


class Client:
    """Asks one server.

    Args:
        port: of the server.
        prefix: what stands before each path.
        token: of the server.
    """

    def __init__(self, port: int, prefix: str, token: str) -> None:
        self._port, self._prefix, self._token = port, prefix, token

    @asynccontextmanager
    async def get(self, *path: str, params: Any = (), raw: str = "", **headers: str) -> AsyncIterator[Answer]:
        """Ask for a path and query, or for what is written in ``raw``, and give the answer before its body was read.

        Names of headers have _ in place of -.
        """
        query = params if isinstance(params, str) else urlencode(params)
        async with self._asked("GET", raw or "/".join(map(quote, path)) + "?" + query, headers) as (reader, writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            yield Answer(int(head[0].split()[1]), found, reader, writer)

    @asynccontextmanager
    async def posted(self, *path: str, json: Any) -> AsyncIterator[None]:
        """Send a JSON document, and hang up at the end of the block, whatever is answered."""
        body = dumps(json)
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body))}
        async with self._asked("POST", "/".join(map(quote, path)), headers, body):
            yield

    @asynccontextmanager
    async def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: str = ""
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        sent = {"Host": f"127.0.0.1:{self._port}", "Authorization": f"token {self._token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 16)
        try:
            lines = [f"{method} {self._prefix}/{path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
            writer.write("\r\n".join([*lines, "", body]).encode())
            yield reader, writer
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
