"""A guard over more than the exchange takes in one order: its first exit leads (`guarding.py`), the others follow it in price and trigger.

All of them together are never more than what is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engine_server.oms.domain.guarding import Action, Change, Place, Withdraw
from engine_server.oms.domain.slicing import MAXIMUM_SLICES, largest_slice, slices
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord
from tradewinds.instruments import Instrument


@dataclass(frozen=True)
class SliceSteps:
    """What is done about the exits that follow."""

    withdraw: Sequence[OrderRecord] = field(default=())
    change: Sequence[tuple[OrderRecord, Change]] = field(default=())
    place: Sequence[Place] = field(default=())


def first_part(total: int, leader: OrderRecord | None, instrument: Instrument) -> int:
    """How much of `total` the first exit takes; what it has filled already counts for the exchange."""
    most = largest_slice(instrument)
    if most <= 0:
        return total
    filled = leader.filled_quantity if leader is not None and not leader.state.is_terminal else 0
    return min(total, max(0, most - filled)) if total > 0 else total


def next_slices(
    following: Sequence[OrderRecord],
    wanted: int,
    leading: Action,
    leader: OrderRecord | None,
    instrument: Instrument,
) -> SliceSteps:
    """The followers for `wanted` units, after the leader's own step."""
    as_leader = _as_leader(leading, leader)
    if as_leader is None or wanted <= 0:
        return SliceSteps(withdraw=[one for one in following if not one.cancel_requested])
    covered = sum(one.remaining for one in following)
    if covered > wanted:
        return SliceSteps(withdraw=[one for one in following[-1:] if not one.cancel_requested])
    parts = slices(wanted - covered, instrument) if covered < wanted else []
    room = max(0, MAXIMUM_SLICES - len(following))
    return SliceSteps(
        change=[
            (one, Change(one.quantity, as_leader.price, as_leader.trigger_price))
            for one in following
            if _can_be_touched(one) and (one.price, one.trigger_price) != (as_leader.price, as_leader.trigger_price)
        ],
        place=[Place(part, as_leader.price, as_leader.trigger_price) for part in parts[:room]],
    )


def _as_leader(leading: Action, leader: OrderRecord | None) -> Place | None:
    """Price and trigger that the others have; None where the leader is going, or gone."""
    if isinstance(leading, Place):
        return leading
    if isinstance(leading, Withdraw) or leader is None or leader.state.is_terminal or leader.cancel_requested:
        return None
    if isinstance(leading, Change):
        return Place(0, leading.price, leading.trigger_price)
    return Place(0, leader.price, leader.trigger_price) if leader.price is not None else None


def _can_be_touched(order: OrderRecord) -> bool:
    at_broker = order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
    return at_broker and not order.cancel_requested and not order.modify_requested
