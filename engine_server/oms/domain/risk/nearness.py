"""Limits on what is at stake and on how often a strategy orders, told of before they deny anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from engine_server.oms.domain.risk.activity import REMEMBERED, Intent, RecentIntents
from engine_server.oms.domain.risk.exposure import Exposure, gross_exposure, net_exposure, open_order_value
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.losses import NEAR, LimitNear
from engine_server.oms.domain.risk.repetition import entries_without_exit
from engine_server.oms.records import ZERO


def at_stake(exposure: Exposure) -> Mapping[LimitName, Decimal]:
    """What is used of the limits on a book and its working orders."""
    return {
        LimitName.MAX_OPEN_ORDERS: Decimal(len(exposure.working)),
        LimitName.MAX_OPEN_ORDER_VALUE: open_order_value(exposure),
        LimitName.MAX_GROSS_EXPOSURE: gross_exposure(exposure),
        LimitName.MAX_NET_EXPOSURE: net_exposure(exposure),
    }


def at_pace(intents: Sequence[Intent], now: datetime) -> Mapping[str, Mapping[LimitName, Decimal]]:
    """What each strategy uses of the limits on how often it orders; `intents` are the account's last ones, oldest first."""
    by_strategy: dict[str, list[Intent]] = {}
    for intent in RecentIntents(intents).within(REMEMBERED.total_seconds(), now):
        if intent.config_id is not None:
            by_strategy.setdefault(intent.config_id, []).append(intent)
    return {
        config_id: {
            LimitName.MAX_ORDERS_PER_MINUTE: Decimal(sum((now - i.at).total_seconds() <= 60 for i in own)),
            LimitName.MAX_REPEATED_ENTRIES: Decimal(max(entries_without_exit(own).values(), default=0)),
        }
        for config_id, own in by_strategy.items()
    }


def nearly_used(used: Mapping[LimitName, Decimal], limit_of: Callable[[LimitName], Decimal | None]) -> list[LimitNear]:
    """Those of which 80 % or more are used."""
    limits = {name: limit_of(name) for name in used}
    return [
        LimitNear(
            name,
            f"{amount.normalize():f} of {limit.normalize():f} are used of {name}; beyond it entries are denied, exits are not",
        )
        for name, amount in used.items()
        if (limit := limits[name]) is not None and amount > ZERO and amount >= limit * NEAR
    ]
