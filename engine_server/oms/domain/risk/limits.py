"""The limits there are, their defaults, and which of them bind an order: a strategy's, its account's, everybody's.

The tightest binds. Limits on one order look at the order alone. Limits on what adds up are compared with their own scope:
a strategy's with what the strategy has, an account's and everybody's with what the account has (the writer of an account
knows no other account, so a global limit holds for each of them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Scope(StrEnum):
    """Whose limit it is."""

    GLOBAL = "GLOBAL"
    ACCOUNT = "ACCOUNT"
    STRATEGY = "STRATEGY"


class LimitName(StrEnum):
    """What is limited; the unit is in the name, rupees where none is."""

    MAX_ORDER_QUANTITY = "max_order_quantity"
    MAX_ORDER_VALUE = "max_order_value"
    MAX_OPEN_ORDER_VALUE = "max_open_order_value"
    MAX_GROSS_EXPOSURE = "max_gross_exposure"
    MAX_NET_EXPOSURE = "max_net_exposure"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_UNKNOWN_ORDERS = "max_unknown_orders"
    MAX_ORDERS_PER_MINUTE = "max_orders_per_minute"
    MAX_ORDERS_PER_TRADE = "max_orders_per_trade"
    MAX_REPEATED_ENTRIES = "max_repeated_entries"
    DUPLICATE_WINDOW_SECONDS = "duplicate_window_seconds"
    COLLAR_PERCENT = "collar_percent"
    OPTION_COLLAR_PERCENT = "option_collar_percent"
    MAX_QUOTE_AGE_SECONDS = "max_quote_age_seconds"
    EXPIRY_DAYS = "expiry_days"
    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DRAWDOWN = "max_drawdown"


@dataclass(frozen=True)
class LimitKind:
    """One limit: what it is for, its defaults by scope (none: not limited there), and which way it loosens."""

    text: str
    defaults: Mapping[Scope, Decimal] = field(default_factory=dict)
    loosens_upward: bool = True

    def is_looser(self, new: Decimal | None, old: Decimal | None) -> bool:
        """Whether `new` lets through what `old` did not; None is no limit."""
        if new == old:
            return False
        if new is None or old is None:
            return new is None
        return (new > old) is self.loosens_upward

    def tightest(self, values: list[Decimal]) -> Decimal:
        """Of several, the one that lets least through."""
        return min(values) if self.loosens_upward else max(values)


def _kind(
    text: str, *, each: str = "", account: str = "", strategy: str = "", loosens_upward: bool = True
) -> LimitKind:
    given = {Scope.GLOBAL: each, Scope.ACCOUNT: account, Scope.STRATEGY: strategy}
    return LimitKind(text, {scope: Decimal(value) for scope, value in given.items() if value}, loosens_upward)


LIMITS: Final[Mapping[LimitName, LimitKind]] = MappingProxyType(
    {
        LimitName.MAX_ORDER_QUANTITY: _kind("units of one order"),
        LimitName.MAX_ORDER_VALUE: _kind("rupees of one order", each="10000000"),
        LimitName.MAX_OPEN_ORDER_VALUE: _kind("rupees of everything that may still be filled"),
        LimitName.MAX_GROSS_EXPOSURE: _kind("rupees at stake, long and short added"),
        LimitName.MAX_NET_EXPOSURE: _kind("rupees at stake in one direction"),
        # Derived from the time that cancelling them takes at the broker's rate.
        LimitName.MAX_OPEN_ORDERS: _kind("orders that have not ended", account="200"),
        LimitName.MAX_UNKNOWN_ORDERS: _kind("orders whose fate the broker has not told", account="10", strategy="3"),
        LimitName.MAX_ORDERS_PER_MINUTE: _kind("orders of one strategy in any minute", strategy="300"),
        LimitName.MAX_ORDERS_PER_TRADE: _kind("orders of the day for each of its trades, from 100 orders on"),
        LimitName.MAX_REPEATED_ENTRIES: _kind(
            "entries of one strategy in one direction of one instrument in ten minutes without an exit", strategy="20"
        ),
        LimitName.DUPLICATE_WINDOW_SECONDS: _kind(
            "seconds in which the same order again is taken for a mistake", each="2", loosens_upward=False
        ),
        LimitName.COLLAR_PERCENT: _kind("percent that a limit price may be worse than the last price", each="2"),
        LimitName.OPTION_COLLAR_PERCENT: _kind("the same for options", each="20"),
        LimitName.MAX_QUOTE_AGE_SECONDS: _kind("age of the last price that an entry is judged by", each="30"),
        LimitName.EXPIRY_DAYS: _kind(
            "days before the expiry of what is settled by delivery without entries", each="4", loosens_upward=False
        ),
        LimitName.MAX_DAILY_LOSS: _kind("rupees lost in a day, charges included"),
        LimitName.MAX_DRAWDOWN: _kind("rupees below the day's best, charges included"),
    }
)

Limits = Mapping[LimitName, Decimal]


@dataclass(frozen=True)
class LimitsInForce:
    """What was set for a strategy, its account and everybody; defaults stand where nothing was. Asked many times for each order: what
    binds is worked out once."""

    strategy: Limits = field(default_factory=dict)
    account: Limits = field(default_factory=dict)
    everybody: Limits = field(default_factory=dict)
    _of_account: dict[LimitName, Decimal | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    _of_order: dict[LimitName, Decimal | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of_strategy(self, name: LimitName) -> Decimal | None:
        """The strategy's own limit."""
        return self._or_default(Scope.STRATEGY, self.strategy, name)

    def of_account(self, name: LimitName) -> Decimal | None:
        """What binds the account: its own limit or the global one."""
        if name not in self._of_account:
            own = self._or_default(Scope.ACCOUNT, self.account, name)
            self._of_account[name] = self._tightest(name, own, self.of_everybody(name))
        return self._of_account[name]

    def of_everybody(self, name: LimitName) -> Decimal | None:
        """The global limit alone."""
        return self._or_default(Scope.GLOBAL, self.everybody, name)

    def of_order(self, name: LimitName) -> Decimal | None:
        """What binds one order, whoever set it."""
        if name not in self._of_order:
            self._of_order[name] = self._tightest(name, self.of_strategy(name), self.of_account(name))
        return self._of_order[name]

    @staticmethod
    def _or_default(scope: Scope, limits: Limits, name: LimitName) -> Decimal | None:
        return limits.get(name, LIMITS[name].defaults.get(scope))

    @staticmethod
    def _tightest(name: LimitName, *values: Decimal | None) -> Decimal | None:
        given = [value for value in values if value is not None]
        return LIMITS[name].tightest(given) if given else None
