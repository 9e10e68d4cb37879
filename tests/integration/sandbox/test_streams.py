"""The sockets under conditions that the stock client does not make."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from sandbox.universe import DEFAULT_UNIVERSE
from tests.support.sandbox_client import SandboxClient, subscription
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxProcess]:
    async with SandboxProcess() as process:
        yield process


@pytest.fixture
async def client(sandbox: SandboxProcess) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(sandbox) as client:
        yield client


@pytest.fixture(scope="module")
def shared_sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    """One for the tests that leave nothing in it."""
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def visitor(shared_sandbox: SandboxProcess) -> AsyncIterator[SandboxClient]:
    async with SandboxClient(shared_sandbox) as client:
        yield client


@pytest.mark.parametrize(
    ("header", "value", "problem"),
    [
        ("Authorization", "Bearer nonsense", "Invalid Auth token"),
        ("x-client-code", "X1", "Invalid Client Code"),
        ("x-api-key", "other", "Invalid API Key"),
        ("x-feed-token", "nonsense", "Invalid Feed Token"),
    ],
)
@pytest.mark.parametrize("path", ["/smart-stream", "/smart-order-update"])
async def test_bad_headers_are_401_with_the_reason(
    visitor: SandboxClient, path: str, header: str, value: str, problem: str
) -> None:
    headers = {**visitor.stream_headers, header: value}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await visitor.http.ws_connect(f"{visitor.root}{path}", headers=headers)
    assert refusal.value.status == 401
    assert refusal.value.headers is not None
    assert refusal.value.headers["x-error-message"] == f"Invalid Header - {problem}"


async def test_a_fourth_connection_is_refused_until_one_has_left(client: SandboxClient) -> None:
    held = [await client.market_stream() for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await client.market_stream()
    assert refusal.value.status == 429
    assert refusal.value.headers is not None
    assert refusal.value.headers["x-error-message"] == "Invalid Request. Connection Limit Exceeded."
    assert refusal.value.headers["Content-Type"].startswith("text/html")
    await client.order_stream()  # counted for itself
    await held[0].close()

    async def again() -> bool:
        state = await client.process.get("/sandbox/state")
        return len(state["market_stream"]["connections"]) == 2

    await eventually(again)
    held.append(await client.market_stream())


async def test_text_and_protocol_pings_are_both_answered(visitor: SandboxClient) -> None:
    for stream in (await visitor.market_stream(), await visitor.order_stream()):
        await stream.send_str("ping")
        answer = await stream.receive()
        if "AB00" in str(answer.data):
            answer = await stream.receive()
        assert answer.data == "pong"
        for payload in (b"", b"ping"):
            await stream.ping(payload)
            pong = await stream.receive()
            while pong.type is aiohttp.WSMsgType.BINARY:  # the order socket's noise, a NUL after each ping
                assert pong.data == b"\x00"
                pong = await stream.receive()
            assert (pong.type, pong.data) == (aiohttp.WSMsgType.PONG, payload)


async def test_the_browsers_form_carries_everything_in_the_query(visitor: SandboxClient) -> None:
    known, feed_token = visitor.process.credentials, visitor.tokens["feedToken"]
    query = {"clientCode": known.client_code, "feedToken": feed_token, "apiKey": known.api_key}
    async with visitor.http.ws_connect(f"{visitor.root}/smart-stream", params=query) as stream:
        await stream.send_json(subscription(["3045"], mode=2))
        assert len((await stream.receive()).data) == 123
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await visitor.http.ws_connect(f"{visitor.root}/smart-stream", params={**query, "feedToken": "x"})
    with pytest.raises(aiohttp.WSServerHandshakeError, match="401"):
        await visitor.http.ws_connect(f"{visitor.root}/smart-order-update", params=query)


async def test_one_token_in_four_modes_gives_four_packets_of_their_own_lengths(visitor: SandboxClient) -> None:
    stream = await visitor.market_stream()
    for mode in (1, 2, 3, 4, 4):
        await stream.send_json(subscription(["3045"], mode=mode))
    lengths = {1: 51, 2: 123, 3: 379, 4: 443}
    seen: dict[int, int] = {}
    while set(seen) != set(lengths):
        packet = (await stream.receive()).data
        seen[packet[0]] = len(packet)
    assert seen == lengths
    packets = [(await stream.receive()).data for _ in range(40)]
    times = [int.from_bytes(p[27:35], "little") for p in packets if p[0] == 4]
    assert len(times) == len(set(times)), "a repeated subscription gives no second packet"


async def test_errors_leave_the_subscriptions_intact_and_unsubscribing_ends_the_ticks(client: SandboxClient) -> None:
    stream = await client.market_stream()
    await stream.send_json(subscription(["3045"], mode=1))
    await stream.send_str("rubbish")
    await stream.send_json(subscription([str(n) for n in range(1000)], mode=2))
    answers: list[str] = []
    while len(answers) < 2:
        message = await stream.receive()
        if message.type is aiohttp.WSMsgType.TEXT:
            answers.append(json.loads(message.data)["errorCode"])
    assert answers == ["E1001", "E1002"]
    message = await stream.receive()
    assert (message.type, len(message.data)) == (aiohttp.WSMsgType.BINARY, 51)
    await stream.send_json(subscription(["3045"], mode=1, action=0))

    async def unsubscribed() -> bool:
        state = await client.process.get("/sandbox/state")
        return bool(state["market_stream"]["connections"][0]["subscriptions"] == [])

    await eventually(unsubscribed)
    await stream.send_str("ping")
    while (message := await stream.receive()).type is aiohttp.WSMsgType.BINARY:
        pass
    assert message.data == "pong"


async def test_order_events_reach_every_connection_in_the_same_order(client: SandboxClient) -> None:
    streams = [await client.order_stream() for _ in range(3)]
    placed = await client.place(price="980.00")
    for stream in streams:
        events = [await stream.receive_json() for _ in range(4)]
        assert [event["order-status"] for event in events] == ["AB00", "AB09", "AB01", "AB05"]
        assert events[-1]["orderData"]["orderid"] == placed["orderid"]


async def test_the_scrip_master_is_served_plain_and_gzipped_and_agrees_with_the_prices(client: SandboxClient) -> None:
    url = client.process.scrip_master_url
    async with client.http.get(url, headers={"Accept-Encoding": "identity"}) as plain:
        rows: list[dict[str, Any]] = await plain.json()
    async with aiohttp.ClientSession(auto_decompress=False) as raw, raw.get(url) as zipped:
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert json.loads(gzip.decompress(await zipped.read())) == rows
    assert all(isinstance(value, str) for row in rows for name, value in row.items() if name != "is_cas_enabled")
    ticks = {row["token"]: int(float(row["tick_size"])) for row in rows if row["instrumenttype"] == ""}
    assert ticks["3045"] == 10
    stream = await client.market_stream()
    await stream.send_json(subscription(list(ticks), mode=1))
    for _ in range(200):
        packet = (await stream.receive()).data
        token = packet[2:27].rstrip(b"\0").decode()
        assert int.from_bytes(packet[43:51], "little") % ticks[token] == 0


async def test_five_thousand_ticks_a_second_reach_one_subscriber_whole() -> None:
    async with SandboxProcess(("--ticks-per-second", "5000")) as sandbox, SandboxClient(sandbox) as client:
        tokens = [instrument.token for instrument in DEFAULT_UNIVERSE]
        stream = await client.market_stream()
        await stream.send_json(subscription(tokens))
        sequences: dict[bytes, int] = {}
        times: list[int] = []
        while len(times) < 10_000:
            packet = (await stream.receive()).data
            sequence, at_ms = (int.from_bytes(packet[a : a + 8], "little") for a in (27, 35))
            assert sequence > sequences.get(packet[2:27], 0)
            sequences[packet[2:27]] = sequence
            times.append(at_ms)
        assert 4_500 < len(times) / (times[-1] - times[0]) * 1000 < 5_500
        state = await sandbox.get("/sandbox/state")
        assert state["market_stream"]["dropped_ticks"] == 0
        assert state["clock"]["market_ms"] - times[-1] < 15_000, "the broker or this reader has fallen behind"


async def test_a_reader_that_stops_reading_is_bounded_and_its_losses_counted() -> None:
    async with SandboxProcess(("--ticks-per-second", "5000")) as sandbox, SandboxClient(sandbox) as client:
        tokens = [instrument.token for instrument in DEFAULT_UNIVERSE]
        stream = await client.market_stream()
        for mode in (1, 2, 3):
            await stream.send_json(subscription(tokens, mode))

        async def losing() -> bool:
            summary = (await sandbox.get("/sandbox/state"))["market_stream"]
            return bool(summary["dropped_ticks"] > 0 and summary["connections"][0]["waiting"] <= 8192)

        await eventually(losing, timeout=20, interval=0.2)
        await client.place()  # the broker itself is well
        sizes = {len((await asyncio.wait_for(stream.receive(), 5)).data) for _ in range(3000)}
        assert sizes == {51, 123, 379}
