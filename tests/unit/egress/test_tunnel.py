"""A tunnel whose one side has gone breaks the other, whichever event loop runs it."""

from __future__ import annotations

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable

import pytest
import uvloop

from engine_server.egress.tunnel import TunnelBytes, relay

Loop = Callable[[], asyncio.AbstractEventLoop]


async def _pair() -> tuple[tuple[StreamReader, StreamWriter], socket.socket]:
    """Our end as streams, and the peer's socket, over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    return await asyncio.open_connection(sock=ours), peer


async def _data_for_a_side_that_has_gone() -> None:
    client, client_peer = await _pair()
    upstream, upstream_peer = await _pair()
    passed = TunnelBytes(lambda size: None, lambda size: None)
    with client_peer, upstream_peer:
        upstream[1].close()
        await upstream[1].wait_closed()
        client_peer.sendall(b"an order")
        async with asyncio.timeout(5):
            await relay(client, upstream, passed)
        assert passed.out == 0
        assert client[1].is_closing()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_data_for_a_side_that_has_gone_resets_the_tunnel(loop: Loop) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_data_for_a_side_that_has_gone())
