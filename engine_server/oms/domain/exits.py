"""Exits: orders that close what is open. They pass rules that are meant for entries, and never exceed what is open."""

from __future__ import annotations

from dataclasses import dataclass

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.records import OrderRecord


@dataclass(frozen=True)
class OpenLine:
    """One instrument and product as the owner of an exit sees it, before the exit.

    `own` is its net quantity. `unowned` is what no strategy's book has (people's trades, external ones, what the broker has not):
    where it stands against `own`, that much is closed at the broker already. `exiting` is what working exits may still close on the side
    in question.
    """

    own: int
    unowned: int = 0
    exiting: int = 0

    def closable(self, side: str) -> int:
        """Units that one more exit on `side` may close."""
        return max(0, self._open(side) - self.exiting)

    def _open(self, side: str) -> int:
        sign = -1 if side == "BUY" else 1
        return max(0, sign * self.own + min(0, sign * self.unowned))


def is_exit(order: PlaceOrder, line: OpenLine) -> bool:
    """Whether the order means to close: its caller says so, or it is against the position and not larger.

    What is larger turns the position over, and has to pass as the entry that it is.
    """
    request = order.request
    against = line.own < 0 if request.side == "BUY" else line.own > 0
    return request.reduce_only or (against and request.quantity <= abs(line.own))


def denial_of_exit(order: PlaceOrder, line: OpenLine) -> Denial | None:
    """Why an exit would close more than is open; None when it does not."""
    side, quantity = order.request.side, order.request.quantity
    left = line.closable(side)
    if quantity <= left:
        return None
    parts = [f"{abs(line.own)} {order.instrument.key} ({order.request.product}) are open"]
    if line.exiting:
        parts.append(f"working exits close {line.exiting} of them")
    if line.own * line.unowned < 0:
        parts.append(f"{abs(line.unowned)} were closed by somebody else, or are not at the broker")
    remedy = f"exit at most {left}" if left else "cancel the other exit first" if line.exiting else "nothing is left"
    return Denial("EXIT_EXCEEDS_OPEN", f"{side} {quantity} would close more than is open: {'; '.join(parts)}; {remedy}")


def is_in_the_way(exit_order: OrderRecord, other: OrderRecord) -> bool:
    """Whether a working order of ours must end before the exit goes.

    The exchange does not let an account trade with itself: a resting entry that the exit would meet. And a position has one exit
    at a time: what a guard keeps at the broker makes room for its owner's own.
    """
    if other.order_id == exit_order.order_id or other.instrument != exit_order.instrument:
        return False
    if other.origin == "GUARD":
        same_line = (other.config_id, other.product, other.side) == (
            exit_order.config_id,
            exit_order.product,
            exit_order.side,
        )
        return same_line and exit_order.origin != "GUARD"
    return other.side != exit_order.side and not other.is_exit and other.order_type != "SL" and _meet(exit_order, other)


def _meet(one: OrderRecord, other: OrderRecord) -> bool:
    if one.price is None or other.price is None:
        return False
    return other.price >= one.price if one.side == "SELL" else other.price <= one.price
