"""The list of rules, in the order in which they are asked, and the one place that lets exits pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.expiry_week import not_near_delivery
from engine_server.oms.domain.risk.exposure_limits import (
    within_capital,
    within_gross_exposure,
    within_net_exposure,
    within_open_order_value,
)
from engine_server.oms.domain.risk.margin import has_margin
from engine_server.oms.domain.risk.market import market_takes_it, priced
from engine_server.oms.domain.risk.order_size import within_quantity, within_value
from engine_server.oms.domain.risk.price_collar import within_collar
from engine_server.oms.domain.risk.reconciling import books_are_known
from engine_server.oms.domain.risk.repetition import (
    not_duplicate,
    not_runaway,
    within_order_to_trade_ratio,
    within_rate,
)
from engine_server.oms.domain.risk.self_trade import no_self_trade
from engine_server.oms.domain.risk.trading_state import not_killed
from engine_server.oms.domain.risk.unresolved import (
    within_open_orders,
    within_unknown_budget,
)
from engine_server.oms.domain.risk.view import RiskView, Rule

# An order without a price can go nowhere, whatever it is for.
RULES: Final[Sequence[Rule]] = (priced,)
# What is engaged by people first, then what is wrong with the order, then what it would make of the books.
ENTRY_RULES: Final[Sequence[Rule]] = (
    not_killed,
    market_takes_it,
    books_are_known,
    within_unknown_budget,
    not_near_delivery,
    within_quantity,
    within_value,
    within_collar,
    not_duplicate,
    within_rate,
    not_runaway,
    within_order_to_trade_ratio,
    no_self_trade,
    within_open_orders,
    within_capital,
    within_open_order_value,
    within_gross_exposure,
    within_net_exposure,
    has_margin,
)


def first_denial(order: PlaceOrder, view: RiskView) -> Denial | None:
    """The first rule that denies; None when all allow it. An exit is never blocked by a rule meant for entries."""
    rules = RULES if view.is_exit else (*RULES, *ENTRY_RULES)
    return next((denial for rule in rules if (denial := rule(order, view))), None)
