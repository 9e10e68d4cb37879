"""A notifier dies at every edge of the persisted path: its caller asks another under the same key, and there is one row, and one mail."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import asyncpg
import grpc
import pytest

from tests.integration.notifier.conftest import Caller, environment
from tests.support.outside_world import Mailbox
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.waiting import eventually
from tradewinds.v1 import notifier_pb2 as pb

TYPE = "ORDER_REJECTED"
INTAKE = (f"notifier.keep.before.{TYPE}", f"notifier.keep.after.{TYPE}", f"notifier.tell.after.{TYPE}")
DELIVERY = ("notifier.deliver.before.EMAIL", "notifier.deliver.sent.EMAIL", "notifier.deliver.after.EMAIL")
EMAIL = pb.NOTIFICATION_CHANNEL_EMAIL


def _doomed(variables: Mapping[str, str], folder: Path, failpoint: str) -> ServiceProcess:
    (folder / failpoint).mkdir()
    armed = {"FAILPOINTS": f"{failpoint}=kill", "FAILPOINTS_ALLOWED": "true"}
    return ServiceProcess("notifier", {**variables, **armed}, folder / failpoint)


def _request(key: str) -> pb.SendNotificationRequest:
    return pb.SendNotificationRequest(type=TYPE, title=key, dedupe_key=key)


async def test_whichever_step_it_dies_at_there_is_one_row_and_one_message(
    database_url: str, redis_url: str, signing: Signing, tmp_path: Path
) -> None:
    async with Mailbox() as mailbox:
        variables = environment(database_url, redis_url, signing) | {"EMAIL_PROVIDERS": mailbox.url}
        doomed = {name: _doomed(variables, tmp_path, name) for name in (*INTAKE, *DELIVERY)}
        survivor = ServiceProcess("notifier", variables, tmp_path)
        try:
            # Whoever would die of delivering is alone with it until it has.
            await doomed[INTAKE[0]].start()
            async with Caller(doomed[INTAKE[0]].facts["grpc"], signing, "alice") as alice:
                await _set_up(alice)
            for name in (*INTAKE[1:], *DELIVERY):
                await doomed[name].start()
            seen = [await _asked_in_vain(doomed[name], signing, name) for name in INTAKE]
            await _die_of_deliveries([doomed[name] for name in DELIVERY], database_url, signing)
            await survivor.start()
            async with Caller(survivor.facts["grpc"], signing, "alice") as alice:
                for key in seen:
                    await alice("SendNotification", _request(key))
            await _all_arrive(mailbox, database_url)
        finally:
            await asyncio.gather(*(one.kill() for one in (*doomed.values(), survivor)))


async def _set_up(alice: Caller) -> None:
    endpoint = pb.NotificationEndpoint(channel=EMAIL, address="alice@example.com")
    await alice("CreateNotificationEndpoint", pb.CreateNotificationEndpointRequest(user_id="me", endpoint=endpoint))
    ungrouped = pb.NotificationSettings(grouping_seconds=0)
    await alice("UpdateNotificationSettings", pb.UpdateNotificationSettingsRequest(user_id="me", settings=ungrouped))


async def _asked_in_vain(process: ServiceProcess, signing: Signing, key: str) -> str:
    async with Caller(process.facts["grpc"], signing, "alice") as alice:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await alice("SendNotification", _request(key))
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    await eventually(lambda: not process.is_running)
    return key


async def _die_of_deliveries(doomed: list[ServiceProcess], database_url: str, signing: Signing) -> None:
    """Whichever of them claims the next one dies of it at its own step; what a dead one held is not waited for."""
    connection = await asyncpg.connect(database_url)
    try:
        for number in range(100):
            living = [process for process in doomed if process.is_running]
            if not living:
                return
            async with Caller(living[0].facts["grpc"], signing, "alice") as alice:
                # Where it dies meanwhile the row may be there.
                with suppress(grpc.aio.AioRpcError):
                    await alice("SendNotification", _request(f"mail {number}"))
            await connection.execute("UPDATE notification_deliveries SET due_at = now() WHERE state = 'SENDING'")
            await asyncio.sleep(0.1)
    finally:
        await connection.close()
    raise AssertionError("one of them outlived its failpoint")


async def _all_arrive(mailbox: Mailbox, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE notification_deliveries SET due_at = now() WHERE state = 'SENDING'")
        kept = await connection.fetch("SELECT notification_id, dedupe_key FROM notifications")
        assert {row["dedupe_key"] for row in kept} >= set(INTAKE)
        assert max(Counter(row["dedupe_key"] for row in kept).values()) == 1
        ids = {row["notification_id"] for row in kept}
        await eventually(
            lambda: ids <= {str(mail["X-Tradewinds-Notification"]) for mail in mailbox.mails}, timeout=30, interval=0.1
        )
        arrived = {(str(mail["X-Tradewinds-Notification"]), str(mail["Message-ID"])) for mail in mailbox.mails}
        assert len(arrived) == len(kept)
        # One died with the server's 250 in its hand: that mail came twice, under one id.
        assert len(mailbox.mails) > len(kept)
    finally:
        await connection.close()
