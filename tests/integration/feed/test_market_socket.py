"""The market socket against a small real WebSocket server that does what the sandbox does not: silence, refusals, redirects."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import WSMsgType, web

from engine_server.feed.broker_session import BrokerSession
from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_socket import MarketSocket, Refusal, SocketRefusedError
from tests.support.waiting import eventually
from tests.unit.feed.instruments import instrument

SESSION = BrokerSession("ACC1", "D12345", "raw-jwt", "feed-token", "api-key")
TLS = ssl.create_default_context()
SBIN, TCS, INFY = (
    instrument(f"NSE:{name}-EQ", token) for name, token in (("SBIN", "3045"), ("TCS", "11536"), ("INFY", "1594"))
)


class Broker:
    """Records what it is told; `refuse` answers the handshake instead."""

    def __init__(self) -> None:
        self.url = ""
        self.texts: list[str] = []
        self.headers: dict[str, str] = {}
        self.refuse: Callable[[], web.Response] | None = None
        self.sockets: list[web.WebSocketResponse] = []
        self.refusals: list[Refusal] = []  # what our socket made of an error frame

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.headers = dict(request.headers)
        if self.refuse is not None:
            return self.refuse()
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self.texts.append(message.data)
        return socket


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    application = web.Application()
    application.router.add_get("/smart-stream", broker.serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    broker.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/smart-stream"
    yield broker
    await runner.cleanup()


class Time:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


Connect = Callable[[], Awaitable[MarketSocket]]


@pytest.fixture
def moved() -> Time:
    return Time()


@pytest.fixture
async def connect(broker: Broker, moved: Time) -> AsyncIterator[Connect]:
    opened: list[MarketSocket] = []

    async def connect() -> MarketSocket:
        socket = MarketSocket(FrameInbox(), lambda: None, broker.refusals.append, moved)
        await socket.connect(broker.url, TLS, SESSION)
        opened.append(socket)
        return socket

    yield connect
    for socket in opened:
        socket.close()
    await eventually(lambda: all(socket.ended for socket in opened))


async def test_the_four_headers_say_who_we_are(broker: Broker, connect: Connect) -> None:
    await connect()
    sent = {name.lower(): value for name, value in broker.headers.items()}
    assert sent["authorization"] == "Bearer raw-jwt"
    assert (sent["x-api-key"], sent["x-client-code"], sent["x-feed-token"]) == ("api-key", "D12345", "feed-token")


async def test_a_text_ping_goes_out_every_ten_seconds(broker: Broker, connect: Connect, moved: Time) -> None:
    socket = await connect()
    for seconds in (9.9, 0.1, 5.0, 5.0):
        moved.seconds += seconds
        socket.heard_at = moved.seconds
        assert socket.beat()
    await eventually(lambda: broker.texts == ["ping", "ping"])


async def test_twenty_seconds_without_a_frame_mean_that_the_link_is_dead(
    broker: Broker, connect: Connect, moved: Time
) -> None:
    socket = await connect()
    moved.seconds += 19.9
    assert socket.beat()
    moved.seconds += 0.1
    assert not socket.beat()
    await broker.sockets[0].send_str("pong")
    await eventually(socket.beat)


async def test_only_what_changed_is_told(broker: Broker, connect: Connect) -> None:
    socket = await connect()
    socket.apply({SBIN.key: SBIN})
    socket.apply({SBIN.key: SBIN})
    socket.apply({})
    await eventually(lambda: len(broker.texts) == 2)
    assert '"action":1' in broker.texts[0]
    assert '"action":0' in broker.texts[1]


def asked(text: str) -> list[str]:
    tokens: list[str] = json.loads(text)["params"]["tokenList"][0]["tokens"]
    return tokens


async def refuse_last(broker: Broker, code: str) -> None:
    name = json.loads(broker.texts[-1])["correlationID"]
    await broker.sockets[0].send_str(json.dumps({"correlationID": name, "errorCode": code, "errorMessage": "No."}))


async def test_one_bad_token_does_not_keep_out_its_neighbours(broker: Broker, connect: Connect) -> None:
    socket, wanted = await connect(), {i.key: i for i in (SBIN, TCS, INFY)}
    socket.apply(wanted)
    await eventually(lambda: len(broker.texts) == 1)
    await refuse_last(broker, "E1001")
    await eventually(lambda: [asked(text) for text in broker.texts[1:]] == [["11536", "1594"], ["3045"]])
    await refuse_last(broker, "E1001")
    await eventually(lambda: broker.refusals == [("E1001", "No.", (SBIN,))])
    assert socket.subscriptions == 2
    socket.apply(wanted)
    assert len(broker.texts) == 3  # it is not asked for again
    socket.apply({TCS.key: TCS, INFY.key: INFY})
    socket.apply(wanted)
    await eventually(lambda: len(broker.texts) == 4)  # until somebody wants it anew


async def test_a_full_socket_refuses_the_whole_request(broker: Broker, connect: Connect) -> None:
    socket = await connect()
    socket.apply({SBIN.key: SBIN})
    socket.apply({i.key: i for i in (SBIN, TCS, INFY)})
    await eventually(lambda: len(broker.texts) == 2)
    await refuse_last(broker, "E1002")
    await eventually(lambda: [set(r.instruments) for r in broker.refusals] == [{TCS, INFY}])
    assert socket.subscriptions == 1


async def test_text_that_nobody_understands_does_not_end_the_connection(
    broker: Broker, connect: Connect, moved: Time
) -> None:
    socket = await connect()
    for text in ("", "{}", '{"errorCode":"E1002","errorMessage":"Limit"}', "\u20b9" * 100):
        await broker.sockets[0].send_str(text)
        moved.seconds += 1
    await broker.sockets[0].send_str("pong")
    await eventually(lambda: socket.heard_at == moved.seconds)
    assert not socket.ended


async def test_a_refused_handshake_carries_the_brokers_words(broker: Broker, connect: Connect) -> None:
    words = "Invalid Header - Invalid Feed Token"
    broker.refuse = lambda: web.Response(status=401, headers={"x-error-message": words})
    with pytest.raises(SocketRefusedError, match=f"HTTP 401: {words}") as refused:
        await connect()
    assert refused.value.unauthorized
    broker.refuse = lambda: web.Response(status=429, headers={"x-error-message": "Connection Limit Exceeded."})
    with pytest.raises(SocketRefusedError, match="HTTP 429: Connection Limit Exceeded") as refused:
        await connect()
    assert (refused.value.unauthorized, refused.value.too_many) == (False, True)


async def test_our_headers_are_not_carried_to_where_a_redirect_points(broker: Broker, connect: Connect) -> None:
    broker.refuse = lambda: web.Response(status=302, headers={"Location": broker.url + "?elsewhere"})
    with pytest.raises(SocketRefusedError, match="HTTP 302"):
        await connect()


async def test_an_answer_that_is_not_http_is_a_refusal() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x00\xff\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises((SocketRefusedError, OSError)):
        await MarketSocket(FrameInbox(), lambda: None, lambda _: None).connect(f"ws://127.0.0.1:{port}/", TLS, SESSION)
    server.close()
    await server.wait_closed()
