"""Contracts by what they are rather than by name: the nearest future, the call two strikes above the money.

What a selector means is decided once a trading day, when the strategy first asks, and stays so while a position or an order is open
in it: a strategy that asks again never finds itself with another contract than the one that it holds.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

_EXPIRY: Final = re.compile(r"(weekly|monthly)(?:\+(\d{1,2}))?")
_STRIKE: Final = re.compile(r"ATM(?:([+-])(\d{1,2}))?|(\d{1,7}(?:\.\d{1,2})?)")


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Which contract. `expiry` counts from 0 among all expiries, or among the last ones of their months; `steps` from the money."""

    underlying: str
    kind: str  # FUT, OPT
    expiry: int
    is_monthly: bool
    steps: int = 0
    strike: str = ""  # rupees, where it is not counted from the money
    option_type: str = ""  # CE, PE

    @property
    def text(self) -> str:
        """One that says the same says it in the same words."""
        expiry = f"{'monthly' if self.is_monthly else 'weekly'}+{self.expiry}"
        if self.kind == "FUT":
            return f"fut {self.underlying} {expiry}"
        return f"opt {self.underlying} {expiry} {self.strike or f'ATM{self.steps:+}'} {self.option_type}"


class Selection(msgspec.Struct, frozen=True):
    """What a selector meant on a trading day."""

    key: str
    day: str


def fut(underlying: str, expiry: int | str = 0) -> Selector:
    """A future: 0 is the nearest expiry, 1 the next. Raises `ValueError`."""
    number, is_monthly = _expiry(expiry)
    return Selector(underlying=_name(underlying), kind="FUT", expiry=number, is_monthly=is_monthly)


def opt(underlying: str, expiry: int | str, strike: str, option_type: str) -> Selector:
    """An option: `opt("NIFTY", "weekly", "ATM+2", "CE")`. Raises `ValueError`.

    `expiry` is "weekly" (the nearest), "weekly+1", "monthly" (the nearest that is the last of its month), or a number; `strike`
    counts strikes up or down from the one nearest to the underlying's price ("ATM", "ATM+2", "ATM-1"), or is one ("24500").
    """
    number, is_monthly = _expiry(expiry)
    match = _STRIKE.fullmatch(strike.strip().upper())
    if match is None:
        raise ValueError(f'opt: strike {strike!r}: write "ATM", "ATM+2", "ATM-1" or a strike such as "24500"')
    sign, steps, fixed = match.groups()
    if option_type.upper() not in ("CE", "PE"):
        raise ValueError(f'opt: option_type {option_type!r}: write "CE" or "PE"')
    return Selector(
        underlying=_name(underlying),
        kind="OPT",
        expiry=number,
        is_monthly=is_monthly,
        steps=int(f"{sign}{steps}") if sign else 0,
        strike=fixed or "",
        option_type=option_type.upper(),
    )


def pinned(selection: Selection | None, day: str, *, is_open: bool) -> bool:
    """Whether what was selected stays: it was today, or something is open in it."""
    return selection is not None and (is_open or selection.day == day)


def _name(underlying: str) -> str:
    name = underlying.strip().upper()
    if not name or ":" in name:
        raise ValueError(f"{underlying!r}: name the underlying as its contracts do, such as NIFTY or RELIANCE")
    return name


def _expiry(expiry: int | str) -> tuple[int, bool]:
    if isinstance(expiry, int) and not isinstance(expiry, bool) and 0 <= expiry <= 20:
        return expiry, False
    match = _EXPIRY.fullmatch(str(expiry).strip().lower())
    if match is None:
        raise ValueError(f'expiry {expiry!r}: write "weekly", "weekly+1", "monthly", "monthly+1" or a number from 0')
    return int(match[2] or 0), match[1] == "monthly"
