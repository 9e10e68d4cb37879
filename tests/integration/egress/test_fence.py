"""The fence: whoever owned an account before can say nothing more once it is raised, also after a restart of the egress."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest

from engine_server.broker.fence import EgressFence, FenceUnreachableError
from engine_server.egress.fences import FenceAheadError, Fences
from engine_server.egress.proxy import EgressProxy
from tests.integration.egress.test_proxy import echo, upstream_behind_egress

ACC1_AT_3 = "X-Tradewinds-Account: ACC1\r\nX-Tradewinds-Epoch: 3\r\n"


async def test_a_raised_fence_cuts_older_tunnels_and_says_what_had_left_through_them() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, writer, head = await upstream.ask(epoch=3)
        assert head.startswith("HTTP/1.1 200")
        writer.write(b"order")
        assert await reader.readexactly(5) == b"order"

        report = await EgressFence(upstream.url, "engine-1").raise_to("ACC1", 4)

        assert (report.epoch, report.closed_tunnels, report.bytes_out) == (4, 1, 5)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        _, _, head = await upstream.ask(epoch=3)
        assert head.startswith("HTTP/1.1 403 epoch 3 of account ACC1 is over: engine-1 raised the fence to 4")
        _, _, head = await upstream.ask(epoch=4)
        assert head.startswith("HTTP/1.1 200")


async def test_what_a_frozen_owner_says_after_the_fence_reaches_nobody() -> None:
    heard = bytearray()

    async def listen(reader: StreamReader, _writer: StreamWriter) -> None:
        while data := await reader.read(65536):
            heard.extend(data)

    async with upstream_behind_egress(listen) as upstream:
        host, _, port = upstream.address.rpartition(":")
        frozen = socket.create_connection((host, int(port)))  # without an event loop: it sees nothing of the reset
        frozen.sendall(f"CONNECT {upstream.target} HTTP/1.1\r\n{ACC1_AT_3}\r\n".encode())
        await asyncio.to_thread(frozen.recv, 1024)

        await EgressFence(upstream.url, "engine-1").raise_to("ACC1", 4)
        with contextlib.suppress(ConnectionError):
            for _ in range(10):
                frozen.sendall(b"POST /placeOrder")
        await upstream.proxy.stop()
        assert heard == b""
        frozen.close()


async def test_a_tunnel_that_is_being_opened_while_the_fence_rises_is_cut_as_well() -> None:
    accepted = asyncio.Event()

    async def never_answer(reader: StreamReader, _writer: StreamWriter) -> None:
        accepted.set()
        await reader.read()

    async with upstream_behind_egress(never_answer) as upstream:
        asking = asyncio.create_task(upstream.ask(epoch=3))
        await accepted.wait()
        await EgressFence(upstream.url, "engine-1").raise_to("ACC1", 4)
        try:
            reader, _, _ = await asking
            assert await reader.read() == b""
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it was cut before, or after, it was told that it stands


async def test_another_accounts_tunnels_stay() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, writer, _ = await upstream.ask()
        report = await EgressFence(upstream.url, "engine-1").raise_to("ACC2", 9)
        assert report.closed_tunnels == 0
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"


async def test_the_same_again_by_the_same_owner_changes_nothing_and_by_another_is_refused() -> None:
    async with upstream_behind_egress(echo) as upstream:
        reader, writer, _ = await upstream.ask()
        assert (await EgressFence(upstream.url, "engine-0").raise_to("ACC1", 3)).closed_tunnels == 0
        writer.write(b"a")
        assert await reader.readexactly(1) == b"a"
        for epoch in (2, 3):
            with pytest.raises(FenceAheadError) as ahead:
                await EgressFence(upstream.url, "engine-1").raise_to("ACC1", epoch)
            assert (ahead.value.fence.epoch, ahead.value.fence.owner) == (3, "engine-0")


async def test_two_who_raise_it_at_the_same_moment_are_told_apart() -> None:
    async with upstream_behind_egress(echo) as upstream:
        answers = await asyncio.gather(
            *(EgressFence(upstream.url, f"engine-{n}").raise_to("ACC1", 7) for n in range(8)), return_exceptions=True
        )
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert sum(isinstance(answer, FenceAheadError) for answer in answers) == 7


async def test_without_a_fence_nothing_passes() -> None:
    async with upstream_behind_egress(echo) as upstream:
        closed = EgressProxy(frozenset({upstream.target}), Fences(None))
        upstream.address = await closed.start("127.0.0.1", 0)
        _, _, head = await upstream.ask()
        assert head.startswith("HTTP/1.1 403 no fence has been raised for account ACC1 here")
        await EgressFence(upstream.url, "engine-0").raise_to("ACC1", 3)
        _, _, head = await upstream.ask()
        assert head.startswith("HTTP/1.1 200")
        await closed.stop()


async def test_a_restart_forgets_no_fence(tmp_path: Path) -> None:
    async with upstream_behind_egress(echo) as upstream:
        first = EgressProxy(frozenset({upstream.target}), Fences(tmp_path))
        upstream.address = await first.start("127.0.0.1", 0)
        await EgressFence(upstream.url, "engine-1").raise_to("ACC1", 12)
        await first.stop()

        second = EgressProxy(frozenset({upstream.target}), Fences(tmp_path))
        upstream.address = await second.start("127.0.0.1", 0)
        _, _, head = await upstream.ask(epoch=11)
        assert head.startswith("HTTP/1.1 403")
        _, _, head = await upstream.ask(epoch=12)
        assert head.startswith("HTTP/1.1 200")
        await second.stop()


async def test_a_fence_that_cannot_be_kept_is_not_raised(tmp_path: Path) -> None:
    async with upstream_behind_egress(echo) as upstream:
        folder = tmp_path / "fences"
        egress = EgressProxy(frozenset({upstream.target}), Fences(folder))
        upstream.address = await egress.start("127.0.0.1", 0)
        folder.rmdir()
        with pytest.raises(FenceUnreachableError, match="cannot be kept"):
            await EgressFence(upstream.url, "engine-0").raise_to("ACC1", 3)
        _, _, head = await upstream.ask()
        assert head.startswith("HTTP/1.1 403 no fence")
        await egress.stop()


async def test_an_egress_that_is_away_is_said_to_be() -> None:
    with pytest.raises(FenceUnreachableError, match="cannot be reached"):
        await EgressFence("http://127.0.0.1:9", "engine-0").raise_to("ACC1", 3)


async def test_what_is_in_force_is_told() -> None:
    async with upstream_behind_egress(echo) as upstream:
        await upstream.ask()
        host, _, port = upstream.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /fences HTTP/1.1\r\n\r\n")
        answer = (await reader.read()).decode()
        assert answer.endswith('{"ACC1":{"epoch":3,"owner":"engine-0","tunnels":1}}')
        writer.close()
