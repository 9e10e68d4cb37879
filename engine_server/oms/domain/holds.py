"""Holds: why an account takes no entries of an instrument for now. Exits, cancels and guards go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine_server.oms.domain.commands import Denial
from engine_server.oms.records import OrderRecord


class HoldKind(StrEnum):
    """What must be settled first."""

    OVERFILL = "OVERFILL"  # the exchange filled more than was ordered
    TAG_DUPLICATED = "TAG_DUPLICATED"  # two orders at the broker under one tag of ours
    UNATTRIBUTED = "UNATTRIBUTED"  # somebody else closed what several strategies, or one in part, hold
    POSITION_DIFFERENCE = "POSITION_DIFFERENCE"  # our books and the broker's positions do not agree
    TRADE_DIFFERENCE = "TRADE_DIFFERENCE"  # the broker's own books do not agree on what an order has filled
    NOT_ENTERED = "NOT_ENTERED"  # the broker has under our tag what was never entered here, or more of it


HoldKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One reason: a row of `account_holds`. `instrument` '' holds the whole account; `subject_id` is the order, or the line."""

    account_id: str
    instrument: str
    kind: HoldKind
    subject_id: str
    message: str
    held_at: datetime

    @property
    def key(self) -> HoldKey:
        """What makes two holds the same."""
        return (self.instrument, self.kind, self.subject_id)


def denial_of_entry(instrument: str, holds: Iterable[Hold], unknown: Iterable[OrderRecord]) -> Denial | None:
    """Why no entry of `instrument` may go now; None when nothing holds it.

    An order of `unknown` fate may be there already: another entry beside it could be one too many (protocol §9 no. 3).
    """
    for order in unknown:
        if order.instrument == instrument and not order.is_exit:
            return Denial(
                "ORDER_UNKNOWN",
                f"nobody knows yet whether {order.order_id} reached the broker ({order.message}); entries of {instrument} "
                f"wait until its fate is known, or until somebody says it: `tradewinds orders resolve {order.order_id}`",
            )
    for hold in holds:
        if hold.instrument in ("", instrument):
            what = instrument if hold.instrument else "every instrument"
            return Denial(
                "INSTRUMENT_HELD",
                f"entries of {what} are held: {hold.message}; once it is settled: `tradewinds holds release "
                f"{hold.kind} {hold.subject_id} --reason …`",
            )
    return None
