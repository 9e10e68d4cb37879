"""The order stream at a TLS server of the test's own, behind a real egress; and at the real sandbox."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from engine_server.broker.angel_one.egress_route import EgressRoute
from engine_server.broker.angel_one.order_stream import OrderStream, StreamTimes
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession, SessionTokens
from engine_server.broker.port import OrderReport, ReportStatus, StreamConnected, StreamEvent, StreamLost
from sandbox.tls import CA_FILE, server_context
from tests.support.angel_one import EgressForTests, broker_at, running_egress, ticket
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually

QUICK = StreamTimes(
    ping_seconds=0.05,
    dead_seconds=0.5,
    greeting_seconds=0.1,
    first_backoff_seconds=0.01,
    last_backoff_seconds=0.05,
)

BACK_SOON = StreamTimes(first_backoff_seconds=0.01, last_backoff_seconds=0.05)


def session(jwt: str = "j.w.t") -> BrokerSession:
    return BrokerSession(SessionTokens(jwt, "refresh", "feed", "D12345", "key"), datetime.now(UTC))


def frame(orderid: str = "77", status: str = "open", filled: str = "0") -> str:
    order = {
        "orderid": orderid,
        "ordertag": "TW1",
        "exchange": "NSE",
        "symboltoken": "3045",
        "transactiontype": "BUY",
        "quantity": "5",
        "filledshares": filled,
        "averageprice": 612.4,
        "orderstatus": status,
        "status": status,
        "text": "",
        "updatetime": "22-Nov-2026 09:15:00",
    }
    return json.dumps({"user-id": "D12345", "status-code": "200", "order-status": "AB01", "orderData": order})


class StreamServer:
    """Greets, then sends what the test puts into `outgoing` (bytes as binary frames, None closes the socket)."""

    def __init__(self, folder: Path) -> None:
        self.outgoing: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.handshakes: list[dict[str, str]] = []
        self.pings = 0
        self.mute = False
        self.refuse_with = 0
        self.greets = True
        self.url = ""
        self._tls = server_context(folder, "127.0.0.1")

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/smart-order-update", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.url = f"wss://127.0.0.1:{runner.addresses[0][1]}/smart-order-update"
        return runner

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append({name.lower(): value for name, value in request.headers.items()})
        if self.refuse_with:
            return web.Response(status=self.refuse_with, headers={"x-error-message": "Invalid Auth token"})
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if self.greets:
            await socket.send_str(frame(orderid="", status=""))
        listening = asyncio.create_task(self._listen(socket))
        try:
            while (item := await self.outgoing.get()) is not None:
                await (socket.send_str(item) if isinstance(item, str) else socket.send_bytes(item))
            await socket.close()
        finally:
            listening.cancel()
        return socket

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.PING:
                self.pings += 1
                if not self.mute:
                    await socket.pong(message.data)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[StreamServer]:
    server = StreamServer(tmp_path)
    runner = await server.start()
    yield server
    await runner.cleanup()


@pytest.fixture
async def egress(server: StreamServer) -> AsyncIterator[EgressForTests]:
    async with running_egress(server.url, epoch=3) as egress:
        yield egress


@pytest.fixture
def current() -> CurrentSession:
    current = CurrentSession()
    current.set(session())
    return current


@pytest.fixture
async def events(
    server: StreamServer, egress: EgressForTests, current: CurrentSession, tmp_path: Path
) -> AsyncIterator[AsyncIterator[StreamEvent]]:
    route = EgressRoute.make(egress.url, "ACC1", 3, tmp_path / CA_FILE)
    async with aclosing(OrderStream(server.url, route, current, QUICK).events()) as events:
        yield events


async def soon(events: AsyncIterator[StreamEvent]) -> StreamEvent:
    async with asyncio.timeout(5):
        return await anext(events)


async def test_it_is_connected_with_the_greeting_and_the_greeting_is_no_report(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    assert await soon(events) == StreamConnected()
    server.outgoing.put_nowait(frame(status="complete", filled="5"))
    report = await soon(events)
    assert isinstance(report, OrderReport)
    assert (report.broker_order_id, report.tag, report.status) == ("77", "TW1", ReportStatus.FILLED)
    assert (report.filled_quantity, report.average_price) == (5, Decimal("612.4"))


async def test_the_handshake_carries_the_four_headers(server: StreamServer, events: AsyncIterator[StreamEvent]) -> None:
    await soon(events)
    headers = server.handshakes[0]
    assert headers["authorization"] == "Bearer j.w.t"
    assert (headers["x-api-key"], headers["x-client-code"], headers["x-feed-token"]) == ("key", "D12345", "feed")
    assert not any(name.startswith("x-tradewinds") for name in headers), "those are for the egress alone"


async def test_noise_is_not_a_report_and_harms_nothing(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    for noise in (b"\x00", b"", "pong", "{}", "[]", '{"orderData": null}', frame(filled="many"), frame("78")):
        server.outgoing.put_nowait(noise)
    report = await soon(events)
    assert isinstance(report, OrderReport)
    assert report.broker_order_id == "78"


async def test_without_a_greeting_it_counts_as_connected_after_a_while(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    server.greets = False
    assert await soon(events) == StreamConnected()


async def test_a_close_is_an_outage_and_it_connects_again(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    server.outgoing.put_nowait(None)
    lost = await soon(events)
    assert isinstance(lost, StreamLost)
    assert "closed the stream" in lost.reason
    assert await soon(events) == StreamConnected()
    server.outgoing.put_nowait(frame())
    assert isinstance(await soon(events), OrderReport)


async def test_pings_keep_a_silent_line_standing(server: StreamServer, events: AsyncIterator[StreamEvent]) -> None:
    await soon(events)
    next_event = asyncio.create_task(soon(events))
    await eventually(lambda: server.pings >= 20)  # twice the silence after which it would be dead
    assert not next_event.done()
    server.outgoing.put_nowait(frame())
    assert isinstance(await next_event, OrderReport)
    assert len(server.handshakes) == 1


async def test_a_line_that_does_not_even_answer_pings_is_dead_and_replaced(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    server.mute = True
    await soon(events)
    lost = await soon(events)
    assert isinstance(lost, StreamLost)
    assert "nothing heard" in lost.reason
    server.mute = False
    assert await soon(events) == StreamConnected()


async def test_one_outage_is_one_loss_however_many_attempts_fail(
    server: StreamServer, egress: EgressForTests, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    server.refuse_with = 503
    server.outgoing.put_nowait(None)
    assert isinstance(await soon(events), StreamLost)
    next_event = asyncio.create_task(soon(events))
    await eventually(lambda: len(server.handshakes) >= 6)
    assert not next_event.done()
    server.refuse_with = 0
    assert await next_event == StreamConnected()


async def test_a_refused_handshake_says_why_and_a_new_session_ends_the_wait(
    server: StreamServer, current: CurrentSession, events: AsyncIterator[StreamEvent]
) -> None:
    server.refuse_with = 401
    lost = await soon(events)
    assert lost == StreamLost("the broker refused the order stream: HTTP 401 Invalid Auth token")
    server.refuse_with = 0
    current.set(session("new.jwt"))
    assert await soon(events) == StreamConnected()
    await eventually(lambda: server.handshakes[-1]["authorization"] == "Bearer new.jwt")


async def test_a_new_session_is_taken_up_while_the_old_ones_line_still_stands(
    server: StreamServer, current: CurrentSession, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    current.set(session("new.jwt"))
    assert await soon(events) == StreamLost("there is a new session")
    assert await soon(events) == StreamConnected()
    assert server.handshakes[-1]["authorization"] == "Bearer new.jwt"


async def test_with_the_egress_down_it_goes_on_trying(
    server: StreamServer, egress: EgressForTests, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    await egress.stop()
    assert isinstance(await soon(events), StreamLost)
    await egress.start()
    assert await soon(events) == StreamConnected()


async def test_before_there_is_a_session_it_waits(server: StreamServer, egress: EgressForTests, tmp_path: Path) -> None:
    current = CurrentSession()
    route = EgressRoute.make(egress.url, "ACC1", 3, tmp_path / CA_FILE)
    async with aclosing(OrderStream(server.url, route, current, QUICK).events()) as events:
        first = asyncio.create_task(soon(events))
        await asyncio.sleep(0.05)
        assert server.handshakes == []
        current.set(session())
        assert await first == StreamConnected()


async def test_reports_that_came_while_the_consumer_was_busy_are_not_taken_for_silence(
    server: StreamServer, events: AsyncIterator[StreamEvent]
) -> None:
    await soon(events)
    for n in range(3):
        server.outgoing.put_nowait(frame(str(n + 1)))
    assert isinstance(await soon(events), OrderReport)
    await asyncio.sleep(QUICK.dead_seconds * 1.5)
    assert [getattr(await soon(events), "broker_order_id", None) for _ in range(2)] == ["2", "3"]


async def test_backoff_is_jittered_between_nothing_and_a_doubling_ceiling(current: CurrentSession) -> None:
    asked: list[float] = []

    def jitter(low: float, high: float) -> float:
        assert low == 0
        asked.append(high)
        return 0.0

    route: Any = None
    stream = OrderStream("wss://nowhere", route, current, StreamTimes(), jitter)
    for failures in range(8):
        await stream._back_off(failures, session())  # not the current one: no wait, no question
        assert current.value is not None
        await stream._back_off(failures, current.value)
    assert asked == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]


async def test_at_the_sandbox_a_cut_stream_comes_back_and_reports_again(sandbox: SandboxProcess) -> None:
    async with (
        running_egress(sandbox.https_url) as egress,
        broker_at(sandbox, egress.url, stream_times=BACK_SOON) as broker,
    ):
        await broker.login()
        async with aclosing(broker.order_stream()) as events:
            assert await soon(events) == StreamConnected()
            await egress.stop()
            assert isinstance(await soon(events), StreamLost)
            await egress.start()
            assert await soon(events) == StreamConnected()
            await broker.place(ticket("TWAGAIN"))
            report = await soon(events)
            assert isinstance(report, OrderReport)
            assert report.tag == "TWAGAIN"
