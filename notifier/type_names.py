"""What types are called where a person reads: the names in capitals are for programs."""

from __future__ import annotations

from typing import Final

from notifier.types import CUSTOM_PREFIX

# One, and several.
_NAMES: Final[dict[str, tuple[str, str]]] = {
    "ORDER_PARTIALLY_FILLED": ("order partly filled", "orders partly filled"),
    "ORDER_EXECUTED": ("order executed", "orders executed"),
    "ORDER_CANCELLED": ("order cancelled", "orders cancelled"),
    "ORDER_DENIED": ("order denied", "orders denied"),
    "ORDER_REJECTED": ("order rejected", "orders rejected"),
    "ORDER_NOT_PLACED": ("order not placed", "orders not placed"),
    "ORDER_UNKNOWN": ("order of unknown fate", "orders of unknown fate"),
    "ORDER_OVERFILLED": ("order filled beyond its quantity", "orders filled beyond their quantity"),
    "GUARD_FAILED": ("guard that cannot close", "guards that cannot close"),
    "GUARD_HIT": ("guard hit", "guards hit"),
    "POSITION_DIFFERENCE": ("difference to the broker's books", "differences to the broker's books"),
    "POSITION_SETTLED": ("position settled", "positions settled"),
    "STRATEGY_STARTED": ("strategy started", "strategies started"),
    "STRATEGY_STOPPED": ("strategy stopped", "strategies stopped"),
    "STRATEGY_MESSAGE": ("message from a strategy", "messages from strategies"),
    "STRATEGY_CRASHED": ("crash of a strategy", "crashes of strategies"),
    "STRATEGY_FAILED": ("strategy that cannot start", "strategies that cannot start"),
    "STRATEGY_QUARANTINED": ("strategy in quarantine", "strategies in quarantine"),
    "STRATEGY_MOVED": ("strategy moved", "strategies moved"),
    "RISK_LIMIT_NEAR": ("risk limit nearly used up", "risk limits nearly used up"),
    "KILL_SWITCH_ENGAGED": ("kill switch engaged", "kill switches engaged"),
    "KILL_SWITCH_RELEASED": ("kill switch released", "kill switches released"),
    "FEED_STALE": ("silence of the market feed", "silences of the market feed"),
    "FEED_RESUMED": ("return of the market feed", "returns of the market feed"),
    "BROKER_SESSION_EXPIRED": ("broker session expired", "broker sessions expired"),
    "ACCOUNT_GATE_OPEN": ("account that can trade again", "accounts that can trade again"),
    "ACCOUNT_GATE_CLOSED": ("account that cannot trade", "accounts that cannot trade"),
    "BROKER_LOGIN_FAILED": ("login refused by the broker", "logins refused by the broker"),
    "CALENDAR_DAY_UNKNOWN": ("day missing in the calendar", "days missing in the calendar"),
    "SCRIP_MASTER_NOT_IN": ("scrip master missing", "scrip masters missing"),
    "INSTRUMENT_CHANGED": ("instrument changed", "instruments changed"),
    "PHONE_LOCKED": ("telephone locked", "telephones locked"),
    "PRICE_ALERT": ("price alert", "price alerts"),
    "PRICE_ALERT_BLIND": ("price alert that sees nothing", "price alerts that see nothing"),
}


def name_of(type_: str, count: int = 1) -> str:
    """`order rejected`, `orders rejected`; of a caller's own type the words that it is made of."""
    if type_ in _NAMES:
        return _NAMES[type_][count != 1]
    words = type_.removeprefix(CUSTOM_PREFIX).replace("_", " ").strip().lower()
    return words if count == 1 else f"notifications “{words}”"


def counted(type_: str, count: int) -> str:
    """`1,000 orders rejected`."""
    return f"{count:,} {name_of(type_, count)}"
