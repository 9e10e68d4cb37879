"""The WebSocket: the same batches, cursors and last words as the other two streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from google.protobuf import json_format

from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


@asynccontextmanager
async def a_socket(
    base_url: str, header: Mapping[str, str], query: str = "", protocols: Sequence[str] = ()
) -> AsyncIterator[ClientWebSocketResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{base_url}/v1/ws{query}", headers=header, protocols=protocols) as socket,
    ):
        yield socket


async def message(socket: ClientWebSocketResponse) -> pb.WatchNotificationsResponse:
    async with asyncio.timeout(10):
        return json_format.Parse(await socket.receive_str(), pb.WatchNotificationsResponse())


async def titles(socket: ClientWebSocketResponse, count: int) -> list[str]:
    found: list[str] = []
    while len(found) < count:
        found += [notification.title for notification in (await message(socket)).notifications]
    return found


def a_request(number: int, type_: str = LIVE) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(type=type_, title=str(number), data={"n": number})


async def test_it_is_live_beats_and_resumes_where_another_kind_of_stream_left(
    shared: SharedNotifier, alice: Caller
) -> None:
    async with a_socket(shared.http, alice.header) as socket:
        opening = await message(socket)
        assert opening.resumed
        await alice("SendNotification", a_request(1, KEPT))
        batch = await message(socket)
        while not batch.notifications:
            batch = await message(socket)
        assert (await message(socket)).cursor  # a heartbeat
    await alice("SendNotification", a_request(2))
    async with a_socket(shared.http, alice.header, f"?last_event_id={batch.cursor}") as socket:
        assert (await message(socket)).resumed
        assert await titles(socket, 1) == ["2"]
    watch = alice.stream("WatchNotifications", pb.WatchNotificationsRequest(cursor=batch.cursor))
    assert (await watch.read()).resumed
    over_grpc = await watch.read()
    watch.cancel()
    assert [one.title for one in over_grpc.notifications] == ["2"]


async def test_a_page_in_a_browser_says_its_token_as_a_protocol_through_the_gateway(
    gateway: GatewayProcess, alice: Caller
) -> None:
    token = alice.header["authorization"].removeprefix("Bearer ")
    async with a_socket(gateway.url, {}, protocols=("tradewinds", f"bearer.{token}")) as socket:
        assert socket.protocol == "tradewinds"
        assert (await message(socket)).resumed
        await alice("SendNotification", a_request(7))
        assert await titles(socket, 1) == ["7"]


async def test_no_token_no_socket(shared: SharedNotifier, gateway: GatewayProcess, signing: Signing) -> None:
    expired = {"authorization": f"Bearer {signing.token('alice', lifetime_seconds=-60)}"}
    for url in (shared.http, gateway.url):
        for header in ({}, expired):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with a_socket(url, header):
                    pass
            assert refused.value.status == 401


async def test_a_cursor_of_nobodys_is_refused_by_name(shared: SharedNotifier, alice: Caller) -> None:
    async with aiohttp.ClientSession(headers=alice.header) as session:
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade"}
        answer = await session.get(f"{shared.http}/v1/ws?last_event_id=abc", headers=upgrade)
        assert answer.status == 400
        assert (await answer.json())["details"][1]["field_violations"][0]["field"] == "cursor"
        assert (await session.get(f"{shared.http}/v1/ws")).status == 426


async def test_it_ends_with_a_reason_when_the_token_does(shared: SharedNotifier, signing: Signing) -> None:
    header = {"authorization": f"Bearer {signing.token('alice', lifetime_seconds=1)}"}
    async with a_socket(shared.http, header) as socket:
        while not (last := await message(socket)).HasField("end"):
            pass
        assert last.end.reason == "UNAUTHENTICATED"
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1008


async def test_a_stopping_server_hands_its_followers_over(own: ServiceProcess, signing: Signing) -> None:
    async with (
        Caller(own.facts["grpc"], signing, "alice") as alice,
        a_socket(f"http://{own.facts['http']}", alice.header) as socket,
    ):
        assert (await message(socket)).resumed
        stopping = asyncio.create_task(own.stop())
        while not (last := await message(socket)).HasField("end"):
            pass
        assert (last.end.reason, bool(last.cursor)) == ("SERVER_STOPPING", True)
        assert (await socket.receive()).type is WSMsgType.CLOSE
        assert socket.close_code == 1012
        assert await stopping == 0


async def test_what_a_follower_says_means_nothing_and_too_much_of_it_ends_the_stream(
    shared: SharedNotifier, alice: Caller
) -> None:
    async with a_socket(shared.http, alice.header) as socket:
        await message(socket)
        await socket.send_str("hello?")
        await alice("SendNotification", a_request(1))
        assert await titles(socket, 1) == ["1"]
        await socket.send_str("x" * 5_000)
        while (received := await socket.receive()).type is WSMsgType.TEXT:
            pass
        assert received.type is WSMsgType.CLOSE
        assert socket.close_code == 1009
