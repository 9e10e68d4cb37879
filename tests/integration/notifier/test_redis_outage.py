"""Redis goes away and comes back empty: nothing kept is lost, and followers are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from tests.integration.notifier.conftest import Caller
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.sse import event_stream
from tests.support.waiting import eventually
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
    valkey: EmbeddedValkey, notifier_environment: dict[str, str], tmp_path: Path
) -> AsyncIterator[ServiceProcess]:
    async with ServiceProcess("notifier", {**notifier_environment, "REDIS_URL": valkey.url}, tmp_path) as process:
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
    valkey: EmbeddedValkey, notifier: ServiceProcess, alice: Caller, signing: Signing
) -> None:
    async with event_stream(f"http://{notifier.facts['http']}", signing.header("alice")) as events:
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


async def test_a_notifier_starts_without_redis_and_keeps_what_must_be_kept(
    valkey: EmbeddedValkey, notifier: ServiceProcess, signing: Signing
) -> None:
    await valkey.stop()
    await notifier.stop()
    await notifier.start()
    caller = Caller(notifier.facts["grpc"], signing.token("alice"))
    assert (await caller("SendNotification", pb.SendNotificationRequest(type=KEPT, title="kept"))).persisted
    await caller.close()
