"""C11: no entry while nobody knows for sure what is open: between the loss of the order stream and the next clean read of the books."""

from __future__ import annotations

from engine_server.oms.domain.commands import Denial, PlaceOrder
from engine_server.oms.domain.risk.view import RiskView


def books_are_known(_order: PlaceOrder, view: RiskView) -> Denial | None:
    """It passes with one read, which is asked for at once."""
    if not view.reconciling:
        return None
    return Denial("STREAM_RECONCILING", f"{view.reconciling}; try again in a moment")
