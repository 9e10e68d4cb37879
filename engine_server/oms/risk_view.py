"""What the rules see of an order: the account's state as the draft leaves it, and what stands over it."""

from __future__ import annotations

from typing import Protocol

from engine_server.oms.domain.commands import PlaceOrder
from engine_server.oms.domain.kill_switch import Restriction
from engine_server.oms.domain.risk.activity import RecentIntents
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.risk.limits import LimitsInForce
from engine_server.oms.domain.risk.view import RiskView
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.draft import Draft


class RiskBoard(Protocol):
    """Limits and kill switches as they are now, in memory: admission never waits for them."""

    def limits(self, account_id: str, config_id: str | None) -> LimitsInForce:
        """What was set for a strategy, its account and everybody."""
        ...

    def restriction(self, account_id: str, config_id: str | None) -> Restriction | None:
        """The worst kill switch that covers it."""
        ...


def view_of(
    draft: Draft, command: PlaceOrder, board: RiskBoard, *, is_exit: bool = False, changes: str = ""
) -> RiskView:
    """Made anew for each order: the one before it in the same batch counts already. `changes` is the order that it shall replace, by a
    change: that one is left out, and a change repeats nothing."""
    account_id, config_id = command.account_id, command.request.config_id
    account, activity = _without(changes, draft.exposure(None)), draft.state.activity
    margins, unit = draft.state.margins, (command.instrument.key, command.request.side, command.request.product)
    in_batch = sum(1 for intent in draft.intents if config_id is None or intent.config_id == config_id)
    return RiskView(
        book=account if config_id is None else _without(changes, draft.exposure(config_id)),
        account=account,
        limits=board.limits(account_id, config_id),
        restriction=board.restriction(account_id, config_id),
        intents=RecentIntents() if changes else RecentIntents(activity.intents, draft.intents),
        orders_today=activity.orders_of(config_id) + in_batch,
        trades_today=activity.trades_of(config_id),
        quote=command.quote,
        unit_margin=margins.unit(unit, draft.monotonic),
        available_margin=margins.available(draft.monotonic, draft.intents),
        reconciling=draft.state.vitals.reconciling,
        is_exit=is_exit,
        now=draft.now,
        market_now=draft.market_now,
    )


def _without(order_id: str, exposure: Exposure) -> Exposure:
    if not order_id:
        return exposure
    others = WorkingOrders(order for order in exposure.working if order.order_id != order_id)
    return Exposure(exposure.positions, others)
