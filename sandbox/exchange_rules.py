"""Numbers that the exchange does not take, whoever sends them. Pure.

Price protection is NSE's for contracts (circulars of 2023 on limit price protection and on stop limits): a limit price may not
lie further from the last price than a fixed range, a stop's limit not further from its trigger.
"""

from __future__ import annotations

from sandbox.market import Quote
from sandbox.orders import Order, Side
from sandbox.universe import Instrument, InstrumentKind

_CHEAP_PAISE = 5_000


def off_the_rules(instrument: Instrument, order: Order, quote: Quote | None) -> str | None:
    """Why the exchange, or the broker's desk before it, would not take these numbers; None when it would."""
    if not instrument.tradable:
        return f"{instrument.symbol} is an index and cannot be traded"
    if order.quantity % instrument.lot_size:
        return f"Quantity {order.quantity} is not a multiple of the lot size {instrument.lot_size}"
    if 0 < instrument.freeze_quantity < order.quantity:
        return (
            f"RMS:Rule: Check freeze quantity for {instrument.exchange}: quantity {order.quantity} "
            f"is above {instrument.freeze_quantity}"
        )
    for name, value in (("price", order.price), ("trigger price", order.trigger_price)):
        if value % instrument.tick_size:
            return f"Order {name} {value / 100:.2f} is not a multiple of the tick size {instrument.tick_size / 100:.2f}"
    if order.is_stop and order.side.sign * order.price < order.side.sign * order.trigger_price:
        beyond = "at or above" if order.side is Side.BUY else "at or below"
        return f"The limit price of a stoploss {order.side.value} must be {beyond} its trigger price"
    return _outside_circuit(instrument, order, quote)


def beyond_price_protection(instrument: Instrument, order_price: int, trigger: int, side: Side, ltp: int) -> str | None:
    """The broker's captured text for a contract's limit price outside its protection range; None when inside."""
    if not instrument.is_derivative:
        return None
    if trigger:
        allowed = _stop_range(instrument, trigger)
        if abs(order_price - trigger) > allowed:
            bound = trigger + side.sign * allowed
            towards = "reducing the limit price below" if side is Side.BUY else "increasing the limit price above"
            return (
                "Difference between limit price and trigger price for SL Limit Order is beyond the exchange's Permissible "
                f"range of {allowed / 100:.2f}. Consider {towards} {bound / 100:.2f}"
            )
        return None
    bound = ltp + side.sign * _limit_range(instrument, ltp)
    if side.sign * order_price <= side.sign * bound:
        return None
    remedy = "Please reduce the limit price below" if side is Side.BUY else "Please increase the limit price above"
    return f"Order price is beyond the Limit Price Protection range defined by the exchange. {remedy} {bound / 100:.2f}"


def _outside_circuit(instrument: Instrument, order: Order, quote: Quote | None) -> str | None:
    if quote is None:
        return None
    lower, upper = instrument.circuits(quote.close)
    for name, value in (("price", order.price), ("trigger price", order.trigger_price)):
        if value and not lower <= value <= upper:
            side = "lower than the current lower" if value < lower else "higher than the current upper"
            bound = lower if value < lower else upper
            return f"17070 : Order {name} {value / 100:.2f} is {side} circuit limit of {bound / 100:.2f}"
    return None


def _limit_range(instrument: Instrument, ltp: int) -> int:
    """Options: 40 %, 20 rupees below a premium of 50; futures 3 %, 1.50 rupees below 50."""
    if instrument.kind is InstrumentKind.OPTION:
        return ltp * 40 // 100 if ltp > _CHEAP_PAISE else 2_000
    return ltp * 3 // 100 if ltp > _CHEAP_PAISE else 150


def _stop_range(instrument: Instrument, trigger: int) -> int:
    """Options: 20 %, 10 rupees below a trigger of 50; futures 3 %, 1.50 rupees below 50."""
    if instrument.kind is InstrumentKind.OPTION:
        return trigger * 20 // 100 if trigger > _CHEAP_PAISE else 1_000
    return trigger * 3 // 100 if trigger > _CHEAP_PAISE else 150
