"""The broker's margins before an entry, and what the owner of an account says of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import grpc
import pytest

from engine_server.broker.port import BrokerError, FundsReport, MarginReport, OrderTicket, StreamConnected, StreamLost
from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import Engine, MemoryFence, add_strategy
from tests.integration.oms.risk_server import serving_operations
from tests.support.waiting import eventually
from tradewinds.errors import from_rpc_error
from tradewinds.v1 import operations_pb2 as pb


class MarginBroker(ScriptedBroker):
    """Blocks a fifth of the value; may have no answer."""

    def __init__(self, rupees: int | None) -> None:
        super().__init__()
        self.leave(rupees)
        self.margin_calls = 0
        self.margin_error: BrokerError | None = None

    async def margin(self, tickets: Sequence[OrderTicket]) -> MarginReport:
        self.margin_calls += 1
        if self.margin_error is not None:
            raise self.margin_error
        return MarginReport(sum((t.price * t.quantity for t in tickets), Decimal(0)) / 5, {})

    def leave(self, rupees: int | None) -> None:
        left = Decimal(rupees) if rupees is not None else None
        self.funds_report = FundsReport(left, left, None, Decimal(500), None, None)


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> MarginBroker:
    """3000 rupees are left unless the test says otherwise: 10 RELIANCE at 1400 block 2800."""
    return MarginBroker(getattr(request, "param", 3_000))


async def test_an_entry_beyond_the_margin_is_denied_with_the_figures_and_an_exit_is_not(
    engine: Engine, broker: MarginBroker
) -> None:
    await add_strategy(engine.database)
    bought = await engine.place_for("momo", 1)
    assert bought.state == "SUBMITTING"
    denied = await engine.place_for("momo", 1)  # what was admitted meanwhile counts
    assert (denied.state, denied.reason) == ("DENIED", "INSUFFICIENT_MARGIN")
    assert "would block 2800.00 rupees, 200.00 are left" in denied.message
    broker.leave(0)
    broker.fill((await engine.accepted(bought)), 10, "1400")
    await engine.wait_for(bought.order_id, "FILLED")
    asked = broker.margin_calls
    sold = await engine.place_for("momo", 1, side="SELL", price=Decimal(1400))
    assert (sold.state, sold.is_exit, broker.margin_calls) == ("SUBMITTING", True, asked)


async def test_a_fill_has_the_funds_read_again_before_anybody_is_denied(engine: Engine, broker: MarginBroker) -> None:
    first = await engine.place()
    await engine.cancel(first.order_id)
    await engine.wait_for(first.order_id, "CANCELLED")  # its margin is free again
    assert (await engine.place()).state == "SUBMITTING"


@pytest.mark.parametrize("broker", [0], indirect=True)
async def test_without_the_margin_of_an_order_the_broker_itself_is_the_judge(
    engine: Engine, broker: MarginBroker
) -> None:
    broker.margin_error = BrokerError("no margins today")
    assert (await engine.place()).state == "SUBMITTING"
    management = engine.management
    assert management is not None
    assert management.status().margin.problem == "no margins today"


@pytest.mark.parametrize("broker", [None], indirect=True)
async def test_without_funds_the_broker_itself_is_the_judge(engine: Engine) -> None:
    assert (await engine.place()).state == "SUBMITTING"


async def test_entries_wait_for_one_read_after_the_stream_was_lost(engine: Engine, broker: ScriptedBroker) -> None:
    broker.read_errors.extend(BrokerError("down") for _ in range(3))
    broker.push(StreamLost("cut"))
    management = engine.management
    assert management is not None
    await eventually(lambda: not management.status().vitals.stream_connected, what="the loss is noticed")
    denied = await engine.place()
    assert (denied.reason, "the order stream was lost" in denied.message) == ("STREAM_RECONCILING", True)

    async def let_through() -> bool:
        return (await engine.place()).state == "SUBMITTING"

    await eventually(let_through, what="a clean read")
    broker.push(StreamConnected())
    await eventually(lambda: management.status().vitals.stream_connected, what="it stands again")


@pytest.mark.parametrize("broker", [50_000], indirect=True)
async def test_the_owner_says_how_the_account_is(engine: Engine, broker: MarginBroker, tmp_path: Path) -> None:
    await engine.place()
    async with serving_operations(engine, tmp_path, MemoryFence()) as operations:
        asked = pb.GetBrokerAccountRequest(account_id="ACC1")
        account = await operations.stub.GetBrokerAccount(asked, metadata=operations.as_("asha"))
        status = account.status
        assert (account.gate, account.epoch, account.owner_id) == (pb.GATE_OPEN, 1, "engine-0")
        assert (status.session_usable, status.fence_epoch, status.order_stream.connected) == (True, 1, True)
        assert (status.working_orders, status.unknown_orders, status.reconciling) == (1, 0, "")
        assert (status.margin.available, status.margin.utilised, status.margin.committed) == (
            "50000.00",
            "500.00",
            "2800.00",
        )
        assert [(b.category, b.limit, b.left) for b in status.budgets] == [("place", 9, 9)]
        for moment in ("as_of", "reconciled_at", "positions_compared_at", "fence_confirmed_at"):
            assert status.HasField(moment), moment
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await operations.stub.GetBrokerAccount(asked, metadata=operations.as_("ravi"))
        assert from_rpc_error(raised.value).reason == "NOT_FOUND"


async def test_without_an_owner_what_is_on_record_is_said(engine: Engine, tmp_path: Path) -> None:
    await engine.database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials, enabled) "
        "VALUES ('ACC2', 'asha', 'C2', '', true)"
    )
    await engine.database.pool.execute(
        "INSERT INTO account_leases (account_id, owner_id, owner_address, epoch, expires_at, gate, gate_reason) "
        "VALUES ('ACC2', 'engine-9', '', 7, now() + interval '1 h', 'CLOSED', 'it starts')"
    )
    async with serving_operations(engine, tmp_path, MemoryFence()) as operations:
        asked = pb.GetBrokerAccountRequest(account_id="ACC2")
        account = await operations.stub.GetBrokerAccount(asked, metadata=operations.as_("asha"))
        assert (account.epoch, account.gate_reason, account.HasField("status")) == (7, "it starts", False)
        given_back = (
            "UPDATE account_leases SET expires_at = now() - interval '1 s', gate_reason = $1 WHERE account_id = 'ACC2'"
        )
        for why, said in (("stopped by break-glass", ": stopped by break-glass"), ("", "")):
            await engine.database.pool.execute(given_back, why)
            account = await operations.stub.GetBrokerAccount(asked, metadata=operations.as_("asha"))
            assert (account.owner_id, account.gate_reason) == ("", f"no engine owns this account now{said}")
