"""Closing what a strategy holds when nobody else does: after a crash that may not be survived, or at the end of its hours.

Ordinary orders of the account's order management, in the strategy's own book: its working orders are cancelled, then one exit each.
Only while no runner holds it, and only in continuous trading: there is one owner of an exit at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from engine_server.fleet.faults import DATABASE_FAULTS
from engine_server.fleet.ports import Books
from engine_server.oms.directory import Caller
from engine_server.oms.domain.commands import CancelOrder, OrderRequest
from engine_server.oms.records import OrderRecord, PositionRecord
from tradewinds.clock import Clock
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("fleet.flatten")

ACTOR: Final = "fleet"
_PREFIX: Final = "flatten-"
_LOOK_SECONDS: Final = 1.0
_EXIT_SECONDS: Final = 15.0  # then it is cancelled, and goes again at a newer price
_LONGEST_PAUSE_SECONDS: Final = 60.0

_DUE = """
    SELECT c.config_id, c.account_id, c.generation, c.flatten_because
    FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id
    WHERE c.flatten_because <> '' AND a.instance_id IS NULL
"""
_ATTEMPTS = "SELECT count(*) FROM orders WHERE config_id = $1 AND request_id LIKE 'flatten-%'"
_FLAT = (
    "UPDATE strategy_configs SET flatten_because = '', updated_at = now() WHERE config_id = $1 AND flatten_because = $2"
)


class Orders(Protocol):
    """The order management of the accounts that this engine owns."""

    def owned(self, account_id: str) -> object | None:
        """None where another engine, or none, owns it."""
        ...

    async def place(self, request: OrderRequest, caller: Caller) -> OrderRecord:
        """The committed order."""
        ...

    async def cancel(self, command: CancelOrder, caller: Caller) -> OrderRecord:
        """The order with its wish to cancel."""
        ...


class Flattener:
    """Run it as a watched task on every engine; each works on the accounts that it owns. `is_open(instrument)`: whether it trades now."""

    def __init__(
        self, database: Database, orders: Orders, books: Books, clock: Clock, is_open: Callable[[str], bool]
    ) -> None:
        self._database = database
        self._orders = orders
        self._books = books
        self._clock = clock
        self._is_open = is_open
        self._pauses: dict[str, tuple[float, float]] = {}  # config_id -> not before, and the pause after that

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                for row in await self._database.pool.fetch(_DUE):
                    if self._orders.owned(row["account_id"]) is not None:
                        await self._flatten(row)
            except DATABASE_FAULTS as e:
                log.warning_throttled("database.away", error=repr(e))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _flatten(self, row: Any) -> None:
        config_id = row["config_id"]
        not_before, pause = self._pauses.get(config_id, (0.0, _LOOK_SECONDS))
        if self._clock.monotonic() < not_before:
            return
        try:
            is_done = await self._step(config_id, row["flatten_because"])
        except TradewindsError as e:
            log.warning("refused", config_id=config_id, reason=e.reason, message=e.message)
            is_done = False
        if is_done:
            self._pauses.pop(config_id, None)
            await self._database.pool.execute(_FLAT, config_id, row["flatten_because"])
            log.info("flat", config_id=config_id)
        else:
            self._pauses[config_id] = (self._clock.monotonic() + pause, min(2 * pause, _LONGEST_PAUSE_SECONDS))

    async def _step(self, config_id: str, because: str) -> bool:
        """Whether nothing is left: no working order, no position."""
        working = list(await self._books.working_orders(config_id))
        for order in must_go(working, self._clock.now()):
            await self._orders.cancel(CancelOrder(order_id=order.order_id, actor=ACTOR, reason=because), _CALLER)
        if working:
            return False
        held = [position for position in await self._books.strategy_positions(config_id) if position.net_quantity]
        number = await self._database.pool.fetchval(_ATTEMPTS, config_id)
        for offset, position in enumerate(p for p in held if self._is_open(p.instrument)):
            await self._orders.place(_exit(config_id, position, number + offset), _CALLER)
        return not held


_CALLER: Final = Caller(subject=ACTOR, sees_everything=True)


def must_go(working: Sequence[OrderRecord], now: datetime) -> list[OrderRecord]:
    """The strategy's own orders at once; our exits when they have rested for long enough."""
    patience = timedelta(seconds=_EXIT_SECONDS)
    return [
        order
        for order in working
        if not order.cancel_requested
        and (not order.request_id.startswith(_PREFIX) or now - order.created_at >= patience)
    ]


def _exit(config_id: str, position: PositionRecord, number: int) -> OrderRequest:
    return OrderRequest(
        # Counted from what is stored: an engine that died after the commit finds its order working, and sends no second one.
        request_id=f"{_PREFIX}{number}",
        actor=ACTOR,
        instrument=position.instrument,
        side="SELL" if position.net_quantity > 0 else "BUY",
        quantity=abs(position.net_quantity),
        order_type="MARKET",
        product=position.product,
        config_id=config_id,
    )
