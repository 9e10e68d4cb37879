"""Followers that stop reading among many that do not, over real sockets of each kind: what waits for them is bounded, the others get
everything, and they are let go. STALL_FOLLOWERS of each kind (20) makes it larger.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from notifier.following import Following
from notifier.http_server import HttpServer
from notifier.realtime import subscription as subscription_module
from notifier.realtime import wire
from notifier.realtime.canary import Canary
from notifier.realtime.cursor import START, shard_of
from notifier.realtime.hub import Hub
from notifier.realtime.replay import LiveStreams
from notifier.realtime.subscription import QUEUE_BYTES
from notifier.rpc.servicer import NotifierServicer
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tests.unit.notifier.builders import a_notification, an_entry
from tradewinds import auth
from tradewinds.grpc_server import GrpcServer, open_channel
from tradewinds.redis_keys import NOTIFICATION_SHARDS
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1.notifier_pb2_grpc import NotifierStub, add_NotifierServicer_to_server

FOLLOWERS = int(os.environ.get("STALL_FOLLOWERS", "20"))
LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"
TEXT = "x" * 100_000
_UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"


class Client(Protocol):
    """One follower; `told` is how many notifications it has read."""

    told: int

    def stall(self) -> None: ...

    def close(self) -> None: ...


class _Http(asyncio.Protocol):
    """A bare socket: server-sent events, or a WebSocket whose messages it does not take apart."""

    def __init__(self, head: str) -> None:
        self._head = head
        self._tail = b""
        self.told = 0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._head.encode())

    def data_received(self, data: bytes) -> None:
        data = self._tail + data
        found = list(re.finditer(rb'"notification_id":', data))
        self.told += len(found)
        self._tail = data[max(found[-1].end() if found else 0, len(data) - 20) :]

    def stall(self) -> None:
        self._transport.pause_reading()

    def close(self) -> None:
        self._transport.abort()


class _Grpc:
    def __init__(self, call: Any) -> None:
        self._call = call
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._reading = asyncio.create_task(self._read())
        self.told = 0

    async def _read(self) -> None:
        # A reader that is cancelled would cancel the call.
        while await self._may_read.wait():
            self.told += len((await self._call.read()).notifications)

    def stall(self) -> None:
        self._may_read.clear()

    def close(self) -> None:
        self._reading.cancel()
        self._call.cancel()


class House:
    """A notifier's servers over a hub that is fed here; whoever follows is alice."""

    def __init__(self, hub: Hub, http: str, stub: Any, token: str) -> None:
        self._hub, self._http, self._stub, self._token = hub, http, stub, token
        self._sent = 0

    async def follow(self, kind: str) -> Client:
        """Over a connection of its own."""
        if kind == "grpc":
            return _Grpc(
                self._stub.WatchNotifications(pb.WatchNotificationsRequest(), metadata=auth.bearer(self._token))
            )
        path, more = ("/v1/ws", _UPGRADE) if kind == "websocket" else ("/v1/notifications/stream", "")
        head = f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self._token}\r\n{more}\r\n"
        host, _, port = self._http.partition(":")
        _, client = await asyncio.get_running_loop().create_connection(lambda: _Http(head), host, int(port))
        return client

    @property
    def followers(self) -> int:
        """How many streams are open."""
        return len(self._subscriptions())

    def _subscriptions(self) -> list[Any]:
        return list(self._hub._by_user.get("alice", ()))

    async def send(self, count: int, type_: str, readers: list[Client]) -> None:
        """One by one, each as soon as all of `readers` have the one before; what waits for anybody is bounded all the while."""
        for _ in range(count):
            self._sent += 1
            one = a_notification(f"ntf-{self._sent}", message=TEXT, type=type_)
            _, frames, index = an_entry(shard_of("alice"), one)
            self._hub.route(shard_of("alice"), self._sent, wire.decode_index(index), frames)
            assert max(one.waiting_bytes for one in self._subscriptions()) <= QUEUE_BYTES
            await eventually(lambda: all(one.told == self._sent for one in readers), timeout=30, interval=0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    signing, hub = Signing(tmp_path), Hub()
    hub.begin(b"12345678", [START] * NOTIFICATION_SHARDS)
    verifier = auth.TokenVerifier(signing.jwks_file)
    nothing = cast(Any, None)  # who follows without a cursor needs no store
    following = Following(LiveStreams(nothing, hub), 60)
    http = HttpServer(following, verifier, Canary(nothing, hub, "canary", 2.0))
    grpc = GrpcServer(verifier)
    servicer = NotifierServicer(nothing, following, cast(Any, _Nothing()), nothing, None)
    add_NotifierServicer_to_server(servicer, grpc.server)
    http_address = await http.start("127.0.0.1", 0)
    channel = open_channel(await grpc.start("127.0.0.1", 0, ["tradewinds.v1.Notifier"]))
    try:
        yield House(hub, http_address, NotifierStub(channel), signing.token("alice"))
    finally:
        hub.close()
        await channel.close()
        await grpc.stop(0.1)
        await http.stop()


class _Nothing:
    def __getattr__(self, name: str) -> None:
        return None


@asynccontextmanager
async def followers(house: House, kinds: list[str]) -> AsyncIterator[list[Client]]:
    async with AsyncExitStack() as stack:
        clients = []
        for kind in kinds:
            client = await house.follow(kind)
            stack.callback(client.close)
            clients.append(client)
        await eventually(lambda: house.followers == len(kinds), timeout=30)
        yield clients


@pytest.mark.parametrize("type_", [KEPT, LIVE])
async def test_who_stops_reading_is_let_go_and_the_others_get_everything(
    house: House, type_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_module, "LAST_WORD_SECONDS", 0.3)
    monkeypatch.setattr(subscription_module, "STALLED_SECONDS", 60.0 if type_ == KEPT else 1.0)
    kinds = ["sse", "websocket", "grpc"] * FOLLOWERS
    async with followers(house, kinds) as clients:
        stalled, reading = clients[:6], clients[6:]
        for one in stalled:
            one.stall()
        await house.send(60, type_, reading)
        await eventually(lambda: house.followers == len(reading), timeout=20)
        await house.send(1, type_, reading)
