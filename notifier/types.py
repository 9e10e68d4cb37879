"""The types of notifications: how bad each is, and whether it is kept. The server decides this, never a caller's word.

Must-acknowledge is what may leave a position at risk until a person has seen to it: it passes mutes and quiet hours, and escalates.

Kept (persisted) is what somebody may look for later: how orders ended, what became of strategies and accounts. A partial fill is
live only: it comes often, and the trade itself is kept.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

from tradewinds.errors import InvalidArgumentError


class Severity(IntEnum):
    """How bad; the numbers are the contract's, and grow with it."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3


class DeliveryClass(IntEnum):
    """What a type is owed: realtime ones are worth little later, persisted ones must reach the list, the last ones a person."""

    REALTIME = 0
    PERSISTED = 1
    MUST_ACKNOWLEDGE = 2


@dataclass(frozen=True, eq=False)
class NotificationType:
    """What the server knows about a type. There are few of them, each one object: they are compared by identity, which is quick."""

    severity: Severity
    delivery_class: DeliveryClass = DeliveryClass.PERSISTED

    @cached_property
    def persisted(self) -> bool:
        """Whether it is a row."""
        return self.delivery_class is not DeliveryClass.REALTIME

    @cached_property
    def must_acknowledge(self) -> bool:
        """Whether it escalates until a person has acknowledged it."""
        return self.delivery_class is DeliveryClass.MUST_ACKNOWLEDGE


_INFO = NotificationType(Severity.INFO)
_WARNING = NotificationType(Severity.WARNING)
_CRITICAL = NotificationType(Severity.CRITICAL)
_MUST_ACKNOWLEDGE = NotificationType(Severity.CRITICAL, DeliveryClass.MUST_ACKNOWLEDGE)
_INFO_LIVE = NotificationType(Severity.INFO, DeliveryClass.REALTIME)

TYPES: Final[dict[str, NotificationType]] = {
    "ORDER_PARTIALLY_FILLED": _INFO_LIVE,
    "ORDER_EXECUTED": _INFO,
    "ORDER_CANCELLED": _INFO,
    "ORDER_DENIED": _WARNING,
    "ORDER_REJECTED": _WARNING,
    "ORDER_NOT_PLACED": _WARNING,
    "ORDER_UNKNOWN": _MUST_ACKNOWLEDGE,
    "ORDER_OVERFILLED": _MUST_ACKNOWLEDGE,
    "GUARD_FAILED": _MUST_ACKNOWLEDGE,
    "POSITION_DIFFERENCE": _CRITICAL,
    "POSITION_SETTLED": _WARNING,
    "STRATEGY_STARTED": _INFO,
    "STRATEGY_STOPPED": _INFO,
    "STRATEGY_MESSAGE": _INFO,
    "STRATEGY_CRASHED": _WARNING,
    "STRATEGY_FAILED": _MUST_ACKNOWLEDGE,
    "STRATEGY_QUARANTINED": _MUST_ACKNOWLEDGE,
    "STRATEGY_MOVED": _INFO,
    "RISK_LIMIT_NEAR": _WARNING,
    "GUARD_HIT": _WARNING,
    "KILL_SWITCH_ENGAGED": _CRITICAL,
    "KILL_SWITCH_RELEASED": _WARNING,
    "FEED_STALE": _WARNING,
    "FEED_RESUMED": _INFO,
    "BROKER_SESSION_EXPIRED": _INFO,
    "ACCOUNT_GATE_OPEN": _INFO,
    "ACCOUNT_GATE_CLOSED": _WARNING,
    "BROKER_LOGIN_FAILED": _CRITICAL,
    "CALENDAR_DAY_UNKNOWN": _CRITICAL,
    "SCRIP_MASTER_NOT_IN": _WARNING,
    "INSTRUMENT_CHANGED": _WARNING,
    "PHONE_LOCKED": _CRITICAL,
    "PRICE_ALERT": _INFO,
    "PRICE_ALERT_BLIND": _WARNING,
}
# What is only told: nothing is kept of it.
REALTIME: Final = frozenset(name for name, kind in TYPES.items() if kind.delivery_class is DeliveryClass.REALTIME)
# Callers' own types. Kept, so that the inbox has what somebody wrote on purpose.
CUSTOM_PREFIX: Final = "CUSTOM_"
_CUSTOM = _INFO
_CUSTOM_NAME = re.compile(r"CUSTOM_[A-Z0-9_]{1,57}")


def is_known(name: str) -> bool:
    """Whether `name` is in the table or a well-formed type of a caller's own."""
    return name in TYPES or _CUSTOM_NAME.fullmatch(name) is not None


def type_of(name: str, field: str = "type") -> NotificationType:
    """What the server knows about `name`; raises `InvalidArgumentError` on `field`, naming the nearest types."""
    if (known := TYPES.get(name)) is not None:
        return known
    if _CUSTOM_NAME.fullmatch(name):
        return _CUSTOM
    raise InvalidArgumentError.field(field, f"{name!r} is not a type; {_remedy(name)}", reason="UNKNOWN_TYPE")


def _remedy(name: str) -> str:
    if name.startswith(CUSTOM_PREFIX):
        return f"after {CUSTOM_PREFIX} come 1 to 57 capital letters, digits and underscores"
    if near := difflib.get_close_matches(name.upper(), TYPES, n=3, cutoff=0.5):
        return f"did you mean {' or '.join(near)}? Your own types begin with {CUSTOM_PREFIX}"
    return f"use one of {', '.join(TYPES)}, or one of your own that begins with {CUSTOM_PREFIX}"
