"""A TCP proxy before PostgreSQL that can lose the server's answer: the statement is done, and nobody is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit


class CuttingProxy:
    """Passes bytes through until `cut_when_sent(marker)`: after the next message that contains the marker has reached the
    server and been answered, the answer is dropped and the connection is cut. `cuts` counts."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        self._marker = b""
        self.cuts = 0
        self.url = ""

    def cut_when_sent(self, marker: str) -> None:
        self._marker = marker.encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self._target.hostname
        upstream_reader, upstream_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        answers_lost = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, upstream_writer, answers_lost))
                group.create_task(self._answers(upstream_reader, writer, answers_lost))
        except* (OSError, ConnectionError):
            pass
        finally:
            writer.close()
            upstream_writer.close()

    async def _requests(
        self, reader: asyncio.StreamReader, upstream: asyncio.StreamWriter, answers_lost: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            if self._marker and self._marker in data:
                self._marker = b""
                answers_lost.set()
            upstream.write(data)
            await upstream.drain()
        upstream.write_eof()

    async def _answers(
        self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, answers_lost: asyncio.Event
    ) -> None:
        while data := await upstream.read(65_536):
            if answers_lost.is_set():
                self.cuts += 1
                raise ConnectionError("the answer is lost")
            writer.write(data)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def cutting_proxy(database_url: str) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(database_url)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    credentials = urlsplit(database_url).netloc.rpartition("@")[0]
    proxy.url = urlunsplit(urlsplit(database_url)._replace(netloc=f"{credentials}@{host}:{port}"))
    try:
        yield proxy
    finally:
        server.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 2)
