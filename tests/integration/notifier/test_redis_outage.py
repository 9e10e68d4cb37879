"""Redis goes away and comes back empty: nothing kept is lost, and followers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import grpc
import httpx
import pytest

from tests.integration.notifier.conftest import Caller, SharedNotifier, environment
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.sse import event_stream
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import eventually
from tradewinds import auth
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.v1 import notifier_pb2 as pb

LIVE, KEPT = "ORDER_PARTIALLY_FILLED", "ORDER_EXECUTED"


@pytest.fixture
async def valkey(state_dir: Path) -> AsyncIterator[EmbeddedValkey]:
    """One that a test may stop; it comes back on the same port."""
    async with EmbeddedValkey(state_dir) as server:
        yield server


@pytest.fixture
async def notifier(
    valkey: EmbeddedValkey, database_url: str, signing: Signing, tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    async with ServiceProcess("notifier", environment(database_url, valkey.url, signing), tmp_path) as process:
        yield process


async def sends_live(caller: Caller) -> bool:
    try:
        await caller("SendNotification", pb.SendNotificationRequest(type=LIVE, title="probe"))
    except grpc.aio.AioRpcError as e:
        if e.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    return True


async def test_what_is_kept_goes_on_and_followers_are_told_once(
    valkey: EmbeddedValkey, notifier: ServiceProcess, signing: Signing
) -> None:
    async with (
        Caller(notifier.facts["grpc"], signing, "alice") as alice,
        event_stream(f"http://{notifier.facts['http']}", alice.header) as events,
    ):
        await events.comment()
        await valkey.stop()
        assert not await sends_live(alice)
        for number in range(3):
            request = pb.SendNotificationRequest(type=KEPT, title=f"kept {number}", dedupe_key=str(number))
            assert (await alice("SendNotification", request)).persisted
        await valkey.start()
        await eventually(lambda: sends_live(alice))
        seen = [await events.next(), await events.next()]
        assert seen[0].name == "resync"
        assert (seen[1].name, seen[1].data["title"]) == ("notification", "probe")
        listed = await alice("ListNotifications", pb.ListNotificationsRequest())
    assert [n.title for n in listed.notifications] == ["kept 2", "kept 1", "kept 0"]


async def test_health_is_what_comes_through_the_live_path(
    valkey: EmbeddedValkey, notifier: ServiceProcess, signing: Signing
) -> None:
    async with (
        Caller(notifier.facts["grpc"], signing, "alice") as alice,
        httpx.AsyncClient(base_url=f"http://{notifier.facts['http']}") as client,
        event_stream(f"http://{notifier.facts['http']}", alice.header) as events,
    ):
        await events.comment()
        everybody = Caller(notifier.facts["grpc"], signing, "engine-0", auth.SERVICE)
        async with everybody as engine:
            watch = engine.stream("WatchNotifications", pb.WatchNotificationsRequest(all_users=True))
            await watch.read()
            assert (await client.get("/healthz")).status_code == 200
            await valkey.stop()
            await eventually(lambda: answers(client, 503), timeout=20)
            assert (await client.get("/healthz")).json()["status"] == "LIVE_PATH_BROKEN"
            await valkey.start()
            await eventually(lambda: answers(client, 200), timeout=20)
            await eventually(lambda: sends_live(alice))
            # The store has begun again, which is told once; the canaries that were lost are nobody's loss.
            assert [(await events.next()).name for _ in range(2)] == ["resync", "notification"]
            while not (response := await watch.read()).notifications:
                pass
            assert [one.title for one in response.notifications] == ["probe"]
            watch.cancel()


async def answers(client: httpx.AsyncClient, status: int) -> bool:
    return (await client.get("/healthz")).status_code == status


async def test_a_notifier_starts_without_redis_and_keeps_what_must_be_kept(
    valkey: EmbeddedValkey, notifier: ServiceProcess, signing: Signing
) -> None:
    await valkey.stop()
    await notifier.stop()
    await notifier.start()
    async with Caller(notifier.facts["grpc"], signing, "alice") as alice:
        assert (await alice("SendNotification", pb.SendNotificationRequest(type=KEPT, title="kept"))).persisted


async def test_what_one_replica_could_not_tell_is_told_to_followers_of_another(
    shared: SharedNotifier, alice: Caller, signing: Signing, tmp_path: Path
) -> None:
    """Only the sending replica loses Redis: the follower's own replica would notice nothing."""
    redis_url = urlsplit(shared.environment["REDIS_URL"])
    assert redis_url.port is not None
    async with TcpProxy("127.0.0.1", redis_url.port) as proxy, event_stream(shared.http, alice.header) as events:
        through_proxy = redis_url._replace(netloc=redis_url.netloc.replace(f":{redis_url.port}", f":{proxy.port}"))
        cut_off = {**shared.environment, "REDIS_URL": urlunsplit(through_proxy)}
        async with (
            ServiceProcess("notifier", cut_off, tmp_path) as process,
            Caller(process.facts["grpc"], signing, alice.user) as at_cut_off,
        ):
            await at_cut_off("SendNotification", pb.SendNotificationRequest(type=KEPT, title="before"))
            before = await events.next()
            proxy.cut()
            kept = await at_cut_off("SendNotification", pb.SendNotificationRequest(type=KEPT, title="untold"))
            assert kept.persisted
            proxy.mend()
            assert (await events.next()).name == "resync"
            await alice("SendNotification", pb.SendNotificationRequest(type=KEPT, title="after"))
            assert (await events.next()).data["title"] == "after"
    # Nor is the gap forgotten by who comes back with an older cursor.
    async with event_stream(shared.http, alice.header, last_event_id=before.last_event_id) as events:
        assert (await events.next()).name == "resync"


async def test_a_short_cut_of_the_reader_loses_nothing(shared: SharedNotifier, alice: Caller, tmp_path: Path) -> None:
    redis_url = urlsplit(shared.environment["REDIS_URL"])
    assert redis_url.port is not None
    async with TcpProxy("127.0.0.1", redis_url.port) as proxy:
        through_proxy = redis_url._replace(netloc=redis_url.netloc.replace(f":{redis_url.port}", f":{proxy.port}"))
        cut_off = {**shared.environment, "REDIS_URL": urlunsplit(through_proxy)}
        async with (
            ServiceProcess("notifier", cut_off, tmp_path) as process,
            event_stream(f"http://{process.facts['http']}", alice.header) as events,
        ):
            await events.comment()
            proxy.cut()
            for number in range(3):
                await alice("SendNotification", pb.SendNotificationRequest(type=LIVE, title=str(number)))
            proxy.mend()
            assert [(await events.next()).data["title"] for _ in range(3)] == ["0", "1", "2"]
