"""Books a split or a bonus issue: every book's line multiplies at its cost, and what guards it moves with the price."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from engine_server.oms.bookings import Booking, book
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.corporate_action import level_after, multiplied_by
from engine_server.oms.draft import Draft
from engine_server.oms.positions_check import Difference
from engine_server.oms.records import ZERO, GuardRecord
from tradewinds.clock import day_key

DELIVERY = "CNC"


def ratio_of(draft: Draft, one: Difference) -> Fraction | None:
    """By what a line has multiplied without a trade; None where it differs for another reason."""
    if one.product != DELIVERY:
        return None
    average = draft.book(BookKey("", one.instrument, one.product)).position.average_price
    return multiplied_by(one.ours, average or ZERO, one.broker, one.price)


def multiply(draft: Draft, one: Difference, ratio: Fraction, user_id: str) -> str:
    """Book it; the words for people. What does not divide evenly among the strategies is the account's."""
    message = f"a split or bonus issue: {one.ours} {one.instrument} have become {one.broker}, at the same cost in all"
    unowned = one.broker - one.ours
    for key, line in draft.lines(one.instrument, one.product):
        net = line.position.net_quantity
        if key.config_id and net > 0:
            added = int(net * ratio) - net
            unowned -= added
            _add(draft, one, user_id, key.config_id, added, message)
    _add(draft, one, user_id, None, unowned, message)
    for guard in draft.living_guards():
        if (guard.instrument, guard.product) == (one.instrument, one.product):
            draft.put_guard(_moved(guard, ratio))
    return message


def _add(draft: Draft, one: Difference, user_id: str, config_id: str | None, quantity: int, message: str) -> None:
    if quantity <= 0:
        return
    key = f"multiplied-{day_key(draft.market_now)}-{config_id or 'account'}-{one.instrument}-{one.product}"
    book(
        draft,
        Booking(
            key=key,
            user_id=user_id,
            config_id=config_id,
            instrument=one.instrument,
            product=one.product,
            side="BUY",
            quantity=quantity,
            price=ZERO,
            reason="CORPORATE_ACTION",
            message=message,
        ),
    )


def _moved(guard: GuardRecord, ratio: Fraction) -> GuardRecord:
    levels: dict[str, Any] = {
        name: level_after(level, ratio)
        for name in ("stop_price", "target_price", "trail")
        if (level := getattr(guard, name)) is not None
    }
    return replace(guard, **levels, message=f"moved with the price: one share has become {float(ratio):g}")
