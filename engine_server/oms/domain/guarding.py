"""What a guard does next: one pure decision over what is open, its exit at the broker, and the last quote.

Its exit rests at the exchange as an SL order for all that is open; so it works while we do not. Stop and target share one
quantity: when the target trades, the stop is cancelled and a LIMIT takes its place, and the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from engine_server.oms.domain.protection import MAXIMUM_QUOTE_AGE_SECONDS, Quote, limit_beyond
from engine_server.oms.domain.states import OrderState
from engine_server.oms.records import GuardRecord, OrderRecord
from tradewinds.instruments import Instrument
from tradewinds.money import round_to_tick

MAXIMUM_ATTEMPTS = 30
_SLOWEST_SECONDS = 30.0


@dataclass(frozen=True)
class Place:
    """An exit to place: SL with a trigger, LIMIT without."""

    quantity: int
    price: Decimal
    trigger_price: Decimal | None


@dataclass(frozen=True)
class Change:
    """The exit at the broker shall be this from now on; `quantity` is in all."""

    quantity: int
    price: Decimal
    trigger_price: Decimal | None


@dataclass(frozen=True)
class Withdraw:
    """Cancel the exit at the broker."""


Action = Place | Change | Withdraw | None


@dataclass(frozen=True)
class Step:
    """The guard as it shall be, and what is done."""

    guard: GuardRecord
    action: Action = None


@dataclass(frozen=True)
class Situation:
    """`open` is what the guard may close, its own exit not counted; `order` is that exit, the last one where it has ended.
    `waited_seconds` is how long ago the guard last changed."""

    guard: GuardRecord
    instrument: Instrument
    open: int
    order: OrderRecord | None
    quote: Quote | None
    waited_seconds: float

    @property
    def is_working(self) -> bool:
        """Whether the exit is on its way or at the broker."""
        return self.order is not None and not self.order.state.is_terminal

    @property
    def market(self) -> Decimal | None:
        """The price that an exit would get now; None where the quote is not fresh."""
        quote = self.quote
        if quote is None or quote.age_seconds > MAXIMUM_QUOTE_AGE_SECONDS:
            return None
        best = quote.bid if self.guard.side == "SELL" else quote.ask
        price = best if best > 0 else quote.last
        return price if price > 0 else None


def next_step(now: Situation) -> Step:
    """What to do; a step without an action that leaves the guard as it is means: nothing."""
    guard = now.guard
    if now.open <= 0:
        return _nothing_open(now)
    if now.is_working:
        return _watch(now)
    if guard.state == "WAITING" or now.order is None:
        return _place_stop(now, "ACTIVE")
    return _place_again(now)


def _nothing_open(now: Situation) -> Step:
    guard = now.guard
    if guard.state == "WAITING":
        return Step(guard)
    if now.is_working:
        return Step(guard, Withdraw()) if _can_be_touched(now.order) else Step(guard)
    return Step(replace(guard, state="DONE", order_id=None, message="what it guarded is closed"))


def _watch(now: Situation) -> Step:
    """The exit rests: keep its quantity, its trail, its target and its reach."""
    order, guard = now.order, now.guard
    if order is None or not _can_be_touched(order):
        return Step(guard)
    if guard.state == "EXITING":
        return _watch_target(now, order)
    if _reached(now):
        return Step(replace(guard, state="EXITING", message="the target trades"), Withdraw())
    trailed = _trailed(now)
    wanted = Change(order.filled_quantity + now.open, _stop_limit(now, trailed), trailed)
    if _is_jumped(now, order):
        if guard.attempts >= MAXIMUM_ATTEMPTS:
            return Step(guard)
        price = _marketable(now)
        if order.price is not None and _is_further(guard, price, order.price):
            return Step(
                replace(guard, attempts=guard.attempts + 1, message="the stop was jumped"), replace(wanted, price=price)
            )
        wanted = replace(wanted, price=order.price or wanted.price)
    if (wanted.quantity, wanted.price, wanted.trigger_price) == (order.quantity, order.price, order.trigger_price):
        return Step(guard)
    return Step(replace(guard, stop_price=trailed), wanted)


def _watch_target(now: Situation, order: OrderRecord) -> Step:
    """While the exit at the target has not filled, and the price has gone back: the stop is wanted again."""
    if order.order_type == "LIMIT" and not _reached(now) and now.market is not None:
        return Step(replace(now.guard, state="ACTIVE", message="the price left the target"), Withdraw())
    if order.remaining != now.open and order.price is not None:
        return Step(now.guard, Change(order.filled_quantity + now.open, order.price, order.trigger_price))
    return Step(now.guard)


def _place_again(now: Situation) -> Step:
    """The exit ended, and something is open still: because we cancelled it, or because the broker would not have it."""
    guard, order = now.guard, now.order
    if (
        order is not None
        and order.state in (OrderState.CANCELLED, OrderState.FILLED)
        and order.reason != "CANCELLED_BY_BROKER"
    ):
        if guard.state == "EXITING" and guard.target_price is not None:
            return Step(guard, Place(now.open, guard.target_price, None))
        return _place_stop(now, "ACTIVE")
    delay = min(_SLOWEST_SECONDS, 2.0**guard.attempts)
    if now.market is None or now.waited_seconds < delay:
        return Step(guard)
    why = order.message or order.state if order is not None else ""
    return _place_stop(
        replace(now, guard=replace(guard, attempts=guard.attempts + 1, message=f"placed again after: {why}")), "ACTIVE"
    )


def _place_stop(now: Situation, state: str) -> Step:
    guard = replace(now.guard, state=state, stop_price=_trailed(now))
    market = now.market
    if market is not None and not _is_beyond(guard, market, guard.stop_price):
        # The stop is crossed already: the exchange would refuse it as an SL order.
        return Step(guard, Place(now.open, _marketable(now), None))
    return Step(guard, Place(now.open, _stop_limit(now, guard.stop_price), guard.stop_price))


def _reached(now: Situation) -> bool:
    target, market = now.guard.target_price, now.market
    if target is None or market is None:
        return False
    return market >= target if now.guard.side == "SELL" else market <= target


def _trailed(now: Situation) -> Decimal:
    """The stop, moved after the market by the trail; it never moves away."""
    guard, market = now.guard, now.market
    if guard.trail is None or market is None:
        return guard.stop_price
    distance = -guard.trail if guard.side == "SELL" else guard.trail
    moved = round_to_tick(market + distance, now.instrument.tick_size, side="BUY" if guard.side == "SELL" else "SELL")
    return moved if _is_beyond(guard, moved, guard.stop_price) else guard.stop_price


def _is_jumped(now: Situation, order: OrderRecord) -> bool:
    """The market is beyond the stop and the limit of its order: it has triggered and cannot fill."""
    market = now.market
    if market is None or order.price is None:
        return False
    return market < order.price if now.guard.side == "SELL" else market > order.price


def _marketable(now: Situation) -> Decimal:
    market = now.market
    if market is None:
        raise AssertionError("without a fresh quote there is no marketable price")
    return limit_beyond(now.instrument, now.guard.side, market)


def _stop_limit(now: Situation, stop: Decimal) -> Decimal:
    """How far below (above) its trigger a stop may sell (buy)."""
    return limit_beyond(now.instrument, now.guard.side, stop)


def _is_beyond(guard: GuardRecord, price: Decimal, stop: Decimal) -> bool:
    """Whether `price` is on the good side of `stop`."""
    return price > stop if guard.side == "SELL" else price < stop


def _is_further(guard: GuardRecord, price: Decimal, than: Decimal) -> bool:
    return price < than if guard.side == "SELL" else price > than


def _can_be_touched(order: OrderRecord | None) -> bool:
    return (
        order is not None
        and order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
        and not order.cancel_requested
        and not order.modify_requested
    )
