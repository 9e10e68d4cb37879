"""The OMS through the real adapter and a real egress at a real sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
import structlog
import uvloop

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from engine_server.oms.domain.protection import Quote
from tests.integration.oms.engine import ACCOUNT, FAST, Engine, add_account, add_strategy, running_engine
from tests.integration.oms.risk_server import serving_operations
from tests.robustness.shares import SHARES, ListedShares
from tests.support.angel_one import EgressForTests, broker_settings, credentials_of, running_egress
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds import failpoints
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.failpoints import Failpoint
from tradewinds.v1 import risk_pb2 as pb

ABOVE = Decimal("1490.00")  # beyond generated prices of RELIANCE (1420), inside its band: fills at once
BELOW = Decimal("1350.00")
SBIN = next(share for share in SHARES if share.instrument.name == "SBIN")
SEAL_KEY = b"s" * 32


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, as in `tradewinds.service.run`."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    """A real sandbox process, shared by the module's tests: each has a database, so tags tell their orders apart."""
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def egress(sandbox: SandboxProcess) -> AsyncIterator[EgressForTests]:
    async with running_egress(sandbox.https_url) as egress:
        yield egress


@pytest.fixture
def make_broker(
    sandbox: SandboxProcess, egress: EgressForTests, database: Database
) -> Callable[[Account, int], Broker]:
    def make(account: Account, epoch: int) -> Broker:
        return AngelOneBroker(
            account.account_id,
            credentials_of(sandbox.credentials),
            broker_settings(sandbox.https_url, sandbox.ca_file),
            egress.url,
            epoch,
            PostgresSessionStore(database, SEAL_KEY, account.account_id),
        )

    return make


@pytest.fixture
async def engine(
    database: Database,
    broker: ScriptedBroker,
    make_broker: Callable[[Account, int], Broker],
    egress: EgressForTests,
) -> AsyncIterator[Engine]:
    """An engine whose account is at the sandbox; the scripted broker of other tests is not used."""
    await add_account(database)
    async with running_engine(
        database, broker, make_broker=make_broker, fence=EgressFence(egress.url, "engine-0")
    ) as engine:
        yield engine


async def placements(sandbox: SandboxProcess, tag: str) -> int:
    records = await sandbox.truth("request")
    return sum(1 for r in records if r["route"].endswith("placeOrder") and r["body"].get("ordertag") == tag)


async def net_at_broker(sandbox: SandboxProcess, make_broker: Callable[[Account, int], Broker]) -> int:
    broker = make_broker(Account(ACCOUNT, "asha", "C1", b""), 1)
    await broker.login()
    try:
        return sum(report.net_quantity for report in await broker.positions() if report.token == "2885")
    finally:
        await broker.close()


async def test_an_order_fills_into_books_that_agree_with_the_broker(
    engine: Engine, sandbox: SandboxProcess, make_broker: Callable[[Account, int], Broker]
) -> None:
    before = await net_at_broker(sandbox, make_broker)
    await add_strategy(engine.database, capital=Decimal(100_000))
    order = await engine.place_for("momo", 1, price=ABOVE)
    filled = await engine.wait_for(order.order_id, "FILLED", filled_quantity=10)
    assert filled.average_price
    assert Decimal(0) < filled.average_price <= ABOVE
    (book,) = await engine.queries.strategy_positions("momo")
    assert (book.net_quantity, book.average_price) == (10, filled.average_price)
    assert await net_at_broker(sandbox, make_broker) == before + 10
    sold = await engine.place_for("momo", 1, side="SELL", price=BELOW)
    await engine.wait_for(sold.order_id, "FILLED")
    (book,) = await engine.queries.strategy_positions("momo")
    trades = await engine.rows("SELECT side, quantity, price FROM trades")
    cash = sum(t["quantity"] * t["price"] * (1 if t["side"] == "SELL" else -1) for t in trades)
    assert (book.net_quantity, book.average_price, book.realised_pnl) == (0, None, cash)
    assert await net_at_broker(sandbox, make_broker) == before
    assert [await placements(sandbox, one.tag) for one in (order, sold)] == [1, 1]


async def test_a_square_off_in_the_brokers_app_while_the_strategy_exits(
    engine: Engine, sandbox: SandboxProcess, make_broker: Callable[[Account, int], Broker]
) -> None:
    """What rests to exit goes; the position is flat, the close is the strategy's, and a further exit is refused."""
    before = await net_at_broker(sandbox, make_broker)
    await add_strategy(engine.database, capital=Decimal(100_000))
    entry = await engine.place_for("momo", 1, price=ABOVE)
    await engine.wait_for(entry.order_id, "FILLED")
    resting = await engine.place_for("momo", 1, side="SELL", price=ABOVE + 20, reduce_only=True)
    await engine.accepted(resting)
    assert await sell_by_hand(sandbox, 10) == 200
    await engine.wait_for(resting.order_id, "CANCELLED", filled_quantity=0)
    (closing,) = await engine.rows(
        "SELECT config_id, state FROM orders WHERE origin = 'EXTERNAL' AND config_id = 'momo'"
    )
    assert closing == {"config_id": "momo", "state": "FILLED"}
    (book,) = await engine.queries.strategy_positions("momo")
    assert book.net_quantity == 0
    assert await net_at_broker(sandbox, make_broker) == before
    told = await engine.event_log.read_after("momo", 0, 100)
    assert any(e.trade is not None and e.order is not None and e.order.origin == "EXTERNAL" for e in told)
    late = await engine.place_for("momo", 1, side="SELL", price=BELOW, reduce_only=True)
    assert (late.state, late.reason) == ("DENIED", "EXIT_EXCEEDS_OPEN")


async def test_a_sale_in_the_brokers_app_and_an_exit_in_the_same_moment(
    engine: Engine, sandbox: SandboxProcess, make_broker: Callable[[Account, int], Broker]
) -> None:
    """Both fill, which only the exchange could prevent: the books say so, whoever wants to know is told, and it can be closed again."""
    before = await net_at_broker(sandbox, make_broker)
    await add_strategy(engine.database, capital=Decimal(100_000))
    entry = await engine.place_for("momo", 1, price=ABOVE)
    await engine.wait_for(entry.order_id, "FILLED")
    failpoints.arm((Failpoint("oms.send.before.place", "sleep", milliseconds=700, nth=1),))  # it is on its way
    try:
        leaving = await engine.place_for("momo", 1, side="SELL", price=BELOW, reduce_only=True)
        assert leaving.state == "SUBMITTING"
        assert await sell_by_hand(sandbox, 10) == 200
        await engine.wait_for(leaving.order_id, "FILLED", filled_quantity=10)
        await eventually(lambda: _external_filled(engine), timeout=10, what="the sale in the app is booked")
    finally:
        failpoints.arm(())
    books = await engine.rows("SELECT config_id, net_quantity FROM positions ORDER BY config_id")
    assert books == [{"config_id": "", "net_quantity": -10}, {"config_id": "momo", "net_quantity": -10}]
    assert await net_at_broker(sandbox, make_broker) == before - 10
    story = " ".join(line.text for line in await engine.queries.story(leaving.order_id))
    assert "what it was to close was closed by somebody else" in story
    told = await engine.rows("SELECT payload->>'title' AS title FROM outbox WHERE topic = 'ORDER_EXECUTED'")
    assert any("not placed here" in notice["title"] for notice in told)
    back = await engine.place_for("momo", 1, price=ABOVE, reduce_only=True)
    await engine.wait_for(back.order_id, "FILLED")
    assert await net_at_broker(sandbox, make_broker) == before
    over = await engine.place_for("momo", 1, price=ABOVE, reduce_only=True)
    assert (over.state, over.reason) == ("DENIED", "EXIT_EXCEEDS_OPEN")


async def test_a_split_at_the_broker_is_booked_and_raises_no_alarm(
    database: Database, sandbox: SandboxProcess, make_broker: Callable[[Account, int], Broker], egress: EgressForTests
) -> None:
    settings = replace(FAST, recovery=replace(FAST.recovery, positions_seconds=0.3))
    await add_account(database)
    await add_strategy(database, capital=Decimal(100_000))
    async with running_engine(
        database,
        ScriptedBroker(),
        make_broker=make_broker,
        fence=EgressFence(egress.url, "engine-0"),
        settings=settings,
        instruments=ListedShares(),
    ) as engine:
        order = await engine.place_for("momo", 1, instrument="SBIN", product="CNC", price=SBIN.crossing_buy)
        filled = await engine.wait_for(order.order_id, "FILLED")
        await sandbox.fault("corporate_action", route="NSE:3045", details={"kind": "SPLIT", "ratio": "2:1"})

        async def doubled() -> bool:
            (book,) = await engine.queries.strategy_positions("momo")
            assert (book.net_quantity, book.average_price) == (20, (filled.average_price or 0) / 2)
            return True

        await eventually(doubled, timeout=20, what="the split is booked")
        assert await engine.rows("SELECT kind, message FROM account_holds") == []
        (booked,) = await engine.rows(
            "SELECT reason, quantity FROM orders WHERE origin = 'BOOKING' AND config_id = 'momo'"
        )
        assert booked == {"reason": "CORPORATE_ACTION", "quantity": 10}
        told = [row["topic"] for row in await engine.rows("SELECT topic FROM outbox")]
        assert ("POSITION_SETTLED" in told, "POSITION_DIFFERENCE" in told) == (True, False)


async def _external_filled(engine: Engine) -> bool:
    return bool(await engine.rows("SELECT 1 FROM orders WHERE origin = 'EXTERNAL' AND state = 'FILLED'"))


async def sell_by_hand(sandbox: SandboxProcess, quantity: int) -> int:
    """In the broker's own app; the HTTP status."""
    body = {
        "variety": "NORMAL",
        "exchange": "NSE",
        "tradingsymbol": "RELIANCE-EQ",
        "symboltoken": "2885",
        "transactiontype": "SELL",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": str(BELOW),
        "quantity": str(quantity),
    }
    async with aiohttp.ClientSession() as http, http.post(f"{sandbox.http_url}/sandbox/orders", json=body) as answer:
        return answer.status


async def test_a_resting_order_is_cancelled(engine: Engine) -> None:
    with structlog.testing.capture_logs() as logs:
        order = await engine.place(price=BELOW)
        broker_order_id = await engine.accepted(order)
        await engine.cancel(order.order_id)
        ended = await engine.wait_for(order.order_id, "CANCELLED")
    assert (ended.filled_quantity, ended.reason) == (0, "CANCELLED_ON_REQUEST")
    # One line for each message, with all that anybody looks for.
    said = [line for line in logs if line.get("outcome")]
    assert [line["action"] for line in said] == ["oms.sender.placed", "oms.sender.cancel.sent"]
    wanted = {"order_id": order.order_id, "tag": order.tag, "broker_order_id": broker_order_id, "outcome": "Accepted"}
    assert all(wanted.items() <= line.items() and float(line["milliseconds"]) > 0 for line in said)


async def test_a_stop_order_rests_until_it_is_cancelled(engine: Engine) -> None:
    order = await engine.place(side="SELL", order_type="SL", price=BELOW, trigger_price=BELOW + Decimal("0.10"))
    await engine.accepted(order)
    await engine.cancel(order.order_id)
    await engine.wait_for(order.order_id, "CANCELLED")


async def test_without_an_egress_nothing_is_sent_and_it_is_said(engine: Engine, egress: EgressForTests) -> None:
    await egress.stop()
    order = await engine.place(price=BELOW)

    async def ended() -> bool:
        now = await engine.order(order.order_id)  # the stream's loss may be noticed first
        return (now.state, now.reason) in (("NOT_PLACED", "NOT_SENT"), ("DENIED", "STREAM_RECONCILING"))

    await eventually(ended, what="it is said")
    # The gate says so before the next order finds it out.
    await eventually(lambda: _refused_for(engine, "the egress at"), timeout=10)
    await egress.start()
    again = await eventually(lambda: _accepted_now(engine), timeout=10)
    assert again


async def _refused_for(engine: Engine, words: str) -> bool:
    try:
        await engine.place(price=BELOW)
    except PreconditionError as e:
        return words in e.message
    return False


async def _accepted_now(engine: Engine) -> bool:
    try:
        order = await engine.place(price=BELOW)
    except PreconditionError:
        return False
    await eventually(lambda: _has_answer(engine, order.order_id))
    return (await engine.order(order.order_id)).state == "OPEN"


async def _has_answer(engine: Engine, order_id: str) -> bool:
    return (await engine.order(order_id)).state not in ("SUBMITTING", "PENDING_SUBMIT")


async def test_the_next_engine_takes_over_session_orders_and_fills(
    database: Database,
    broker: ScriptedBroker,
    sandbox: SandboxProcess,
    make_broker: Callable[[Account, int], Broker],
    egress: EgressForTests,
) -> None:
    await add_account(database)
    async with running_engine(
        database, broker, make_broker=make_broker, fence=EgressFence(egress.url, "engine-0")
    ) as first:
        resting, marketable = await first.place(price=BELOW), await first.place(price=ABOVE)
        await first.accepted(resting)
    logged_in = (await database.pool.fetchrow("SELECT logged_in_at FROM broker_sessions"))["logged_in_at"]  # type: ignore[index]
    async with running_engine(
        database, broker, owner="engine-1", make_broker=make_broker, fence=EgressFence(egress.url, "engine-1")
    ) as second:
        await second.wait_for(marketable.order_id, "FILLED")
        await second.cancel(resting.order_id)
        await second.wait_for(resting.order_id, "CANCELLED")
    session = await database.pool.fetchrow("SELECT logged_in_at FROM broker_sessions")
    assert session is not None
    assert session["logged_in_at"] == logged_in
    assert [await placements(sandbox, order.tag) for order in (resting, marketable)] == [1, 1]


async def test_a_square_off_ends_flat_at_the_broker(
    engine: Engine,
    sandbox: SandboxProcess,
    egress: EgressForTests,
    make_broker: Callable[[Account, int], Broker],
    tmp_path: Path,
) -> None:
    before = await net_at_broker(sandbox, make_broker)
    await add_strategy(engine.database)
    bought = await engine.place_for("momo", 1, price=ABOVE)
    filled = await engine.wait_for(bought.order_id, "FILLED")
    resting = await engine.place(price=BELOW)
    await engine.accepted(resting)
    price = filled.average_price or ABOVE
    engine.quotes.last = Quote(price, price - 1, price + 1, 0.1)  # as the feed would have it
    async with serving_operations(engine, tmp_path, EgressFence(egress.url, "engine-1")) as operations:
        asha = operations.as_("asha")
        request = pb.EngageKillSwitchRequest(
            scope="RISK_SCOPE_ACCOUNT", subject_id=ACCOUNT, action="KILL_ACTION_SQUARE_OFF", reason="end of the test"
        )
        kill = await operations.stub.EngageKillSwitch(request, metadata=asha)

        async def proven() -> bool:
            wanted = pb.GetKillSwitchRequest(kill_id=kill.kill_id)
            return bool((await operations.stub.GetKillSwitch(wanted, metadata=asha)).done)

        await eventually(proven, timeout=45, interval=0.2, what="the broker's books show nothing of ours")
    assert (await engine.order(resting.order_id)).state == "CANCELLED"
    assert await net_at_broker(sandbox, make_broker) == before
    assert await engine.rows("SELECT 1 FROM positions WHERE config_id = 'momo' AND net_quantity <> 0") == []

    async def charged() -> bool:
        # Ours: the sandbox is shared, and what was bought by hand of a share that this engine does not know has no estimate.
        rows = await engine.rows(
            "SELECT c.amount FROM trades t LEFT JOIN trade_charges c USING (trade_id) WHERE t.config_id = 'momo'"
        )
        return len(rows) > 0 and all(row["amount"] is not None and row["amount"] > 0 for row in rows)

    await eventually(charged, timeout=15, interval=0.2, what="the broker's estimate of the charges")


async def test_margins_are_the_brokers_own_before_and_after_the_order_is_sent(
    engine: Engine, sandbox: SandboxProcess
) -> None:
    huge = await engine.place(quantity=1_000_000, product="CNC", price=BELOW)
    assert (huge.state, huge.reason) == ("DENIED", "INSUFFICIENT_MARGIN")
    assert "1350000000.00" in huge.message  # the margin batch's figure for all of them
    await sandbox.fault("margin_reject", count=1)  # the broker's risk desk knows better than its figures
    order = await engine.place(price=BELOW)
    refused = await engine.wait_for(order.order_id, "REJECTED", reason="BROKER_REJECTED")
    assert "Margin Exceeds" in refused.message
    management = engine.management
    assert management is not None
    status = management.status()
    assert status.margin.available is not None
    assert status.connection.session_usable
    assert {"place", "order_messages", "funds"} <= {one.category for one in status.connection.budgets}

    async def address_seen() -> bool:  # the egress says it when the fence is held up the next time
        report = management.status().fence.report
        return report is not None and (report.epoch, report.source_address) == (1, "127.0.0.1")

    await eventually(address_seen, timeout=10, what="the address that the broker sees")
