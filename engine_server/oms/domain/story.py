"""The story of one order, told line by line from its log: what happened, when, and how long it took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import OrderRecord, TradeRecord
from tradewinds.money import format_rupees


@dataclass(frozen=True)
class LogLine:
    """One event of the order, as the log has it."""

    sequence: int
    kind: str
    recorded_at: datetime
    order: OrderRecord
    trade: TradeRecord | None
    heard_from: str = ""


@dataclass(frozen=True)
class AuditLine:
    """Who asked for something, from where, why, and what it changed."""

    recorded_at: datetime
    actor: str
    action: str
    reason: str
    source: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class CodeLine:
    """Which code asked for it; `registered_hash` is that of its class as it is registered now."""

    recorded_at: datetime
    code_hash: str
    runner_id: str
    pid: int
    registered_hash: str


@dataclass(frozen=True)
class StoryLine:
    """One sentence; `state` is what the order was in after it ('' where that did not change)."""

    at: datetime
    what: str
    text: str
    state: str


def tell(events: Sequence[LogLine], audit: Sequence[AuditLine], code: Sequence[CodeLine] = ()) -> list[StoryLine]:
    """The lines of the log, of the audit and of the code that asked, in the order of time."""
    known_as = [None, *(event.order.broker_order_id for event in events)]
    lines = [
        StoryLine(e.recorded_at, e.kind, _sentence(e, before), e.order.state)
        for e, before in zip(events, known_as, strict=False)
    ]
    lines += [StoryLine(a.recorded_at, a.action, _asked(a), "") for a in audit]
    lines += [StoryLine(one.recorded_at, "strategy.code", _ran(one), "") for one in code]
    return sorted(lines, key=lambda line: line.at)


def summary(order: OrderRecord) -> str:
    """The whole in one sentence."""
    price = f" at {format_rupees(order.price)}" if order.price is not None else ""
    what = f"{order.side} {order.quantity} {order.instrument} {order.order_type}{price} ({order.product})"
    whose = (
        f"a guard of {order.config_id or order.user_id}"
        if order.origin == "GUARD"
        else order.config_id or order.user_id
    )
    filled = f"{order.filled_quantity} filled"
    if order.average_price is not None:
        filled += f" at {format_rupees(order.average_price)} on average"
    reason = f" because of {order.reason}" if order.reason else ""
    told = f"{what} for {whose}{_part(order)}, tag {order.tag}: {order.state}{reason}, {filled}"
    return f"{told}{_meaning(order)}{_latency(order)}"


def _part(order: OrderRecord) -> str:
    """Where an intent became several orders (slices, or an exit that was sent again)."""
    return f" (attempt {order.attempt} of {order.intent_id})" if order.attempt > 1 else ""


def _meaning(order: OrderRecord) -> str:
    """What a state that names itself badly comes to."""
    words = _STATE_WORDS.get(order.state)
    return f"; {words}" if words else ""


def _latency(order: OrderRecord) -> str:
    stages = [
        ("committed after", order.admitted_us),
        ("sent after another", order.released_us),
        ("answered after another", order.answered_us),
    ]
    said = [f"{words} {microseconds / 1000:.1f} ms" for words, microseconds in stages if microseconds is not None]
    return f"; {', '.join(said)}" if said else ""


def _asked(line: AuditLine) -> str:
    words = f"{line.actor} {_ASKED_WORDS.get(line.action, f'asked for {line.action}')}"
    if line.source and line.source != _OURSELVES:
        words += f" from {line.source}"
    if changed := _changed(line.before or {}, line.after or {}):
        words += f" ({changed})"
    return f"{words}: {line.reason}" if line.reason else words


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What stood there and stands there now; of what was not there before the event says everything."""
    both = [name for name in after if name in before and before[name] != after[name]]
    return ", ".join(f"{name} {before[name]} → {after[name]}" for name in both)


def _ran(code: CodeLine) -> str:
    words = f"its strategy ran code {code.code_hash[:12]} (process {code.pid} of {code.runner_id})"
    if code.registered_hash and code.registered_hash != code.code_hash:
        words += f"; registered is {code.registered_hash[:12]}, which is not the same"
    return words


def _happened(event: LogLine) -> str:
    if event.kind == "PLACED" and event.order.state in _PLACED_WORDS:
        return _PLACED_WORDS[event.order.state]
    return _WORDS.get(event.kind, event.kind.replace("_", " ").lower())


def _sentence(event: LogLine, known_as: str | None) -> str:
    order, trade = event.order, event.trade
    parts = [_happened(event) + (f" (known from {event.heard_from})" if event.heard_from else "")]
    if trade is not None:
        verb = "bought" if trade.side == "BUY" else "sold"
        parts.append(f"{verb} {trade.quantity} at {format_rupees(trade.price)}")
        parts.append(f"{order.filled_quantity} of {order.quantity} in all")
    if order.broker_order_id and order.broker_order_id != known_as:
        parts.append(f"the broker calls it {order.broker_order_id}")
    if order.reason:
        parts.append(order.reason)
    if order.message:
        parts.append(order.message)
    return "; ".join(parts)


_OURSELVES = "oms"  # what the engine decided has no address

_STATE_WORDS = {
    OrderState.PENDING_SUBMIT: "it waits to be sent",
    OrderState.SUBMITTING: "it is on its way, the broker has not answered yet",
    OrderState.UNKNOWN: "nobody knows yet whether the broker has it; it is never sent again, the broker's books are being read",
    OrderState.NOT_PLACED: "the broker never had it",
    OrderState.DENIED: "our own rules refused it, it was never sent",
}

_ASKED_WORDS = {
    "order.place": "placed it",
    "order.deny": "tried to place it",
    "order.cancel": "asked for its cancel",
    "order.modify": "asked for a change",
    "order.resolve": "said what became of it",
    "order.send_again": "sent it in place of one that never reached the broker",
}

_PLACED_WORDS = {
    OrderState.SUBMITTING: "the intent was committed, and is sent at once",
    OrderState.PENDING_SUBMIT: "the intent was committed; it waits for its turn in the broker's rate, or for another order to end",
}

_WORDS = {
    "PLACED": "the intent was committed",
    "DENIED": "refused by our own rules, nothing was sent",
    "SUBMITTED": "the rate budget let it go",
    "ACCEPTED": "the broker took it",
    "REJECTED": "the broker refused it",
    "NOT_SENT": "provably not sent",
    "UNCLEAR": "sent, and the answer was unclear: from here on only the broker's books tell",
    "STILL_UNKNOWN": "past the bound nobody knows what became of it",
    "NOT_FOUND": "the broker's books never showed it: it was not placed",
    "RESOLVED": "a person said what became of it",
    "REPORTED": "the broker reported it",
    "FILLED": "filled",
    "LATE_FILL": "filled AFTER it had ended",
    "OVERFILLED": "filled BEYOND what was ordered",
    "RESURFACED": "given up as not placed, and working at the broker after all",
    "CANCEL_REQUESTED": "a cancel was asked for",
    "CANCEL_FAILED": "the cancel failed",
    "WITHDRAWN": "withdrawn before it was sent",
    "HANDED_BACK": "handed back: its engine stopped before it was sent",
    "DAY_ENDED": "the broker's day ended",
    "MODIFY_REQUESTED": "a change was asked for",
    "MODIFIED": "the broker changed it",
    "MODIFY_FAILED": "the change was not made",
    "APPEARED": "somebody else's order appeared at the broker",
    "ATTRIBUTED": "counted in a strategy's book",
    "BOOKED": "booked by hand: no order of the broker stands behind it",
}
