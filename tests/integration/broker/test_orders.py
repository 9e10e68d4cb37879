"""An order's life at a real sandbox, through a real egress."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.port import (
    Accepted,
    BrokerError,
    NotSent,
    OrderReport,
    Refused,
    ReportStatus,
    StreamConnected,
    StreamEvent,
    StreamLost,
)
from sandbox.tls import server_context
from tests.support.angel_one import SBIN, KeptInMemory, broker_at, running_egress, ticket
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.ids import new_id

ABOVE = Decimal("990.00")  # beyond generated prices of SBIN (940), inside its band: fills at once
BELOW = Decimal("890.00")


def new_tag() -> str:
    return new_id("T").replace("-", "")[-19:]


async def placed(broker: AngelOneBroker, tag: str, **other: Any) -> Accepted:
    outcome = await broker.place(ticket(tag, **other))
    assert isinstance(outcome, Accepted), outcome
    return outcome


async def until(events: AsyncIterator[StreamEvent], tag: str, status: ReportStatus) -> list[OrderReport]:
    """The reports of one order up to and with the first of this status."""
    reports = []
    async with asyncio.timeout(10):
        async for event in events:
            if isinstance(event, OrderReport) and event.tag == tag:
                reports.append(event)
                if event.status is status:
                    return reports
    raise AssertionError("an order stream never ends")


async def in_state(broker: AngelOneBroker, accepted: Accepted, raw_status: str) -> OrderReport:
    """The order's details once the broker calls it so."""

    async def look() -> OrderReport | None:
        report = await broker.order_details(accepted.unique_order_id)
        return report if report is not None and report.raw_status == raw_status else None

    found = await eventually(look)
    assert found is not None
    return found


async def placements(sandbox: SandboxProcess, tag: str) -> list[dict[str, Any]]:
    records = await sandbox.truth("request")
    return [r for r in records if r["route"].endswith("placeOrder") and r["body"].get("ordertag") == tag]


async def test_a_marketable_order_is_accepted_reported_filled_and_booked(
    broker: AngelOneBroker, sandbox: SandboxProcess
) -> None:
    async with aclosing(broker.order_stream()) as events:
        assert await anext(events) == StreamConnected()
        before = {(p.token, p.product): p for p in await broker.positions()}
        tag = new_tag()
        accepted = await placed(broker, tag, price=ABOVE, quantity=2)
        last = (await until(events, tag, ReportStatus.FILLED))[-1]
    assert (last.broker_order_id, last.filled_quantity, last.raw_status) == (accepted.broker_order_id, 2, "complete")
    assert Decimal(0) < last.average_price <= ABOVE

    (row,) = [r for r in await broker.order_book() if r.tag == tag]
    assert (row.unique_order_id, row.status, row.average_price) == (
        accepted.unique_order_id,
        ReportStatus.FILLED,
        last.average_price,
    )
    assert await broker.order_details(accepted.unique_order_id) == row
    after = {(p.token, p.product): p for p in await broker.positions()}[("3045", "MIS")]
    known = before.get(("3045", "MIS"))
    assert after.net_quantity == (known.net_quantity if known else 0) + 2
    assert len(await placements(sandbox, tag)) == 1


async def test_a_resting_order_is_cancelled_and_the_stream_says_so(broker: AngelOneBroker) -> None:
    async with aclosing(broker.order_stream()) as events:
        await anext(events)
        tag = new_tag()
        accepted = await placed(broker, tag, price=BELOW)
        await in_state(broker, accepted, "open")
        cancelled = await broker.cancel(accepted.broker_order_id, "LIMIT")
        assert cancelled == Accepted(accepted.broker_order_id, accepted.unique_order_id)
        assert (await until(events, tag, ReportStatus.CANCELLED))[-1].filled_quantity == 0


async def test_a_stop_order_is_armed_and_cancelled_under_its_own_variety(broker: AngelOneBroker) -> None:
    accepted = await placed(
        broker, new_tag(), order_type="SL", side="BUY", price=ABOVE, trigger_price=ABOVE - Decimal(5)
    )
    await in_state(broker, accepted, "trigger pending")
    wrong = await broker.cancel(accepted.broker_order_id, "LIMIT")
    assert isinstance(wrong, Refused)
    assert wrong.code == "AB1008"
    assert isinstance(await broker.cancel(accepted.broker_order_id, "SL"), Accepted)


async def test_what_the_exchange_rejects_was_accepted_first_and_says_why(broker: AngelOneBroker) -> None:
    accepted = await placed(broker, new_tag(), price=Decimal("612.42"))  # off the tick grid
    report = await in_state(broker, accepted, "rejected")
    assert report.status is ReportStatus.REJECTED
    assert report.text


async def test_what_the_broker_refuses_at_once_is_refused_with_its_code(broker: AngelOneBroker) -> None:
    elsewhere = msgspec.structs.replace(SBIN, token="999999999")
    outcome = await broker.place(ticket(new_tag(), instrument=elsewhere))
    assert isinstance(outcome, Refused)
    assert outcome.code == "AB4006"
    assert outcome.message.startswith("Invalid symboltoken; ")
    cancel = await broker.cancel("261122999999999", "LIMIT")
    assert isinstance(cancel, Refused)
    assert cancel.code == "AB1013"


async def test_an_order_that_the_broker_does_not_know_has_no_details(broker: AngelOneBroker) -> None:
    assert await broker.order_details("00000000-0000-4000-8000-000000000000") is None
    with pytest.raises(BrokerError):
        await broker.order_details("")


async def test_a_ticket_that_must_not_be_sent_is_not(broker: AngelOneBroker, sandbox: SandboxProcess) -> None:
    tag = new_tag()
    outcome = await broker.place(ticket(tag, order_type="MARKET"))
    assert isinstance(outcome, NotSent)
    assert await placements(sandbox, tag) == []


async def test_with_the_egress_down_an_order_is_provably_not_sent_and_with_it_back_it_goes(
    sandbox: SandboxProcess,
) -> None:
    async with running_egress(sandbox.https_url) as egress, broker_at(sandbox, egress.url) as broker:
        await broker.login()
        await egress.stop()
        tag = new_tag()
        outcome = await broker.place(ticket(tag))
        assert isinstance(outcome, NotSent)
        assert await placements(sandbox, tag) == []
        await egress.start()
        await placed(broker, tag, price=BELOW)
    assert len(await placements(sandbox, tag)) == 1


async def test_an_egress_that_refuses_the_tunnel_says_why(
    sandbox: SandboxProcess, broker: AngelOneBroker, store: KeptInMemory
) -> None:
    async with (
        running_egress("https://127.0.0.1:1") as egress,
        broker_at(sandbox, egress.url, store=store) as misrouted,
    ):
        await misrouted.login()
        outcome = await misrouted.place(ticket(new_tag()))
    assert isinstance(outcome, NotSent)
    assert "403" in outcome.message
    assert "is not one of the allowed targets" in outcome.message


async def test_a_broker_under_another_authority_is_sent_nothing(
    sandbox: SandboxProcess, egress_url: str, broker: AngelOneBroker, store: KeptInMemory, tmp_path: Path
) -> None:
    server_context(tmp_path, "127.0.0.1")
    before = len(await sandbox.truth("request"))
    async with broker_at(sandbox, egress_url, store=store, ca_file=tmp_path / "ca.pem") as distrusting:
        await distrusting.login()
        outcome = await distrusting.place(ticket(new_tag()))
        with pytest.raises(BrokerError, match="certificate"):
            await distrusting.order_book()
        async with aclosing(distrusting.order_stream()) as events:
            lost = await anext(events)
    assert isinstance(outcome, NotSent)
    assert isinstance(lost, StreamLost)
    assert "certificate" in outcome.message.lower()
    assert "certificate" in lost.reason.lower()
    assert len(await sandbox.truth("request")) == before


async def test_the_egress_sees_which_account_and_epoch_it_serves(sandbox: SandboxProcess) -> None:
    with structlog.testing.capture_logs() as logs:
        async with running_egress(sandbox.https_url) as egress, broker_at(sandbox, egress.url, epoch=42) as broker:
            await broker.login()
            async with aclosing(broker.order_stream()) as events:
                assert await anext(events) == StreamConnected()
        await eventually(lambda: [line for line in logs if line["action"] == "egress.tunnel.closed"])
    tunnels = [line for line in logs if line["action"] == "egress.tunnel.opened"]
    assert len(tunnels) >= 7  # four for orders, two for reads, the stream
    assert {(line["account_id"], line["epoch"]) for line in tunnels} == {("ACC1", 42)}


async def test_no_secret_is_in_any_log_line(
    sandbox: SandboxProcess, store: KeptInMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """A login, an order, a refusal, a stream and an outage, with every library at its most talkative."""
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as logs:
        async with running_egress(sandbox.https_url) as egress, broker_at(sandbox, egress.url, store=store) as broker:
            await broker.login()
            async with aclosing(broker.order_stream()) as events:
                await anext(events)
                accepted = await placed(broker, new_tag(), price=BELOW)
                await broker.cancel("261122999999999", "LIMIT")
                await broker.order_details(accepted.unique_order_id)
                await egress.stop()
                assert isinstance(await broker.place(ticket(new_tag())), NotSent)
    assert store.session is not None
    known, tokens = sandbox.credentials, store.session.tokens
    said = repr(logs) + caplog.text
    assert "egress.tunnel.opened" in said
    for secret in (known.totp_secret, known.api_key, tokens.jwt, tokens.refresh_token, tokens.feed_token):
        assert secret not in said
    assert f"'{known.pin}'" not in said
    assert not (Path.cwd() / "logs").exists()
