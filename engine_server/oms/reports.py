"""What the broker says about our orders, applied to a draft: single reports of its stream, and whole reads of its book."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from engine_server.broker.port import OrderReport, ReportStatus
from engine_server.oms import metrics
from engine_server.oms.account_state import AccountState, CancelWish
from engine_server.oms.domain import states
from engine_server.oms.domain.fills import average_price, next_trade
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.resolution import ResolutionBounds, Unresolved
from engine_server.oms.domain.states import OrderState, Progress
from engine_server.oms.draft import Draft
from engine_server.oms.events import EventKind
from engine_server.oms.excess_exits import books_changed
from engine_server.oms.external import Adoption, adopt, attributed
from engine_server.oms.modifying import settle_change
from engine_server.oms.records import OrderRecord
from tradewinds.clock import day_key
from tradewinds.telemetry import get_logger

log = get_logger("oms.reports")

# Where we know it from, as the order's story has it.
ORDER_STREAM = "its order stream"
ORDER_BOOK = "its order book"

_SETTLED = timedelta(seconds=30)


@dataclass(frozen=True)
class BookRead:
    """One clean read of the order book; `begun_at` is monotonic."""

    reports: Sequence[OrderReport]
    begun_at: float


@dataclass
class ReadSummary:
    """What a book read came to, for logs and metrics."""

    foreign: int = 0
    lost: list[str] = field(default_factory=list)


def apply_report(draft: Draft, report: OrderReport, begun_at: float | None = None) -> OrderRecord | None:
    """Bring our order up to the broker's report; None when the order is not ours. `begun_at` (monotonic) is when the read that shows it
    began; None for the stream."""
    with draft.heard_from(ORDER_STREAM if begun_at is None else ORDER_BOOK):
        return _applied(draft, report, begun_at)


def _applied(draft: Draft, report: OrderReport, begun_at: float | None) -> OrderRecord | None:
    order = _named(draft, report)
    if order is None:
        return None
    if order.origin == "EXTERNAL":
        order = _as_they_changed_it(draft, order, report)
    if order.broker_order_id and order.broker_order_id != report.broker_order_id:
        if order.order_id not in draft.state.confirmed:
            order = _corrected(draft, order, report)
            return _applied(draft, report, begun_at)
        # The tag is unique and sent once: a second order under it was not sent by this process.
        ids = f"{order.broker_order_id} and {report.broker_order_id}"
        _hold(draft, order, HoldKind.TAG_DUPLICATED, f"the broker has {ids} under the tag of {order.order_id}")
        log.error(
            "tag.duplicated", order_id=order.order_id, broker_order_ids=[order.broker_order_id, report.broker_order_id]
        )
        return order
    draft.state.confirmed.add(order.order_id)  # the broker's own word, whatever becomes of this draft
    if begun_at is not None and _is_more_than_entered(draft, order, report):
        words = f"the broker has {report.quantity} of {order.order_id}, {order.quantity} were entered: somebody changed it there"
        _hold(draft, order, HoldKind.NOT_ENTERED, words)
    if order.modify_requested:
        order = settle_change(draft, order, report, begun_at)  # first: it says how much was ordered
    before = Progress(order.state, order.filled_quantity)
    reported = states.reported_progress(report.status, report.filled_quantity, order.quantity)
    step = states.advance(before, reported, order.quantity)
    if step is None:
        return _learn_ids(draft, order, report)
    return _move(draft, order, report, step)


def _named(draft: Draft, report: OrderReport) -> OrderRecord | None:
    """Whose report this is: by the broker's id, unless that came from a wrong answer and the report carries another order's tag."""
    order, tagged = draft.find(broker_order_id=report.broker_order_id), draft.find(tag=report.tag)
    if order is None or tagged is None or tagged.origin == "EXTERNAL" or order.order_id in draft.state.confirmed:
        return order or tagged
    return tagged


def _corrected(draft: Draft, order: OrderRecord, report: OrderReport) -> OrderRecord:
    """The answer named an order that no report ever did, and our tag is on another one: the broker's books go before its answer."""
    log.error(
        "answer.wrong_order", order_id=order.order_id, answered=order.broker_order_id, reported=report.broker_order_id
    )
    ids = {"broker_order_id": report.broker_order_id, "unique_order_id": report.unique_order_id or None}
    return draft.update(order, EventKind.REPORTED, **ids)


def _is_more_than_entered(draft: Draft, order: OrderRecord, report: OrderReport) -> bool:
    """A read may be of a moment before our own last change of it."""
    is_settled = not order.modify_requested and draft.now - order.updated_at > _SETTLED
    return order.origin != "EXTERNAL" and report.quantity > order.quantity and is_settled


def apply_or_adopt(draft: Draft, report: OrderReport, begun_at: float, adoption: Adoption) -> OrderRecord | None:
    """Bring our order up to the report, or make it one of ours where somebody else placed it."""
    order = apply_report(draft, report, begun_at)
    if order is not None:
        return order
    with draft.heard_from(ORDER_BOOK):
        return _applied(draft, report, begun_at) if adopt(draft, report, adoption) is not None else None


def apply_book(draft: Draft, read: BookRead, bounds: ResolutionBounds, adoption: Adoption) -> ReadSummary:
    """Apply a whole read, adopt what is somebody else's, then judge what the read did not show."""
    summary, shown = ReadSummary(), set()
    for report in read.reports:
        order = apply_or_adopt(draft, report, read.begun_at, adoption)
        if order is None or order.origin == "EXTERNAL":
            summary.foreign += 1
        if order is not None:
            shown.add(order.order_id)
    for order in list(draft.working()):
        if order.order_id not in shown:
            _judge_absent(draft, order, read, bounds, summary)
    return summary


def _move(draft: Draft, order: OrderRecord, report: OrderReport, step: states.Advance) -> OrderRecord:
    changes: dict[str, Any] = {"state": step.after.state, "filled_quantity": step.after.filled, **_ids(order, report)}
    if order.state is OrderState.UNKNOWN:
        changes.update(reason="", message="")
        metrics.UNKNOWN_RESOLVED.labels("found").inc()
    if step.after.state is OrderState.REJECTED:
        changes.update(reason="BROKER_REJECTED", message=clean(report.text))
    elif step.after.state is OrderState.CANCELLED:
        changes.update(_why_cancelled(order, report))
    traded_at = report.updated_at or draft.market_now
    booked = draft.state.booked_value(order.order_id) + _drafted_value(draft, order.order_id)
    if step.after.filled > order.filled_quantity:
        order = attributed(draft, order, step.after.filled - order.filled_quantity)
    trade = next_trade(order, booked, step.after.filled, report.average_price, traded_at)
    if trade is None:
        return draft.update(order, EventKind.REPORTED, **changes)
    kind = _fill_kind(step)
    if kind is not EventKind.FILLED:
        log.error("fill.unexpected", kind=kind, order_id=order.order_id, filled=step.after.filled, state=order.state)
    if step.is_overfill:
        words = (
            f"{order.order_id} was filled {step.after.filled} of {order.quantity}: compare with the broker's trade book"
        )
        _hold(draft, order, HoldKind.OVERFILL, words)
    changes["average_price"] = average_price(booked + trade.price * trade.quantity, step.after.filled)
    order = draft.fill(order, kind, trade, **changes)
    if order.origin == "EXTERNAL":
        books_changed(draft, order.instrument, order.product)
    return order


def _as_they_changed_it(draft: Draft, order: OrderRecord, report: OrderReport) -> OrderRecord:
    """Who placed it may change it; there is nobody else whose word on it counts."""
    now = {"quantity": report.quantity, "price": report.price or order.price}
    if report.status is not ReportStatus.WORKING or now == {"quantity": order.quantity, "price": order.price}:
        return order
    return draft.update(order, EventKind.MODIFIED, **now)


def _hold(draft: Draft, order: OrderRecord, kind: HoldKind, message: str) -> None:
    draft.hold(
        Hold(
            account_id=order.account_id,
            instrument=order.instrument,
            kind=kind,
            subject_id=order.order_id,
            message=message,
            held_at=draft.now,
        )
    )


def _fill_kind(step: states.Advance) -> EventKind:
    if step.is_overfill:
        return EventKind.OVERFILLED
    return EventKind.LATE_FILL if step.is_late_fill else EventKind.FILLED


def _drafted_value(draft: Draft, order_id: str) -> Any:
    return sum((t.price * t.quantity for t in draft.trades if t.order_id == order_id), start=0)


def _why_cancelled(order: OrderRecord, report: OrderReport) -> dict[str, str]:
    if order.cancel_requested:
        return {"reason": "CANCELLED_ON_REQUEST", "message": ""}
    return {"reason": "CANCELLED_BY_BROKER", "message": clean(report.text)}


def _learn_ids(draft: Draft, order: OrderRecord, report: OrderReport) -> OrderRecord:
    """A report that moves nothing may still tell the broker's id, or that an order we gave up on works after all."""
    if order.state is OrderState.NOT_PLACED and report.status is ReportStatus.WORKING and not order.broker_order_id:
        log.error("order.resurfaced", order_id=order.order_id, broker_order_id=report.broker_order_id)
        updated = draft.update(
            order,
            EventKind.RESURFACED,
            message="it was given up as not placed and works at the broker after all; it is being cancelled",
            cancel_requested=True,
            **_ids(order, report),
        )
        draft.then(partial(_wish_cancel, draft.state, order.order_id))
        return updated
    ids = _ids(order, report)
    return draft.update(order, EventKind.REPORTED, **ids) if ids else order


def _ids(order: OrderRecord, report: OrderReport) -> dict[str, str]:
    """What the report knows of the broker's names of the order, and we do not."""
    ids = {}
    if report.broker_order_id and not order.broker_order_id:
        ids["broker_order_id"] = report.broker_order_id
    if report.unique_order_id and not order.unique_order_id:
        ids["unique_order_id"] = report.unique_order_id
    return ids


def _judge_absent(
    draft: Draft, order: OrderRecord, read: BookRead, bounds: ResolutionBounds, summary: ReadSummary
) -> None:
    """A working order that a clean read did not show. One with an id is merely late, unless its day is over: the book
    is of the current day, and a DAY order ends with it."""
    if order.submitted_at is None or order.state is OrderState.SUBMITTING:
        return
    if day_key(order.submitted_at) < day_key(draft.market_now):
        _end_day(draft, order)
    elif order.state is OrderState.UNKNOWN:
        _judge_unknown(draft, order, read, bounds)
    else:
        summary.lost.append(order.order_id)


def _end_day(draft: Draft, order: OrderRecord) -> None:
    if order.state is OrderState.UNKNOWN:
        message = "the broker's day ended before its fate was known: check the broker's contract note"
        draft.update(order, EventKind.DAY_ENDED, state=OrderState.EXPIRED, reason="UNKNOWN_AT_DAY_END", message=message)
        log.error("order.unknown_at_day_end", order_id=order.order_id)
    else:
        draft.update(order, EventKind.DAY_ENDED, state=OrderState.EXPIRED, reason="DAY_ENDED")


def _judge_unknown(draft: Draft, order: OrderRecord, read: BookRead, bounds: ResolutionBounds) -> None:
    waiting = draft.state.unresolved.get(order.order_id) or Unresolved(draft.monotonic)
    waiting = waiting.after_read(read.begun_at)
    if waiting.is_not_placed(draft.monotonic, bounds):
        draft.update(
            order,
            EventKind.NOT_FOUND,
            state=OrderState.NOT_PLACED,
            reason="NOT_FOUND_AT_BROKER",
            message=f"the broker's book did not show it in {waiting.clean_reads} reads since it was sent",
        )
        metrics.UNKNOWN_RESOLVED.labels("not_placed").inc()
    else:
        draft.then(_remembering(draft.state, order.order_id, waiting))


def tell_overdue(bounds: ResolutionBounds, draft: Draft) -> None:
    """Past the bound and still nobody knows (the books cannot be read, say): somebody must look."""
    for order_id, waiting in list(draft.state.unresolved.items()):
        order = draft.order(order_id)
        if order is None or not waiting.is_overdue(draft.monotonic, bounds):
            continue
        seconds = draft.monotonic - waiting.send_ended_at
        message = (
            f"its fate is unknown for {seconds:.0f} s ({waiting.clean_reads} clean reads of the broker's book did not show it); "
            f"look at the broker and say it: `tradewinds orders resolve {order_id}`"
        )
        draft.update(order, EventKind.STILL_UNKNOWN, message=message)
        draft.then(_remembering(draft.state, order_id, replace(waiting, is_told=True)))


def _remembering(state: AccountState, order_id: str, waiting: Unresolved) -> Callable[[], None]:
    return partial(state.unresolved.__setitem__, order_id, waiting)


def _wish_cancel(state: AccountState, order_id: str) -> None:
    state.cancels.setdefault(order_id, CancelWish())


def clean(text: str) -> str:
    """The broker's words as PostgreSQL takes them: no NUL, of bounded length."""
    return text.replace("\x00", "")[:500]
