"""C1: whether a kill switch stands over the order."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.kill_switch import KillAction
from engine_server.oms.domain.risk.view import RiskView


def not_killed(_order: PlaceOrder, view: RiskView) -> Denial | None:
    """No entries while one is engaged."""
    if view.restriction is None:
        return None
    is_reduce_only = view.restriction.kill.action is KillAction.REDUCE_ONLY
    reason = "TRADING_REDUCE_ONLY" if is_reduce_only else "TRADING_HALTED"
    return Denial(reason, f"{view.restriction.words}; exits and cancels pass, entries wait for its release")
