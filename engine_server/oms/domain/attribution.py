"""Whose position a trade closes that no strategy made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class _Ambiguous:
    """It closes what strategies hold, and not clearly one's."""


AMBIGUOUS: Final = _Ambiguous()


def owner_of_close(nets: Mapping[str, int], total: int, side: str, quantity: int) -> str | _Ambiguous | None:
    """The one strategy whose position `quantity` on `side` closes; None where it closes none's.

    `nets` are the strategies' net quantities of the line, `total` is the account's. What people hold themselves is closed first.
    """
    sign = 1 if side == "SELL" else -1
    holders = {config_id: net for config_id, net in nets.items() if net * sign > 0}
    free = max(0, (total - sum(nets.values())) * sign)
    if not holders or quantity <= free:
        return None
    if len(holders) > 1 or free:
        return AMBIGUOUS
    config_id, net = next(iter(holders.items()))
    return config_id if quantity <= abs(net) else AMBIGUOUS
