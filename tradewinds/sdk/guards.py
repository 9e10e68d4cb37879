"""A guard as a strategy sees it: the stop, target and trail that the engine keeps for it, whatever becomes of its process."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from tradewinds.sdk.errors import OrderArgumentError
from tradewinds.sdk.vocabulary import Product

REFUSED = "REFUSED"


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """What became of `protect`: WAITING (nothing is open yet) or ACTIVE, or REFUSED with the reason."""

    instrument: str  # canonical key
    product: Product
    state: str
    reason: str = ""
    message: str = ""

    @property
    def is_refused(self) -> bool:
        """The position is not guarded by it."""
        return self.state == REFUSED


def check_levels(stop: Decimal, target: Decimal | None, trail: Decimal | None) -> None:
    """Raise `OrderArgumentError` for a level that no market can have."""
    for name, value in (("stop", stop), ("target", target), ("trail", trail)):
        if value is not None and not (value.is_finite() and value > 0):
            raise OrderArgumentError(f"{name}: must be a positive number of rupees, was {value}")
