"""What the texts of a scrip master's cells mean. Each different text is read once: 150,000 rows have some thousand of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

_PAISE: Final = Decimal(100)
_CURRENCY_STRIKE_SCALE: Final = Decimal(10_000_000)
_CURRENCIES: Final = "CDS"
_MAX_NUMBER: Final = Decimal(10**12)
_MAX_TOKEN_DIGITS: Final = 12
_FINEST_PRICE: Final = Decimal("0.0001")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], start=1
    )
}


def kind_of(instrument_type: str) -> str:
    """EQ, INDEX, FUT or OPT; empty for what can be neither traded nor watched (spot underlyings and the like)."""
    if instrument_type == "":
        return "EQ"
    if instrument_type == "AMXIDX":
        return "INDEX"
    return {"FUT": "FUT", "OPT": "OPT"}.get(instrument_type[:3], "")


def is_token(text: str) -> bool:
    """Whether it is a number."""
    return text.isascii() and text.isdigit() and len(text) <= _MAX_TOKEN_DIGITS


def side(text: str) -> str:
    """CE, PE, or empty."""
    return written if (written := text.upper()) in ("CE", "PE") else ""


def expiry(text: str) -> date | None:
    """The day of `28JUL2026`; None for anything else."""
    day, month, year = text[:2], _MONTHS.get(text[2:5].upper()), text[5:]
    if month is None or not (day + year).isdigit() or len(year) != 4:
        return None
    try:
        return date(int(year), month, int(day))
    except ValueError:
        return None


def whole(text: str) -> int:
    """A whole number; 0 for what is none."""
    number = _number(text)
    return int(number) if number is not None and number == int(number) else 0


def tick_size(text: str) -> Decimal | None:
    """In rupees, of paise."""
    return _scaled(text, _PAISE)


def strike(exchange: str, text: str) -> Decimal | None:
    """In rupees."""
    return _scaled(text, _CURRENCY_STRIKE_SCALE if exchange == _CURRENCIES else _PAISE)


def is_true(text: str) -> bool:
    """Whether it says yes."""
    return text.lower() in ("true", "1", "y", "yes")


def _scaled(text: str, scale: Decimal) -> Decimal | None:
    number = _number(text)
    return (number / scale).quantize(_FINEST_PRICE) if number is not None else None


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) < _MAX_NUMBER else None
