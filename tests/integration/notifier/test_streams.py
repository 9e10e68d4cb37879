"""Following: no gap that is not told, nothing twice, and a last word."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from redis.asyncio import Redis

from notifier.realtime.cursor import shard_of
from tests.integration.notifier.conftest import Caller, SharedNotifier
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.sse import EventStream, event_stream
from tradewinds import auth, redis_keys
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


def a_request(number: int, type_: str = LIVE, message: str = "") -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(type=type_, title=str(number), message=message)


@pytest.fixture
async def replica(shared: SharedNotifier, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """A second notifier on the shared one's stores."""
    async with ServiceProcess("notifier", shared.environment, tmp_path) as process:
        yield process


def sse(process: ServiceProcess) -> str:
    return f"http://{process.facts['http']}"


async def titles(events: EventStream, count: int) -> list[str]:
    return [(await events.next()).data["title"] for _ in range(count)]


async def test_what_is_sent_at_one_replica_is_seen_at_the_other(replica: ServiceProcess, alice: Caller) -> None:
    async with event_stream(sse(replica), alice.header) as events:
        await events.comment()
        await alice("SendNotification", a_request(1))
        assert await titles(events, 1) == ["1"]


async def test_one_sees_only_ones_own(shared: SharedNotifier, alice: Caller, signing: Signing) -> None:
    requests = [pb.SendNotificationRequest(type=LIVE, title="x", user_id=user) for user in ("bob", alice.user, "bob")]
    async with (
        Caller(shared.grpc, signing, "engine-0", auth.SERVICE) as engine,
        event_stream(shared.http, alice.header) as events,
    ):
        await events.comment()
        await engine("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
        await alice("SendNotification", a_request(9))
        assert [(await events.next()).data["user_id"] for _ in range(2)] == [alice.user, alice.user]


async def test_a_resume_across_a_crash_has_no_gap_and_nothing_twice(replica: ServiceProcess, alice: Caller) -> None:
    """300 in order, sent at one replica while the other, which is followed, is killed twice."""
    total, cursor = 300, ""
    seen: list[int] = []

    async def send_all() -> None:
        for first in range(0, total, 3):
            requests = [a_request(number) for number in range(first, first + 3)]
            await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
            await asyncio.sleep(0.005)

    async def follow(events: EventStream, until: int) -> None:
        nonlocal cursor
        while len(seen) < until:
            event = await events.next()
            assert event.name == "notification", event
            seen.append(int(event.data["title"]))
            cursor = event.last_event_id

    async with event_stream(sse(replica), alice.header) as events:
        await events.comment()
        sending = asyncio.create_task(send_all())
        await follow(events, 50)  # in the middle of a batch
    for until in (121, total):
        await replica.kill()
        await replica.start()
        async with event_stream(sse(replica), alice.header, last_event_id=cursor) as events:
            await follow(events, until)
    await sending
    assert seen == list(range(total))


async def test_a_cursor_works_at_the_other_replica_and_in_the_query(
    shared: SharedNotifier, replica: ServiceProcess, alice: Caller
) -> None:
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        await alice("SendNotification", a_request(1))
        cursor = (await events.next()).last_event_id
    await alice("SendNotification", a_request(2))
    async with event_stream(sse(replica), alice.header, last_event_id=cursor, in_query=True) as events:
        await alice("SendNotification", a_request(3))
        assert await titles(events, 2) == ["2", "3"]


async def test_a_heartbeats_cursor_resumes_too(shared: SharedNotifier, alice: Caller, signing: Signing) -> None:
    async with event_stream(shared.http, alice.header) as events:
        for _ in range(3):
            await events.comment()
        cursor = events.last_event_id
    await alice("SendNotification", a_request(1))
    async with event_stream(shared.http, alice.header, last_event_id=cursor) as events:
        assert await titles(events, 1) == ["1"]


async def test_a_flush_of_redis_is_told_once_and_the_stream_goes_on(
    own: ServiceProcess, signing: Signing, redis_url: str
) -> None:
    async with Caller(own.facts["grpc"], signing, "alice") as alice:
        async with event_stream(sse(own), alice.header) as events, Redis.from_url(redis_url) as client:
            await events.comment()
            await alice("SendNotification", a_request(1))
            before = await events.next()
            await client.flushall()
            assert (await events.next()).name == "resync"
            await alice("SendNotification", a_request(2))
            assert (await events.next()).data["title"] == "2"
        async with event_stream(sse(own), alice.header, last_event_id=before.last_event_id) as events:
            assert (await events.next()).name == "resync"


async def test_a_cursor_whose_successors_were_trimmed_is_not_resumed(
    shared: SharedNotifier, alice: Caller, valkey_url: str
) -> None:
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        await alice("SendNotification", a_request(1))
        cursor = (await events.next()).last_event_id
    for number in (2, 3):
        await alice("SendNotification", a_request(number))
    async with Redis.from_url(valkey_url) as client:
        await client.xtrim(redis_keys.notification_stream(shard_of(alice.user)), maxlen=1, approximate=False)
    async with event_stream(shared.http, alice.header, last_event_id=cursor) as events:
        assert (await events.next()).name == "resync"
        await alice("SendNotification", a_request(4))
        assert await titles(events, 1) == ["4"]


@asynccontextmanager
async def a_reader_that_reads_no_more(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> AsyncIterator[asyncio.StreamReader]:
    host, port = shared.http.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    head = (
        f"GET /v1/notifications/stream HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {signing.token(alice.user)}\r\n\r\n"
    )
    writer.write(head.encode())
    await reader.readline()
    yield reader
    writer.close()


async def flood(shared: SharedNotifier, alice: Caller, type_: str, count: int) -> None:
    """A second follower, who reads, gets all of it meanwhile."""
    async with event_stream(shared.http, alice.header) as fast:
        await fast.comment()
        for first in range(0, count, 200):
            requests = [a_request(first + offset, type_, message="x" * 2000) for offset in range(200)]
            await alice("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))
            assert await titles(fast, 200) == [str(first + offset) for offset in range(200)]


async def everything_listed(alice: Caller) -> set[str]:
    found: set[str] = set()
    page = pb.ListNotificationsResponse(next_page_token="")
    while not found or page.next_page_token:
        page = await alice(
            "ListNotifications", pb.ListNotificationsRequest(page_size=500, page_token=page.next_page_token)
        )
        found |= {one.notification_id for one in page.notifications}
    return found


async def read_until(reader: asyncio.StreamReader, word: bytes) -> bytes:
    received = b""
    async with asyncio.timeout(20):
        while word not in received[-4000:]:
            received += await reader.read(1_000_000) or pytest.fail("closed without a last word")
    return received


async def test_a_slow_follower_of_what_is_kept_is_ended_and_a_fast_one_is_not(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    async with a_reader_that_reads_no_more(shared, alice, signing) as slow:
        await flood(shared, alice, KEPT, 6000)
        received = await read_until(slow, b"event: end")
    assert b'"reason":"SLOW_CONSUMER"' in received[-400:]
    read = set(re.findall(rb'"notification_id":"([^"]+)"', received))
    assert len(read) < 6000
    # It comes back, is told that the rest is too much to be told again, and finds all of it in the list.
    cursor = re.findall(rb"id: (\S+)\n", received)[-1].decode()
    async with event_stream(shared.http, alice.header, last_event_id=cursor) as events:
        assert (await events.next()).name == "resync"
    listed = await everything_listed(alice)
    assert len(listed) == 6000
    assert {one.decode() for one in read} <= listed


async def test_a_slow_follower_of_what_is_live_is_told_how_many_it_has_not_got(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    async with a_reader_that_reads_no_more(shared, alice, signing) as slow:
        await flood(shared, alice, LIVE, 6000)
        received = await read_until(slow, b'"title":"5999"')
    dropped = sum(int(number) for number in re.findall(rb'"dropped":(\d+)', received))
    assert dropped > 0
    assert received.count(b"event: notification") == 6000 - dropped


async def test_who_follows_everybody_gets_everything_and_resumes(
    shared: SharedNotifier, alice: Caller, signing: Signing
) -> None:
    everybody = pb.WatchNotificationsRequest(all_users=True)
    mine = [f"{alice.user}-{number}" for number in range(20)]

    async def theirs(watch: Any, count: int) -> list[pb.WatchNotificationsResponse]:
        """Until `count` of these users' have come; the shared notifier has others too."""
        responses: list[pb.WatchNotificationsResponse] = []
        while sum(n.user_id in mine for response in responses for n in response.notifications) < count:
            async with asyncio.timeout(10):
                responses.append(await watch.read())
        return responses

    async def send(engine: Caller, title: str) -> None:
        requests = [pb.SendNotificationRequest(type=LIVE, title=title, user_id=user) for user in mine]
        await engine("BatchSendNotifications", pb.BatchSendNotificationsRequest(requests=requests))

    async with Caller(shared.grpc, signing, "engine-0", auth.SERVICE) as engine:
        watch = engine.stream("WatchNotifications", everybody)
        assert (await watch.read()).resumed
        await send(engine, "1")
        first = await theirs(watch, 20)
        watch.cancel()
        await send(engine, "2")
        resumed = engine.stream(
            "WatchNotifications", pb.WatchNotificationsRequest(all_users=True, cursor=first[-1].cursor)
        )
        assert (await resumed.read()).resumed
        await send(engine, "3")
        rest = await theirs(resumed, 40)
        resumed.cancel()
    assert {n.user_id for response in first for n in response.notifications if n.title == "1"} >= set(mine)
    titles_of = [n.title for response in rest for n in response.notifications if n.user_id in mine]
    assert titles_of == ["2"] * 20 + ["3"] * 20
    # A place in everybody's history is one in each user's.
    of_alice = alice.stream("WatchNotifications", pb.WatchNotificationsRequest(cursor=first[-1].cursor))
    assert (await of_alice.read()).resumed
    of_alice.cancel()


async def test_only_services_and_admins_follow_everybody(
    alice: Caller, signing: Signing, shared: SharedNotifier
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice.stream("WatchNotifications", pb.WatchNotificationsRequest(all_users=True)).read()
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    async with Caller(shared.grpc, signing, "root", auth.ADMIN) as admin:
        watch = alice.stream("WatchNotifications", pb.WatchNotificationsRequest())
        cursor = (await watch.read()).cursor
        watch.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as wrong:
            await admin.stream("WatchNotifications", pb.WatchNotificationsRequest(all_users=True, cursor=cursor)).read()
    assert from_rpc_error(wrong.value).violations[0].field == "cursor"


async def test_what_has_expired_is_not_replayed(shared: SharedNotifier, alice: Caller) -> None:
    async with event_stream(shared.http, alice.header) as events:
        await events.comment()
        request = a_request(1)
        request.ttl_seconds = 1
        await alice("SendNotification", request)
        live = await events.next()
        await alice("SendNotification", a_request(2))
    assert live.data["expires_at"] > live.data["created_at"]
    watch = alice.stream("WatchNotifications", pb.WatchNotificationsRequest())
    await watch.read()
    watch.cancel()
    cursor = live.last_event_id
    request.title = "3"
    await alice("SendNotification", request)
    await alice("SendNotification", a_request(4))
    await asyncio.sleep(1.1)
    async with event_stream(shared.http, alice.header, last_event_id=cursor) as events:
        assert await titles(events, 2) == ["2", "4"]


async def test_a_stopping_server_says_so_and_exits_cleanly(own: ServiceProcess, signing: Signing) -> None:
    async with Caller(own.facts["grpc"], signing, "alice") as alice:
        watch = alice.stream("WatchNotifications", pb.WatchNotificationsRequest())
        assert (await watch.read()).resumed
        async with event_stream(sse(own), alice.header) as events:
            await events.comment()
            stopping = asyncio.create_task(own.stop())
            end = await events.next()
            assert (end.name, end.data["reason"]) == ("end", "SERVER_STOPPING")
            with pytest.raises(StopAsyncIteration):
                await events.next()
        while not (last := await watch.read()).HasField("end"):
            assert not last.notifications
        assert last.end.reason == "SERVER_STOPPING"
        assert await stopping == 0


async def test_a_rolling_restart_hands_every_follower_over_without_a_loss(
    shared: SharedNotifier, replica: ServiceProcess, alice: Caller
) -> None:
    """It is told to go, comes back elsewhere with its cursor, and has missed nothing of what is sent all the while."""
    seen: list[int] = []
    cursor = ""

    async def send_all() -> None:
        for number in range(100):
            await alice("SendNotification", a_request(number))

    async with event_stream(sse(replica), alice.header) as events:
        await events.comment()
        sending = asyncio.create_task(send_all())
        stopping: asyncio.Task[int] | None = None
        while (event := await events.next()).name == "notification":
            seen.append(int(event.data["title"]))
            cursor = event.last_event_id
            if len(seen) == 30:
                stopping = asyncio.create_task(replica.stop())
        assert event.data["reason"] == "SERVER_STOPPING"
    async with event_stream(shared.http, alice.header, last_event_id=cursor) as events:
        while len(seen) < 100:
            event = await events.next()
            assert event.name == "notification"
            seen.append(int(event.data["title"]))
    await sending
    assert seen == list(range(100))
    assert stopping is not None
    assert await stopping == 0


async def test_a_stream_does_not_outlive_its_token(shared: SharedNotifier, signing: Signing) -> None:
    token = signing.token("alice", lifetime_seconds=1)
    async with event_stream(shared.http, {"authorization": f"Bearer {token}"}) as events:
        end = await events.next()
        assert (end.name, end.data["reason"]) == ("end", "UNAUTHENTICATED")


async def test_a_grpc_watch_is_live_resumes_and_beats(alice: Caller) -> None:
    watch = alice.stream("WatchNotifications", pb.WatchNotificationsRequest())
    opening = await watch.read()
    assert opening.resumed
    await alice("SendNotification", a_request(1, KEPT))
    batch = await watch.read()
    assert [(n.title, n.persisted) for n in batch.notifications] == [("1", True)]
    beat = await watch.read()
    assert not beat.notifications
    watch.cancel()
    await alice("SendNotification", a_request(2))
    resumed = alice.stream("WatchNotifications", pb.WatchNotificationsRequest(cursor=batch.cursor))
    assert (await resumed.read()).resumed
    assert [n.title for n in (await resumed.read()).notifications] == ["2"]
    resumed.cancel()


async def test_a_malformed_cursor_is_refused(shared: SharedNotifier, alice: Caller, signing: Signing) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await alice.stream("WatchNotifications", pb.WatchNotificationsRequest(cursor="abc")).read()
    assert from_rpc_error(refused.value).violations[0].field == "cursor"
    async with event_stream(shared.http, alice.header, last_event_id="abc") as events:
        assert events.response.status_code == 400


async def test_the_notifier_checks_tokens_itself(shared: SharedNotifier, signing: Signing) -> None:
    async with httpx.AsyncClient(base_url=shared.http) as client:
        for header in ({}, {"authorization": f"Bearer {signing.token('alice', lifetime_seconds=-60)}"}):
            answer = await client.get("/v1/notifications/stream", headers=header)
            assert answer.status_code == 401
            assert answer.json()["code"] == 16
            assert answer.json()["details"][0]["reason"] == "UNAUTHENTICATED"
        runner = await client.get("/v1/notifications/stream", headers=signing.header("runner-0", "runner"))
        assert runner.status_code == 403
        unknown = await client.get("/v1/notifications/stream?types=A", headers=signing.header("alice"))
        assert unknown.status_code == 400
        assert (await client.get("/healthz")).status_code == 200


async def test_an_event_has_the_same_fields_as_the_list_through_the_gateway(
    gateway: GatewayProcess, alice: Caller
) -> None:
    async with event_stream(gateway.url, alice.header) as events:
        await events.comment()
        await alice("SendNotification", pb.SendNotificationRequest(type=KEPT, title="ä€", data={"a": [1, "x", None]}))
        event = await events.next()
    async with httpx.AsyncClient(base_url=gateway.url) as client:
        listed = (await client.get("/v1/notifications", headers=alice.header)).json()
    assert listed["notifications"] == [event.data], json.dumps([listed, event.data])
