"""Order events reach a strategy in sequence, without a gap, whatever happens to sessions and processes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from engine_server.oms.domain.states import OrderState
from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.records import OrderEventRecord, OrderRecord, TradeRecord
from tests.integration.fleet.conftest import Engine, Rows, StartRunner
from tests.integration.fleet.scripted_runner import ScriptedRunner
from tests.support.waiting import eventually

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def order(config_id: str, number: int) -> OrderRecord:
    return OrderRecord(
        order_id=f"{config_id}-{number}", account_id="A1", user_id="asha", config_id=config_id, epoch=1,
        request_key=f"{config_id}/{number}", request_id=str(number), body_sha256="", instrument="NSE:RELIANCE-EQ",
        side="BUY", quantity=1, order_type="LIMIT", product="MIS", price=Decimal("1400.05"), trigger_price=None,
        state=OrderState.OPEN, tag=f"{config_id}{number}", created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def fill_of(placed: OrderRecord) -> TradeRecord:
    return TradeRecord(
        trade_id=f"{placed.order_id}-1", order_id=placed.order_id, account_id="A1", config_id=placed.config_id,
        instrument=placed.instrument, product="MIS", side="BUY", quantity=1, price=Decimal("1400.05"), traded_at=NOW,
    )  # fmt: skip


@dataclass
class Ledger:
    """Writes order events as the OMS does: committed first, then published."""

    rows: Rows
    log: OrderEventLog
    count: int = 0

    async def commit(self, config_id: str, sequence: int, *, is_fill: bool = False) -> OrderEventRecord:
        self.count += 1
        placed = order(config_id, self.count)
        trade = fill_of(placed) if is_fill else None
        await self.rows.execute(
            "INSERT INTO orders (order_id, account_id, user_id, config_id, request_key, request_id, body_sha256,"
            " instrument, side, quantity, order_type, product, price, state, tag)"
            " VALUES ($1, 'A1', 'asha', $2, $1, $1, '', 'NSE:RELIANCE-EQ', 'BUY', 1, 'LIMIT', 'MIS', 1400.05, 'OPEN', $3)",
            placed.order_id, config_id, placed.tag,
        )  # fmt: skip
        await self.rows.execute(
            "INSERT INTO order_events (account_id, sequence, order_id, config_id, config_sequence, kind, state, payload)"
            " VALUES ('A1', $1, $2, $3, $4, 'x', 'OPEN', $5)",
            self.count, placed.order_id, config_id, sequence,
            msgspec.to_builtins({"order": placed, "trade": trade}, str_keys=True),
        )  # fmt: skip
        return OrderEventRecord(
            account_id="A1", sequence=self.count, config_id=config_id, config_sequence=sequence, kind="x",
            order=placed, trade=trade,
        )  # fmt: skip

    async def happen(self, config_id: str, sequence: int, *, is_fill: bool = False) -> None:
        self.log.publish([await self.commit(config_id, sequence, is_fill=is_fill)])


@pytest.fixture
async def ledger(engine: Engine, rows: Rows) -> Ledger:
    return Ledger(rows, engine.orders)


async def running(rows: Rows, runner: ScriptedRunner) -> None:
    await rows.add_config("a")
    await rows.outcome(await rows.command("a", "START"))
    await eventually(lambda: runner.processes["a"].caught_up)


async def test_what_happened_before_is_replayed_then_all_is_live(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    for sequence in (1, 2, 3):
        await ledger.commit("a", sequence)
    runner = await start_runner()
    await running(rows, runner)
    for sequence in (4, 5):
        await ledger.happen("a", sequence, is_fill=True)
    await eventually(lambda: runner.processes["a"].events == [1, 2, 3, 4, 5])
    assert runner.raw_events == [("a", n) for n in (1, 2, 3, 4, 5)]


async def test_events_after_the_checkpoint_are_replayed_to_a_strategy_that_starts(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    for sequence in (1, 2, 3, 4):
        await ledger.commit("a", sequence)
    await rows.add_config("a")
    await rows.execute(
        "INSERT INTO strategy_checkpoints (config_id, epoch, last_event_sequence, state) VALUES ('a', 0, 2, '{}')"
    )
    runner = await start_runner()
    await rows.outcome(await rows.command("a", "START"))
    await eventually(lambda: runner.processes["a"].caught_up)
    assert runner.processes["a"].events == [3, 4]
    [directive] = runner.directives
    assert [o.order_id for o in directive.working_orders] == ["a-1", "a-2", "a-3", "a-4"]


async def test_a_process_that_takes_its_time_to_start_misses_nothing(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    for sequence in (1, 2):
        await ledger.commit("a", sequence)
    runner = await start_runner()
    runner.obeys = False
    await rows.add_config("a")
    command = await rows.command("a", "START")
    await eventually(lambda: len(runner.directives) >= 2, what="the directive is said again")
    await ledger.happen("a", 3)
    assert runner.raw_events == []  # nobody there could have taken them
    runner.obeys = True
    await rows.outcome(command)
    await ledger.happen("a", 4)
    await eventually(lambda: runner.processes["a"].events == [1, 2, 3, 4])
    assert runner.processes["a"].caught_up


async def test_an_event_that_was_not_published_is_read_from_the_log_when_the_next_comes(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    runner = await start_runner()
    await running(rows, runner)
    await ledger.happen("a", 1)
    await ledger.commit("a", 2)
    await ledger.commit("a", 3)
    await ledger.happen("a", 4)
    await eventually(lambda: runner.processes["a"].events == [1, 2, 3, 4])


async def test_a_reconnect_goes_on_after_the_watermark(ledger: Ledger, rows: Rows, start_runner: StartRunner) -> None:
    runner = await start_runner()
    await running(rows, runner)
    await ledger.happen("a", 1)
    await eventually(lambda: runner.processes["a"].watermark == 1)
    await runner.vanish()
    await ledger.happen("a", 2)
    await ledger.happen("a", 3)
    await runner.reconnect()
    await ledger.happen("a", 4)
    await eventually(lambda: runner.processes["a"].events == [1, 2, 3, 4])
    assert runner.raw_events == [("a", n) for n in (1, 2, 3, 4)]


async def test_a_new_process_gets_again_what_its_checkpoint_does_not_hold(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    runner = await start_runner()
    await running(rows, runner)
    for sequence in (1, 2, 3):
        await ledger.happen("a", sequence)
    await eventually(lambda: runner.processes["a"].watermark == 3)
    await runner.checkpoint("a", 1, {"n": 1})
    # It had taken 2 and 3, but died before that was saved.
    runner.processes["a"].watermark = 1
    new = await runner.crash_and_restart("a")
    await eventually(lambda: new.events == [2, 3])
    await eventually(lambda: new.caught_up)


async def test_a_restart_by_command_gets_again_what_its_checkpoint_does_not_hold(
    ledger: Ledger, rows: Rows, start_runner: StartRunner
) -> None:
    runner = await start_runner()
    await running(rows, runner)
    for sequence in (1, 2, 3):
        await ledger.happen("a", sequence)
    await eventually(lambda: runner.processes["a"].watermark == 3)
    await runner.checkpoint("a", 2, {"n": 2})

    async def saved() -> bool:
        return bool(await rows.all("SELECT 1 FROM strategy_checkpoints WHERE last_event_sequence = 2"))

    await eventually(saved)
    await rows.outcome(await rows.command("a", "RESTART"))
    await eventually(lambda: runner.processes["a"].events == [3])
    assert runner.directives[-1].state_json == '{"n":2}'


async def test_a_flood_arrives_whole_and_in_order(ledger: Ledger, rows: Rows, start_runner: StartRunner) -> None:
    runner = await start_runner()
    await running(rows, runner)
    events = [await ledger.commit("a", sequence) for sequence in range(1, 501)]
    # Published out of step, more than once, and with a hole: the log is the truth.
    ledger.log.publish(events[:100])
    ledger.log.publish(events[50:150])
    ledger.log.publish(events[300:])
    await eventually(lambda: runner.processes["a"].watermark == 500)
    assert runner.processes["a"].events == list(range(1, 501))


async def test_each_strategy_has_its_own_sequence(ledger: Ledger, rows: Rows, start_runner: StartRunner) -> None:
    runner = await start_runner()
    await running(rows, runner)
    await rows.add_config("b")
    await rows.outcome(await rows.command("b", "START"))
    await asyncio.gather(ledger.happen("a", 1))
    await ledger.happen("b", 1)
    await ledger.happen("a", 2)
    await ledger.happen("not-here", 1)
    await eventually(lambda: runner.processes["a"].events == [1, 2] and runner.processes["b"].events == [1])
