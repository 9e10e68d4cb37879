"""C4: a limit price that is far worse than the market is a mistake; without a fresh price nobody can tell, so it is denied."""

from __future__ import annotations

from decimal import Decimal

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.view import RiskView
from tradewinds.money import format_rupees


def within_collar(order: PlaceOrder, view: RiskView) -> Denial | None:
    """Buying far above, selling far below the last price. A MARKET order has its protection price instead."""
    if order.price is None or order.request.order_type == "MARKET":
        return None
    is_option = order.instrument.kind == "OPT"
    name = LimitName.OPTION_COLLAR_PERCENT if is_option else LimitName.COLLAR_PERCENT
    percent, oldest = view.limits.of_order(name), view.limits.of_order(LimitName.MAX_QUOTE_AGE_SECONDS)
    if percent is None or oldest is None:
        return None
    if view.quote is None or not view.quote.last.is_finite() or view.quote.last <= 0:
        return Denial("REFERENCE_MISSING", f"there is no price of {order.instrument.key} to judge the limit price by")
    if Decimal(str(view.quote.age_seconds)) > oldest:
        return Denial(
            "REFERENCE_STALE",
            f"the last price of {order.instrument.key} is {view.quote.age_seconds:.1f} s old, "
            f"max_quote_age_seconds is {oldest:f}",
        )
    return _judged(order, order.price, view.quote.last, percent)


def _judged(order: PlaceOrder, price: Decimal, last: Decimal, percent: Decimal) -> Denial | None:
    worse = price - last if order.request.side == "BUY" else last - price
    beyond = worse * 100 / last
    if beyond <= percent:
        return None
    return Denial(
        "RISK_PRICE_COLLAR",
        f"{format_rupees(price)} is {beyond:.2f} % worse than the last price of {format_rupees(last)}; "
        f"at most {percent:f} % are allowed",
    )
