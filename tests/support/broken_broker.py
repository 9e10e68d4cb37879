"""A TLS server in the broker's place that reads each request whole and then misbehaves as told."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox.tls import CA_FILE, server_context

Answer = Callable[[StreamReader, StreamWriter], Awaitable[None]]


class BrokenBroker:
    """`answer` is called once per request, after its last byte has arrived; `requests` has all that arrived."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.answer: Answer = close
        self.ca_file = folder / CA_FILE
        self.url = ""
        self._tls = server_context(folder, "127.0.0.1")
        self._writers: set[StreamWriter] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()
            for writer in set(self._writers):
                writer.transport.abort()
            await server.wait_closed()

    def hang_up(self) -> None:
        """Close every connection that stands, as a server does that has idled long enough."""
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while not writer.is_closing():
                self.requests.append(await _one_request(reader))
                await self.answer(reader, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


async def _one_request(reader: StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


async def close(_reader: StreamReader, writer: StreamWriter) -> None:
    """The request has arrived, no answer leaves."""
    writer.close()


async def reset(_reader: StreamReader, writer: StreamWriter) -> None:
    """As `close`, the hard way."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def stall(reader: StreamReader, _writer: StreamWriter) -> None:
    """Nothing ever comes back; ends when the client hangs up."""
    await reader.read()


async def trickle(_reader: StreamReader, writer: StreamWriter) -> None:
    """An answer that arrives byte by byte, each of them in time, and never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


def says(body: bytes, status: str = "200 OK", *, length: int | None = None, then_close: bool = False) -> Answer:
    """This answer; `length` other than the body's makes it a cut one."""

    async def answer(_reader: StreamReader, writer: StreamWriter) -> None:
        size = len(body) if length is None else length
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n".encode() + body)
        await writer.drain()
        if then_close or size != len(body):
            writer.close()

    return answer
