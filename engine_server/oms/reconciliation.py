"""What comes of differences between our books and the broker's positions: openings and settlements are booked, everything else
holds entries of its instrument and raises one alarm. Nothing is traded to make numbers agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine_server.oms.bookings import Booking, book
from engine_server.oms.corporate_actions import multiply, ratio_of
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.settlement import why_it_ended
from engine_server.oms.draft import Draft, OutboxRow
from engine_server.oms.excess_exits import ask_back
from engine_server.oms.positions_check import Difference
from engine_server.oms.records import ZERO
from tradewinds.clock import day_key
from tradewinds.telemetry import get_logger

log = get_logger("oms.reconciliation")


def book_openings(found: Sequence[Difference], user_id: str, draft: Draft) -> None:
    """What an account held before we ever saw it is its people's own: the books begin with it."""
    for one in found:
        _book(draft, one, user_id, None, one.broker - one.ours, "OPENING", "held before the first start")


def judge(found: Sequence[Difference], user_id: str, draft: Draft) -> None:
    """Confirmed differences: book what has ended by itself, hold the rest, let go of what agrees again."""
    left = []
    for one in found:
        why, ratio = _ended(draft, one), ratio_of(draft, one)
        if why is not None:
            _settle(draft, one, user_id, why)
        elif ratio is not None:
            draft.tell(_notice(user_id, "POSITION_SETTLED", one, draft, multiply(draft, one, ratio, user_id)))
        else:
            left.append(one)
            _hold(draft, one, user_id)
    _bound_exits(left, draft)
    subjects = {one.subject for one in left}
    for hold in draft.every_hold():
        if hold.kind is HoldKind.POSITION_DIFFERENCE and hold.subject_id not in subjects:
            draft.let_go(hold, "our books and the broker's positions agree again")


def _bound_exits(left: Sequence[Difference], draft: Draft) -> None:
    """An exit of what the broker does not have would open a position there, a square-off included."""
    excess = {one.line: one.excess for one in left}
    found = [line for line, units in excess.items() if draft.excess.get(line) != units]
    draft.excess = excess
    for line in found:
        ask_back(draft, *line)


def _ended(draft: Draft, one: Difference) -> str | None:
    if one.broker:
        return None
    last = draft.book(BookKey("", one.instrument, one.product)).last_traded_at
    return why_it_ended(one.instrument, one.product, last, draft.market_now)


def _settle(draft: Draft, one: Difference, user_id: str, why: str) -> None:
    """Every book's part of the line ends. The price is not known: the average, until somebody says it."""
    message = (
        f"{why}; booked at its average price, correct it with `tradewinds positions adjust` from the contract note"
    )
    unowned = one.ours
    for key, line in draft.lines(one.instrument, one.product):
        net = line.position.net_quantity
        if key.config_id and net:
            unowned -= net
            _book(draft, one, user_id, key.config_id, -net, "SETTLED", message)
    if unowned:
        _book(draft, one, user_id, None, -unowned, "SETTLED", message)
    draft.tell(_notice(user_id, "POSITION_SETTLED", one, draft, message))


def _book(
    draft: Draft, one: Difference, user_id: str, config_id: str | None, change: int, reason: str, message: str
) -> None:
    line = draft.book(BookKey(config_id or "", one.instrument, one.product)).position
    price = (line.average_price if reason == "SETTLED" else one.price) or ZERO
    owner = config_id or "account"
    key = f"{reason.lower()}-{day_key(draft.market_now)}-{owner}-{one.instrument}-{one.product}"
    log.info("booked", account_id=draft.state.account_id, key=key, quantity=change, reason=reason)
    book(
        draft,
        Booking(
            key=key,
            user_id=user_id,
            config_id=config_id,
            instrument=one.instrument,
            product=one.product,
            side="BUY" if change > 0 else "SELL",
            quantity=abs(change),
            price=price,
            reason=reason,
            message=message,
        ),
    )


def _hold(draft: Draft, one: Difference, user_id: str) -> None:
    message = (
        f"our books have {one.ours} {one.instrument} ({one.product}), the broker has {one.broker}; find out why, then "
        f"`tradewinds positions adjust`"
    )
    hold = Hold(
        account_id=draft.state.account_id,
        instrument=one.instrument,
        kind=HoldKind.POSITION_DIFFERENCE,
        subject_id=one.subject,
        message=message,
        held_at=draft.now,
    )
    if draft.hold(hold):
        log.error("differ", account_id=hold.account_id, line=one.subject, ours=one.ours, broker=one.broker)
        draft.tell(_notice(user_id, "POSITION_DIFFERENCE", one, draft, message))


def _what(type_: str, one: Difference) -> str:
    if type_ == "POSITION_DIFFERENCE":
        return "differs"
    return "has multiplied" if one.broker else "has ended"


def _notice(user_id: str, type_: str, one: Difference, draft: Draft, message: str) -> OutboxRow:
    account_id = draft.state.account_id
    payload: dict[str, Any] = {
        "user_id": user_id,
        "type": type_,
        "title": f"{account_id}: {one.subject} {_what(type_, one)}",
        "message": message,
        "data": {"account_id": account_id, "instrument": one.instrument, "ours": one.ours, "broker": one.broker},
    }
    key = f"{account_id}:{type_}:{one.subject}:{one.ours}:{one.broker}:{day_key(draft.market_now)}"
    return OutboxRow(type_, key, payload)
