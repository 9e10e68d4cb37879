"""What a kill switch does next with one account: which orders to cancel, which positions to close. Decided anew at every look,
so that it goes on after a restart as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from engine_server.oms.domain.kill_switch import KillAction, KillSwitch
from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.records import OrderRecord, PositionRecord

# An exit that the market has run away from is cancelled and priced anew.
CHASE_AFTER: Final = timedelta(seconds=2)
DELIVERED: Final = "CNC"
EXTERNAL: Final = "EXTERNAL"
GUARD: Final = "GUARD"

Line = tuple[str, str]  # instrument and product


@dataclass(frozen=True)
class Closing:
    """One exit: so many units of a strategy's (or, None, of nobody's) position."""

    config_id: str | None
    instrument: str
    product: str
    side: str
    quantity: int


@dataclass(frozen=True)
class Step:
    """What to do now, and what is left."""

    cancel: Sequence[OrderRecord] = ()
    close: Sequence[Closing] = ()
    open_orders: int = 0
    open_positions: int = 0
    lines: Sequence[Line] = field(default=())  # everything in scope

    @property
    def is_finished(self) -> bool:
        """Nothing works and nothing is open, as far as our own books know."""
        return not self.open_orders and not self.open_positions


@dataclass(frozen=True)
class Selection:
    """What is to be unwound, and how far. `prefix` is how the request ids of its exits begin. A strategy's own book is closed as it is
    (`of_strategy`), an account's total is shared out among the books."""

    prefix: str
    takes_order: Callable[[OrderRecord], bool]
    takes_line: Callable[[PositionRecord], bool]
    closes: bool = True
    of_strategy: bool = False
    leaves_guards: bool = False  # the exit itself takes a guard's place


def selection_of(kill: KillSwitch) -> Selection:
    """What a kill switch unwinds."""

    def takes_line(position: PositionRecord) -> bool:
        if not kill.include_holdings and position.product == DELIVERED:
            return False
        return position.config_id == kill.subject_id if kill.scope is Scope.STRATEGY else True

    return Selection(
        prefix=f"{kill.kill_id}-",
        takes_order=lambda order: kill.covers(order.account_id, order.config_id),
        takes_line=takes_line,
        closes=kill.action is KillAction.SQUARE_OFF,
        of_strategy=kill.scope is Scope.STRATEGY,
    )


def next_step(
    what: Selection,
    working: Iterable[OrderRecord],
    positions: Iterable[PositionRecord],
    foreign: Mapping[Line, int],
    excess: Mapping[Line, int],
    now: datetime,
) -> Step:
    """Cancel first, everything of ours; then buy shorts back; then sell longs: a margin call must not come in between.

    `foreign` is what orders that were not placed here made of the account's lines: it is not ours to close. `excess` is what our books
    have more than the broker: nobody can close it there.
    """
    orders = [o for o in working if o.origin != EXTERNAL and what.takes_order(o)]
    held = [_at_the_broker(position, excess) for position in positions if what.takes_line(position)]
    closings = _closings(what, held, foreign)
    exits = [order for order in orders if order.request_id.startswith(what.prefix)]
    others = [o for o in orders if o not in exits and not (what.leaves_guards and o.origin == GUARD)]
    lines = sorted({(p.instrument, p.product) for p in held})
    left = {"open_orders": len(orders), "open_positions": len(closings), "lines": lines}
    if others or not what.closes:
        return Step(cancel=_to_cancel(others), **left)  # type: ignore[arg-type]
    late = [order for order in exits if order.state.is_at_broker and now - order.created_at >= CHASE_AFTER]
    shorts = [closing for closing in closings if closing.side == "BUY"]
    waiting = {(order.config_id, order.instrument, order.product) for order in exits}
    close = [c for c in shorts or closings if (c.config_id, c.instrument, c.product) not in waiting]
    return Step(cancel=_to_cancel(late), close=close, **left)  # type: ignore[arg-type]


def _at_the_broker(position: PositionRecord, excess: Mapping[Line, int]) -> PositionRecord:
    """As much of it as can be closed: never more than our own book has."""
    net, more = position.net_quantity, excess.get((position.instrument, position.product), 0)
    if net * more <= 0:
        return position
    return replace(position, net_quantity=0 if abs(more) >= abs(net) else net - more)


def _to_cancel(orders: Sequence[OrderRecord]) -> list[OrderRecord]:
    return [order for order in orders if not order.cancel_requested]


def foreign_lines(orders: Iterable[OrderRecord]) -> dict[Line, int]:
    """Net of what orders that were not placed here, and belong to no strategy, have filled."""
    net: dict[Line, int] = {}
    for order in orders:
        if order.origin == EXTERNAL and order.config_id is None and order.filled_quantity:
            line = (order.instrument, order.product)
            net[line] = net.get(line, 0) + order.filled_quantity * (1 if order.side == "BUY" else -1)
    return net


def _closings(what: Selection, held: Sequence[PositionRecord], foreign: Mapping[Line, int]) -> list[Closing]:
    if what.of_strategy:
        return [_closing(p.config_id, p, p.net_quantity) for p in held if p.net_quantity]
    totals = [p for p in held if not p.config_id and p.net_quantity]
    return [closing for total in totals for closing in _shared_out(total, held, foreign)]


def _ours(total: PositionRecord, foreign: Mapping[Line, int]) -> int:
    """Never more than is open, and never in the other direction."""
    net = total.net_quantity
    ours = net - foreign.get((total.instrument, total.product), 0)
    if ours * net <= 0:
        return 0
    return min(ours, net) if net > 0 else max(ours, net)


def _shared_out(total: PositionRecord, held: Sequence[PositionRecord], foreign: Mapping[Line, int]) -> list[Closing]:
    """The account's position among the books that are on its side, the rest to nobody's: books that offset each other are no
    position at the broker."""
    left, closings = _ours(total, foreign), []
    sign = 1 if left > 0 else -1
    line = (total.instrument, total.product)
    books = [p for p in held if p.config_id and (p.instrument, p.product) == line and p.net_quantity * sign > 0]
    for book in sorted(books, key=lambda p: (-abs(p.net_quantity), p.config_id)):
        part = min(abs(book.net_quantity), abs(left)) * sign
        if part:
            closings.append(_closing(book.config_id, total, part))
            left -= part
    if left:
        closings.append(_closing(None, total, left))
    return closings


def _closing(config_id: str | None, line: PositionRecord, net: int) -> Closing:
    return Closing(config_id, line.instrument, line.product, "SELL" if net > 0 else "BUY", abs(net))
