"""The orders that have not ended, kept so that what the rules ask of them is found without reading them all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord

_NONE: dict[str, OrderRecord] = {}


class WorkingOrders(Collection[OrderRecord]):
    """By id, oldest first; by instrument and side; those of unknown fate."""

    def __init__(self, orders: Iterable[OrderRecord] = ()) -> None:
        self._orders: dict[str, OrderRecord] = {}
        self._unknown: dict[str, OrderRecord] = {}
        self._sides: dict[tuple[str, str], dict[str, OrderRecord]] = {}
        for order in orders:
            self.put(order)

    def put(self, order: OrderRecord) -> None:
        """Take the newest version of an order in; one that has ended goes out."""
        order_id, side = order.order_id, (order.instrument, order.side)
        if order.state.is_terminal:
            if self._orders.pop(order_id, None) is not None:
                self._unknown.pop(order_id, None)
                self._sides[side].pop(order_id, None)
            return
        self._orders[order_id] = order
        self._sides.setdefault(side, {})[order_id] = order
        if order.state is OrderState.UNKNOWN:
            self._unknown[order_id] = order
        else:
            self._unknown.pop(order_id, None)

    def on(self, instrument: str, side: str) -> Collection[OrderRecord]:
        """Those of one instrument that buy, or sell."""
        return self._sides.get((instrument, side), _NONE).values()

    @property
    def unknown(self) -> Collection[OrderRecord]:
        """Those whose fate the broker has not told."""
        return self._unknown.values()

    def with_changes(self, changed: Iterable[OrderRecord]) -> WorkingOrders:
        """A copy in which these are as they are here; this one stays as it is."""
        copy = WorkingOrders()
        copy._orders = dict(self._orders)
        copy._unknown = dict(self._unknown)
        copy._sides = {side: dict(orders) for side, orders in self._sides.items() if orders}
        for order in changed:
            copy.put(order)
        return copy

    def __iter__(self) -> Iterator[OrderRecord]:
        return iter(self._orders.values())

    def __len__(self) -> int:
        return len(self._orders)

    def __contains__(self, order: object) -> bool:
        return isinstance(order, OrderRecord) and self._orders.get(order.order_id) == order
