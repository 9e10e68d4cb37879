"""The broker's books: every order of the one client, its fills and positions. The only place where an order changes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.clock import ist_day, trading_date
from sandbox.ledger import Conversion, CorporateAction, DayTurn, Entry, Ledger, Settlement, snapshot_of
from sandbox.matching import Execution
from sandbox.order_entry import NewOrder
from sandbox.orders import Order, OrderEvent, OrderState, Origin, advance
from sandbox.positions import Fill, PositionBook
from sandbox.risk import Account, Funds, OpenExposure, funds


@dataclass(frozen=True, slots=True)
class OrderNews:
    """One thing that happened to an order: the order after it, why, and the fill if it was one."""

    event: OrderEvent
    order: Order
    reason: str = ""
    fill: Fill | None = None


class OrderBook:
    """`publish` hears all news, synchronously and in order, before anybody can read the change."""

    def __init__(
        self,
        ledger: Ledger,
        market_ms: Callable[[], int],
        publish: Callable[[OrderNews], None],
        publish_entry: Callable[[str, dict[str, Any]], None],
        new_uuid: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        """`publish_entry(kind, snapshot)` hears of what moves the ledger without being an order's fill."""
        self.ledger = ledger
        self._market_ms = market_ms
        self._publish = publish
        self._publish_entry = publish_entry
        self._new_uuid = new_uuid
        self._orders: dict[str, Order] = {}
        self._ids_by_uuid: dict[str, str] = {}
        self._live: dict[str, None] = {}
        self._fills: list[Fill] = []
        self._last_number = 0
        self.exposure = OpenExposure()

    @property
    def positions(self) -> PositionBook:
        return self.ledger.positions

    def now_ms(self) -> int:
        """Market time."""
        return self._market_ms()

    def get(self, order_id: str) -> Order | None:
        return self._orders.get(order_id)

    def by_uuid(self, unique_order_id: str) -> Order | None:
        return self._orders.get(self._ids_by_uuid.get(unique_order_id, ""))

    def live(self) -> list[Order]:
        """Orders that may still change, oldest first."""
        return [self._orders[order_id] for order_id in self._live]

    def todays_orders(self) -> list[Order]:
        """What came or changed today, and what is still alive: an after-market order belongs to the day that it is sent on."""
        today = ist_day(self._market_ms())
        return [o for o in self._orders.values() if ist_day(o.updated_ms) == today or not o.state.is_terminal]

    def todays_fills(self) -> list[Fill]:
        today = ist_day(self._market_ms())
        return [f for f in self._fills if ist_day(f.at_ms) == today]

    def funds(self) -> Funds:
        return funds(self.ledger.cash, self.positions.by_key, self.exposure)

    def account(self) -> Account:
        """The client as the risk desk sees it."""
        return Account(self.ledger.cash, self.positions.by_key, self.exposure, self.ledger.holdings.quantity)

    def post(self, kind: str, entry: Settlement | Conversion | CorporateAction | DayTurn) -> None:
        """Write down and book what is not an order's fill."""
        self._publish_entry(kind, snapshot_of(entry))
        self.ledger.post(entry)

    def open(self, new: NewOrder, origin: Origin = Origin.API, after_hours: bool = False) -> Order:
        """Enter an accepted placement."""
        now = self._market_ms()
        self._last_number += 1
        order = Order(
            order_id=f"{trading_date(now):%y%m%d}{self._last_number:09d}",
            unique_order_id=str(self._new_uuid()),
            variety=new.variety,
            order_type=new.order_type,
            product=new.product,
            side=new.side,
            exchange=new.instrument.exchange,
            token=new.instrument.token,
            symbol=new.instrument.symbol,
            price=new.price,
            trigger_price=new.trigger_price,
            quantity=new.quantity,
            disclosed_quantity=new.disclosed_quantity,
            tag=new.tag,
            lot=new.instrument.lot_size,
            received_ms=now,
            updated_ms=now,
            state=OrderState.AFTER_MARKET if after_hours else OrderState.VALIDATION_PENDING,
            origin=origin,
        )
        return self.record(order, OrderEvent.RECEIVED_AFTER_HOURS if after_hours else OrderEvent.RECEIVED)

    def record(self, order: Order, event: OrderEvent, reason: str = "", **changes: Any) -> Order:
        """Apply an event to an order and tell. Returns the order after it."""
        after = advance(order, event, self._market_ms(), **changes)
        self._publish(OrderNews(event, after, reason))
        return self._keep(after)

    def fill(self, execution: Execution) -> Order:
        """Book one execution: order, trade book, position."""
        order = self._orders[execution.order_id]
        now = self._market_ms()
        filled = order.filled + execution.quantity
        value = order.fill_value + execution.quantity * execution.price
        after = advance(order, _fill_event(order, filled), now, filled=filled, fill_value=value, exchange_ms=now)
        fill = _fill_of(after, execution, f"{50_000_000 + len(self._fills) + 1}", now)
        self._publish(OrderNews(_fill_event(order, filled), after, execution.reason.value, fill))
        self._fills.append(fill)
        self.ledger.post(fill)
        return self._keep(after)

    def recover(self, orders: Iterable[Order], entries: Iterable[Entry]) -> None:
        """Take in what an earlier run wrote down."""
        for order in orders:
            self._keep(order)
            self._last_number = max(self._last_number, int(order.order_id[6:]))
        for entry in entries:
            if isinstance(entry, Fill):
                self._fills.append(entry)
            self.ledger.post(entry)

    def _keep(self, order: Order) -> Order:
        self.exposure.change(self._orders.get(order.order_id), order)
        self._orders[order.order_id] = order
        self._ids_by_uuid[order.unique_order_id] = order.order_id
        if order.state.is_terminal:
            self._live.pop(order.order_id, None)
        else:
            self._live[order.order_id] = None
        return order


def _fill_event(order: Order, filled: int) -> OrderEvent:
    if order.state is OrderState.CANCELLED:
        return OrderEvent.FILLED_AFTER_CANCEL
    if order.state is OrderState.COMPLETE:
        return OrderEvent.OVERFILLED
    return OrderEvent.FILLED if filled == order.quantity else OrderEvent.PARTLY_FILLED


def _fill_of(order: Order, execution: Execution, fill_id: str, at_ms: int) -> Fill:
    return Fill(
        fill_id=fill_id,
        order_id=order.order_id,
        exchange=order.exchange,
        token=order.token,
        symbol=order.symbol,
        product=order.product,
        side=order.side,
        quantity=execution.quantity,
        price=execution.price,
        at_ms=at_ms,
    )
