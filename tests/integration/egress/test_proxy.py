"""The egress with real sockets on both sides."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from engine_server.egress.connect_request import Target
from engine_server.egress.fences import Fence, Fences
from engine_server.egress.proxy import EgressProxy
from tests.support.waiting import eventually
from tradewinds.errors import ConfigurationError

Handler = Callable[[StreamReader, StreamWriter], Awaitable[None]]
Opened = tuple[StreamReader, StreamWriter, str]


class Upstream:
    """A server that the egress may reach, and the egress before it."""

    def __init__(self, target: Target, proxy: EgressProxy, address: str, stack: AsyncExitStack) -> None:
        self.target, self.proxy, self.address, self._stack = target, proxy, address, stack

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def ask(self, target: str | None = None, epoch: int = 3) -> Opened:
        """CONNECT; returns the client's streams and the head of the answer."""
        host, _, port = self.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        self._stack.callback(writer.close)
        who = f"X-Tradewinds-Account: ACC1\r\nX-Tradewinds-Epoch: {epoch}\r\n"
        writer.write(f"CONNECT {target or self.target} HTTP/1.1\r\nHost: x\r\n{who}\r\n".encode())
        return reader, writer, (await reader.readuntil(b"\r\n\r\n")).decode()

    def counted(self, direction: str) -> float:
        labels = {"target": str(self.target), "direction": direction}
        return REGISTRY.get_sample_value("tradewinds_egress_bytes_total", labels) or 0.0


def fenced(folder: Path | None = None, epoch: int = 3) -> Fences:
    """Fences with that of ACC1 raised."""
    fences = Fences(folder)
    fences.raise_to("ACC1", Fence(epoch, "engine-0"))
    return fences


@asynccontextmanager
async def upstream_behind_egress(handler: Handler) -> AsyncIterator[Upstream]:
    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    target = Target("127.0.0.1", server.sockets[0].getsockname()[1])
    proxy = EgressProxy(frozenset({target}), fenced())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(server.wait_closed)
        stack.callback(server.close)
        address = await proxy.start("127.0.0.1", 0)
        stack.push_async_callback(proxy.stop)
        yield Upstream(target, proxy, address, stack)


async def echo(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def answer_after_eof(reader: StreamReader, writer: StreamWriter) -> None:
    request = await reader.read()
    writer.write(b"you sent %d bytes" % len(request))
    await writer.drain()


async def test_bytes_pass_both_ways_and_are_counted() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, writer, head = await upstream.ask()
        assert head.startswith("HTTP/1.1 200 ")
        payload = bytes(range(256)) * 4096
        writer.write(payload)
        assert await reader.readexactly(len(payload)) == payload
        assert upstream.counted("out") == upstream.counted("back") == len(payload)


async def test_a_client_that_ended_its_sending_still_gets_its_answer() -> None:
    async with upstream_behind_egress(answer_after_eof) as upstream:
        reader, writer, _ = await upstream.ask()
        writer.write(b"abc")
        writer.write_eof()
        assert await reader.read() == b"you sent 3 bytes"


async def test_bytes_sent_right_behind_the_request_are_not_lost() -> None:
    async with upstream_behind_egress(echo) as upstream:
        host, _, port = upstream.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        who = "X-Tradewinds-Account: ACC1\r\nX-Tradewinds-Epoch: 3\r\n"
        writer.write(f"CONNECT {upstream.target} HTTP/1.0\r\n{who}\r\nearly".encode())
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(5) == b"early"
        writer.close()


async def test_a_target_that_is_not_allowed_is_refused_with_the_reason() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, _, head = await upstream.ask("example.org:443")
        assert head.startswith("HTTP/1.1 403 example.org:443 is not one of the allowed targets")
        assert (await reader.read()).decode().startswith("example.org:443 is not one of the allowed targets")


async def test_a_broker_that_cannot_be_reached_is_a_bad_gateway() -> None:
    async with upstream_behind_egress(echo) as upstream:
        closed = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        nobody = Target("127.0.0.1", closed.sockets[0].getsockname()[1])
        closed.close()
        await closed.wait_closed()
        proxy = EgressProxy(frozenset({nobody}), fenced())
        upstream.address = await proxy.start("127.0.0.1", 0)
        _, _, head = await upstream.ask(str(nobody))
        assert head.startswith(f"HTTP/1.1 502 {nobody} cannot be reached")
        await proxy.stop()


async def test_a_slow_reader_holds_the_sender_back_instead_of_filling_memory() -> None:
    sent = 0

    async def pour(_reader: StreamReader, writer: StreamWriter) -> None:
        nonlocal sent
        for _ in range(1024):
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async with upstream_behind_egress(pour) as upstream:
        reader, _, _ = await upstream.ask()
        before = -1
        while before != sent:  # until nothing moves any more
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 32 * 1024 * 1024
        assert len(await reader.readexactly(64 * 1024 * 1024)) == 64 * 1024 * 1024


async def test_when_the_broker_breaks_the_client_is_cut_not_ended_cleanly() -> None:
    async def reset(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)
        linger_not = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        writer.transport.abort()

    async with upstream_behind_egress(reset) as upstream:
        reader, writer, _ = await upstream.ask()
        writer.write(b"x" * 100_000)
        with pytest.raises(ConnectionError):
            await reader.read()


async def test_stop_cuts_open_tunnels_and_frees_the_port() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, writer, _ = await upstream.ask()
        writer.write(b"a")
        await reader.readexactly(1)
        await upstream.proxy.stop()
        assert await reader.read() == b""
        host, _, port = upstream.address.rpartition(":")
        again = EgressProxy(frozenset({upstream.target}), fenced())
        assert await again.start(host, int(port)) == upstream.address
        await again.stop()


async def test_a_taken_port_is_a_configuration_error() -> None:
    async with upstream_behind_egress(echo) as upstream:
        host, _, port = upstream.address.rpartition(":")
        with pytest.raises(ConfigurationError, match=r"EGRESS_PORT: .* cannot be bound"):
            await EgressProxy(frozenset({upstream.target}), fenced()).start(host, int(port))


async def test_open_tunnels_are_counted_and_uncounted() -> None:
    async with upstream_behind_egress(echo) as upstream:
        labels = {"target": str(upstream.target)}

        def standing() -> float:
            return REGISTRY.get_sample_value("tradewinds_egress_open_tunnels", labels) or 0.0

        _, writer, _ = await upstream.ask()
        await eventually(lambda: standing() == 1)
        writer.close()
        await eventually(lambda: standing() == 0)
