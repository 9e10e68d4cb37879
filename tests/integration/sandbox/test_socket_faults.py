"""Sockets that misbehave, and idle ones."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_client import SandboxClient, subscription
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually


async def next_binary(stream: aiohttp.ClientWebSocketResponse[Any]) -> bytes:
    while (message := await stream.receive(timeout=5)).type is not aiohttp.WSMsgType.BINARY:
        assert message.type is aiohttp.WSMsgType.TEXT, message
    return bytes(message.data)


async def test_a_socket_is_closed_and_can_be_opened_again() -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        stream = await client.market_stream()
        await stream.send_json(subscription(["3045"], mode=1))
        await next_binary(stream)
        await sandbox.fault("ws_close", route="market")
        while (message := await stream.receive(timeout=5)).type is aiohttp.WSMsgType.BINARY:
            pass
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        again = await client.market_stream()
        await again.send_json(subscription(["3045"], mode=1))
        assert len(await next_binary(again)) == 51


async def test_a_half_open_socket_is_silent_and_counts_until_the_broker_notices() -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        streams = [await client.order_stream() for _ in range(3)]
        assert "AB00" in (await streams[0].receive()).data
        await sandbox.fault("ws_half_open", route="orders", delay_seconds=1.5, count=3)
        await client.place()

        async def all_mute() -> bool:
            return all(line["mute"] for line in (await sandbox.get("/sandbox/state"))["order_stream"]["lines"])

        await eventually(all_mute, timeout=5)
        await streams[0].ping()
        with pytest.raises(TimeoutError):
            await streams[0].receive(timeout=0.4)
        for stream in streams:
            await stream.close()
        with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
            await client.order_stream()

        async def forgotten() -> bool:
            return bool((await sandbox.get("/sandbox/state"))["order_stream"]["connections"] == 0)

        await eventually(forgotten, timeout=5)
        await client.order_stream()


async def test_ticks_stop_for_one_instrument_and_wrong_packets_come_through() -> None:
    async with SandboxProcess() as sandbox, SandboxClient(sandbox) as client:
        stream = await client.market_stream()
        await stream.send_json(subscription(["3045", "2885"], mode=1))
        await sandbox.fault("tick_gap", route="NSE:3045", delay_seconds=30)
        tokens = [(await next_binary(stream))[2:6] for _ in range(30)]
        assert tokens[-10:] == [b"2885"] * 10
        await sandbox.fault("ws_wrong_length", route="market")
        assert 44 in [len(await next_binary(stream)) for _ in range(10)]
        await sandbox.fault("tick_nan", route="NSE:2885")
        packets = [await next_binary(stream) for _ in range(10)]
        assert bytes(8) in {packet[43:51] for packet in packets}
        await sandbox.fault("price_absurd", route="NSE:2885")
        prices = [int.from_bytes((await next_binary(stream))[43:51], "little") for _ in range(20)]
        assert [price for price in prices if price > 10 * min(prices)] == [pytest.approx(50 * min(prices), rel=0.05)]
        body = {"exchange": "NSE", "tradingsymbol": "RELIANCE-EQ", "symboltoken": "2885"}
        day = (await client.call("POST", "/rest/secure/angelbroking/order/v1/getLtpData", body))["data"]
        assert day["high"] == pytest.approx(min(prices) / 100, rel=0.05), "nothing has traded there"


async def test_a_socket_that_says_nothing_is_cut_and_one_that_pings_is_not() -> None:
    async with SandboxProcess(("--socket-idle-seconds", "1")) as sandbox, SandboxClient(sandbox) as client:
        idle, pinging = await client.market_stream(), await client.market_stream()

        async def one_left() -> bool:
            await pinging.ping()
            return len((await sandbox.get("/sandbox/state"))["market_stream"]["connections"]) == 1

        await eventually(one_left, timeout=8, interval=0.3)
        assert (await idle.receive(timeout=2)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        await asyncio.sleep(1.5)
        await pinging.ping(b"still")
        while (message := await pinging.receive(timeout=2)).data != b"still":
            assert message.type is aiohttp.WSMsgType.PONG
