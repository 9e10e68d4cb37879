"""A TCP proxy that a test can cut: what the network does to the clients of a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self


class TcpProxy:
    """Forwards a loopback port to `host:port`. `cut` resets every connection and refuses new ones, `silence` lets none of their bytes
    pass; both until `mend`. `loses` is asked for each piece that would pass: what is lost takes its connection with it."""

    def __init__(self, host: str, port: int, loses: Callable[[], bool] = lambda: False) -> None:
        self._target = (host, port)
        self._loses = loses
        self.lost = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._is_silent: Callable[[int], bool] = _nobody
        self._mended = asyncio.Event()
        self.port = 0

    def cut(self) -> None:
        """Nothing passes any more."""
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def silence(self, is_meant: Callable[[int], bool] = lambda port: True) -> None:
        """As a partition does: connections stand, and what is sent arrives when it is over. `is_meant` picks by the client's port."""
        self._mended.clear()
        self._is_silent = is_meant

    def mend(self) -> None:
        """Everything passes again."""
        self._is_cut = False
        self._is_silent = _nobody
        self._mended.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._mended.set()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = writer.get_extra_info("peername")[1]
        try:
            await self._passing(client)
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except ConnectionError:  # cut, or the server is away
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        try:
            await asyncio.gather(
                self._copy(reader, there_writer, client, writer), self._copy(there_reader, writer, client, there_writer)
            )
        finally:
            self._writers -= {writer, there_writer}
            writer.transport.abort()
            there_writer.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: int, back: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._passing(client)
                if self._loses():
                    self.lost += 1
                    writer.transport.abort()
                    back.transport.abort()
                    return
                writer.write(data)
                await writer.drain()
            await self._passing(client)
        writer.close()

    async def _passing(self, client: int) -> None:
        while self._is_silent(client):
            await self._mended.wait()
        if self._is_cut:
            raise ConnectionResetError


def _nobody(port: int) -> bool:
    return False
