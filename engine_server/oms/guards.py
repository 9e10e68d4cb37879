"""Guards of one account: made, moved and cancelled by their owners, and kept by the OMS whatever becomes of those."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import msgspec

from engine_server.broker.port import OrderChange, OrderTicket
from engine_server.oms.admission import Admission
from engine_server.oms.cancelling import clear_away
from engine_server.oms.domain.books import BookKey
from engine_server.oms.domain.commands import CreateGuard
from engine_server.oms.domain.exits import OpenLine
from engine_server.oms.domain.guard_slices import SliceSteps, first_part, next_slices
from engine_server.oms.domain.guarding import MAXIMUM_ATTEMPTS, Change, Place, Situation, Withdraw, next_step
from engine_server.oms.domain.protection import Quote
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import AuditRow, Draft, OutboxRow
from engine_server.oms.events import EventKind
from engine_server.oms.modifying import wish_change
from engine_server.oms.not_found import no_guard
from engine_server.oms.records import GuardRecord, OrderRecord
from tradewinds.errors import InvalidArgumentError
from tradewinds.ids import IdFactory
from tradewinds.instruments import Instrument
from tradewinds.money import format_rupees, in_rupees
from tradewinds.telemetry import get_logger

log = get_logger("oms.guards")


_AFTER_A_REFUSAL = timedelta(seconds=30)


@dataclass(frozen=True)
class MarketView:
    """What the last look at the market showed: instruments and quotes by key."""

    instruments: Mapping[str, Instrument]
    quotes: Mapping[str, Quote | None]


def create(command: CreateGuard, new_id: IdFactory, draft: Draft) -> GuardRecord:
    """A guard over what its owner has open of a line; where one is there already, it gets the new levels. Raises
    `InvalidArgumentError` where there is nothing to guard, or the levels are on the wrong side of each other."""
    found = next((g for g in draft.living_guards() if _guards_the_same(g, command)), None)
    side = found.side if found is not None else _exit_side(command, draft)
    _check_levels(command, side)
    levels: dict[str, Any] = {
        "stop_price": command.stop_price,
        "target_price": command.target_price,
        "trail": command.trail,
    }
    subject = found.guard_id if found is not None else new_id("grd")
    before = {name: getattr(found, name) for name in levels} if found is not None else None
    draft.audit.append(
        AuditRow(
            command.actor,
            "guard.set",
            subject,
            command.reason,
            levels,
            subject_type="guard",
            source=command.source,
            before=before,
        )
    )
    if found is not None:
        return draft.put_guard(replace(found, **levels, attempts=0, message="moved by its owner"))
    body = hashlib.sha256(msgspec.json.encode([command.instrument.key, command.product, *map(str, levels.values())]))
    return draft.put_guard(
        GuardRecord(
            guard_id=subject,
            account_id=draft.state.account_id,
            user_id=command.user_id,
            config_id=command.config_id,
            request_key=f"guard:{subject}",
            body_sha256=body.hexdigest(),
            instrument=command.instrument.key,
            product=command.product,
            side=side,
            state="WAITING",
            created_at=draft.now,
            updated_at=draft.now,
            **levels,
        )
    )


def cancel(guard_id: str, config_id: str | None, actor: str, reason: str, source: str, draft: Draft) -> GuardRecord:
    """Guard it no more: its exit at the broker is cancelled. Raises `NotFoundError`."""
    guard = draft.guard(guard_id)
    if guard is None or (config_id is not None and guard.config_id != config_id):
        raise no_guard(guard_id)
    before, after = {"state": guard.state}, {"state": "CANCELLED"}
    draft.audit.append(
        AuditRow(actor, "guard.cancel", guard_id, reason, after, subject_type="guard", source=source, before=before)
    )
    for order in orders_of(draft, guard):
        clear_away(draft, order)
    return draft.put_guard(replace(guard, state="CANCELLED", message=f"{actor}: {reason}" if reason else f"by {actor}"))


def keep(admission: Admission, market: MarketView, draft: Draft) -> None:
    """Every guard takes its next step."""
    for guard in draft.living_guards():
        instrument = market.instruments.get(guard.instrument)
        if instrument is not None:
            _step(admission, draft, guard, instrument, market.quotes.get(guard.instrument))


def _step(admission: Admission, draft: Draft, guard: GuardRecord, instrument: Instrument, quote: Quote | None) -> None:
    guard, order, slices = _its_orders(draft, guard)
    own = {one.order_id for one in slices} | ({order.order_id} if order is not None else set())
    line = draft.open_line(guard.config_id, guard.instrument, guard.product, guard.side, without=own)
    total = line.closable(guard.side)
    if _waits_for_the_broker(draft, guard, order, line):
        return
    part = first_part(total, order, instrument)
    waited = (draft.now - guard.updated_at).total_seconds()
    step = next_step(Situation(guard, instrument, part, order, quote, waited))
    if isinstance(step.action, Place):
        placed = _place(admission, draft, step.guard, instrument, step.action)
        draft.put_guard(replace(step.guard, order_id=placed.order_id))
    elif isinstance(step.action, Change) and order is not None:
        wish_change(draft, order, _change(order, instrument, step.action))
    elif isinstance(step.action, Withdraw) and order is not None:
        clear_away(draft, order)
    if not isinstance(step.action, Place) and step.guard != guard:
        draft.put_guard(step.guard)
    if (hit := _hit(guard, step.guard, order)) is not None:
        draft.tell(hit)
    if slices or total > part:
        rest = next_slices(slices, total - part, step.action, order, instrument)
        if rest.place and _was_refused_lately(draft, guard):
            rest = replace(rest, place=())
        _do(admission, draft, step.guard, instrument, rest)
    if step.guard.attempts >= MAXIMUM_ATTEMPTS > guard.attempts:
        draft.tell(_failed(step.guard, draft))


def _waits_for_the_broker(draft: Draft, guard: GuardRecord, order: OrderRecord | None, line: OpenLine) -> bool:
    """Our books have what it guards, the broker has not: it is not over, it goes on when both agree."""
    differs = (guard.instrument, guard.product) in draft.excess
    rests = order is not None and not order.state.is_terminal
    return differs and line.own != 0 and not line.closable(guard.side) and not rests


def _its_orders(draft: Draft, guard: GuardRecord) -> tuple[GuardRecord, OrderRecord | None, list[OrderRecord]]:
    """The exit that leads, and those of what is above the freeze quantity, which follow it. Where the first has ended, the next leads."""
    order = draft.order(guard.order_id)
    slices = [one for one in orders_of(draft, guard) if one.order_id != guard.order_id]
    if slices and (order is None or order.state.is_terminal):
        order, *slices = slices
        guard = draft.put_guard(replace(guard, order_id=order.order_id))
    return guard, order, slices


def _was_refused_lately(draft: Draft, guard: GuardRecord) -> bool:
    """The broker would not have one of them: it is not asked for another at every look."""
    prefix = f"guard:{guard.guard_id}/"
    return any(
        one.request_key.startswith(prefix)
        and one.state in (OrderState.REJECTED, OrderState.NOT_PLACED)
        and draft.now - one.updated_at < _AFTER_A_REFUSAL
        for one in draft.state.orders.values()
    )


def orders_of(draft: Draft, guard: GuardRecord) -> list[OrderRecord]:
    """What it keeps at the broker now, oldest first."""
    prefix = f"guard:{guard.guard_id}/"
    found = [one for one in draft.working() if one.origin == "GUARD" and one.request_key.startswith(prefix)]
    return sorted(found, key=lambda one: (one.created_at, one.order_id))


def _do(admission: Admission, draft: Draft, guard: GuardRecord, instrument: Instrument, rest: SliceSteps) -> None:
    for order in rest.withdraw:
        clear_away(draft, order)
    for order, change in rest.change:
        wish_change(draft, order, _change(order, instrument, change))
    for action in rest.place:
        _place(admission, draft, guard, instrument, action)


def _place(
    admission: Admission, draft: Draft, guard: GuardRecord, instrument: Instrument, action: Place
) -> OrderRecord:
    number = draft.state.sequence + len(draft.events) + 1  # of the account's log: never twice
    order_id = admission.new_id("ord")
    order = OrderRecord(
        order_id=order_id,
        account_id=guard.account_id,
        user_id=guard.user_id,
        config_id=guard.config_id,
        epoch=None,
        request_key=f"guard:{guard.guard_id}/{number}",
        request_id=f"{guard.guard_id}-{number}",
        body_sha256="",
        instrument=guard.instrument,
        side=guard.side,
        quantity=action.quantity,
        order_type="LIMIT" if action.trigger_price is None else "SL",
        product=guard.product,
        price=action.price,
        trigger_price=action.trigger_price,
        state=OrderState.PENDING_SUBMIT,
        tag=admission.tags.of(order_id),
        created_at=draft.now,
        updated_at=draft.now,
        origin="GUARD",
        intent_id=order_id,
        is_exit=True,
    )
    ticket = OrderTicket(
        order.tag,
        instrument,
        order.side,
        order.quantity,
        order.order_type,
        order.product,
        action.price,
        action.trigger_price,
    )
    return draft.admit(admission.dispatcher.admit(draft, order, ticket), EventKind.PLACED)


def _change(order: OrderRecord, instrument: Instrument, action: Change) -> OrderChange:
    return OrderChange(
        broker_order_id=order.broker_order_id or "",
        instrument=instrument,
        order_type="SL" if order.order_type == "SL" else "LIMIT",
        product=order.product,
        quantity=action.quantity,
        price=action.price,
        trigger_price=action.trigger_price if order.order_type == "SL" else None,
    )


def _guards_the_same(guard: GuardRecord, command: CreateGuard) -> bool:
    line = (guard.config_id, guard.instrument, guard.product)
    return line == (command.config_id, command.instrument.key, command.product)


def _exit_side(command: CreateGuard, draft: Draft) -> str:
    """Against what is open; where nothing is yet, against the entry that works."""
    key = BookKey(command.config_id or "", command.instrument.key, command.product)
    net = draft.book(key).position.net_quantity
    if net:
        return "SELL" if net > 0 else "BUY"
    for order in draft.working():
        line = (order.config_id, order.instrument, order.product)
        if line == (command.config_id, command.instrument.key, command.product):
            return "SELL" if order.side == "BUY" else "BUY"
    raise InvalidArgumentError.field(
        "instrument",
        f"nothing of {command.instrument.key} ({command.product}) is open or being opened: nothing to guard",
    )


def _check_levels(command: CreateGuard, side: str) -> None:
    target = command.target_price
    if target is None:
        return
    wrong = target <= command.stop_price if side == "SELL" else target >= command.stop_price
    if wrong:
        where = "above" if side == "SELL" else "below"
        raise InvalidArgumentError.field(
            "target_price",
            f"of a {'long' if side == 'SELL' else 'short'} position must be {where} its stop {format_rupees(command.stop_price)}",
        )


def _hit(before: GuardRecord, after: GuardRecord, order: OrderRecord | None) -> OutboxRow | None:
    """What is told, once, of a guard that has begun to close at its target, or has closed at its stop."""
    at_target = before.state != "EXITING" and after.state == "EXITING"
    at_stop = before.state == "ACTIVE" and after.state == "DONE" and order is not None and order.filled_quantity > 0
    if not (at_target or at_stop):
        return None
    level = "target" if at_target else "stop"
    price = before.target_price if at_target else before.stop_price
    payload = {
        "user_id": before.user_id,
        "type": "GUARD_HIT",
        "title": f"The {level} of {before.instrument} was hit",
        "message": f"{level} {in_rupees(price)}; " + ("closing it now" if at_target else "what it guarded is closed")
        if price is not None
        else "closing it now",
        "data": {
            "account_id": before.account_id,
            "config_id": before.config_id or "",
            "guard_id": before.guard_id,
            "instrument": before.instrument,
        },
    }
    # A price that leaves the target and comes back is the same news.
    return OutboxRow("GUARD_HIT", f"{before.guard_id}:{level}", payload)


def _failed(guard: GuardRecord, draft: Draft) -> OutboxRow:
    log.error("failed", guard_id=guard.guard_id, instrument=guard.instrument, message=guard.message)
    payload = {
        "user_id": guard.user_id,
        "type": "GUARD_FAILED",
        "title": f"The guard of {guard.instrument} cannot close it",
        "message": f"after {guard.attempts} attempts: {guard.message}; close the position yourself",
        "data": {"account_id": guard.account_id, "guard_id": guard.guard_id, "instrument": guard.instrument},
    }
    return OutboxRow("GUARD_FAILED", f"{guard.guard_id}:failed:{draft.state.sequence}", payload)
