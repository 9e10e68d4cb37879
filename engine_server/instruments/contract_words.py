"""The words by which people ask for a contract: `nifty 28jul 23500 ce`, `gold aug fut`, `usdinr 83.25 put`."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

_WORD = re.compile(r"[A-Z0-9&]+(?:\.[0-9]+)?")
_SIDES: Final = {
    "CE": ("CE", "CALL", "OPT", "OPTION"),
    "PE": ("PE", "PUT", "OPT", "OPTION"),
    "FUT": ("FUT", "FUTURE", "FUTURES"),
}


def cash_words(title: str) -> tuple[str, ...]:
    """Of an equity's or index' symbol and name."""
    return tuple(_WORD.findall(title))


def side_words(side: str) -> tuple[str, ...]:
    """Of `CE`, `PE` and `FUT`; equities and indices have none."""
    return _SIDES.get(side, ())


def strike_word(strike: Decimal | None) -> tuple[str, ...]:
    """`23500`, `83.25`."""
    return () if strike is None else (f"{strike.normalize():f}",)


def expiry_words(expiry: date | None) -> tuple[str, ...]:
    """`28JUL26`, `28JUL2026`, `JUL26`, `JUL2026`; `2026`."""
    if expiry is None:
        return ()
    month = f"{expiry:%b}".upper()
    return (
        *tuple(f"{day}{month}{year}" for day in (f"{expiry.day:02}", "") for year in (f"{expiry:%y}", f"{expiry:%Y}")),
        f"{expiry:%Y}",
    )
