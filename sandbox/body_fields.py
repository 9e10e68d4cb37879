"""Fields of a request body. The broker takes numbers and texts alike, and so do these. What cannot be used is refused with a code of the
caller's, AB1007 where the broker's own is not known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from sandbox.errors import RefusedError
from sandbox.orders import Side

_MAX_DIGITS = 9
_LEAST_RUPEES, _MAX_RUPEES = Decimal("0.01"), Decimal(10**7)


def text_of(body: Mapping[str, Any], name: str) -> str:
    """The field as a text; empty when it is missing or null."""
    value = body.get(name)
    return "" if value is None else str(value)


def one_of(body: Mapping[str, Any], name: str, allowed: Collection[str]) -> str:
    """The field, one of the allowed words. Raises RefusedError AB1007: the broker's own words for these are not known."""
    value = text_of(body, name)
    if value not in allowed:
        raise RefusedError("AB1007", f"Invalid {name} {value!r}: {', '.join(allowed)}")
    return value


def side_of(body: Mapping[str, Any], name: str, code: str = "AB1007") -> Side:
    """BUY or SELL, in either case. Raises RefusedError."""
    text = text_of(body, name)
    try:
        return Side(text.upper())
    except ValueError:
        raise RefusedError(code, f"Invalid {name} {text!r}: BUY or SELL") from None


def whole_of(body: Mapping[str, Any], name: str, code: str = "AB1007", *, at_least: int = 1) -> int:
    """A whole number of at most nine digits; what is missing is 0. Raises RefusedError."""
    text = text_of(body, name) or "0"
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS or int(text) < at_least:
        raise RefusedError(code, f"Invalid {name} {text!r}: a whole number from {at_least}")
    return int(text)


def paise_of(body: Mapping[str, Any], name: str, code: str = "AB1007") -> int:
    """A price above 0 with at most two decimals, in paise. Raises RefusedError."""
    amount = amount_of(body, name, code)
    # Compared before it is multiplied: 1e999999 is a number, a hundred times that is none.
    if not _LEAST_RUPEES <= amount < _MAX_RUPEES or amount * 100 != int(amount * 100):
        raise RefusedError(code, f"Invalid {name} {text_of(body, name)!r}: rupees above 0 with at most two decimals")
    return int(amount * 100)


def amount_of(body: Mapping[str, Any], name: str, code: str = "AB1007") -> Decimal:
    """An amount of rupees, 0 when it is missing. Raises RefusedError."""
    text = text_of(body, name) or "0"
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise RefusedError(code, f"Invalid {name} {text!r}: an amount of rupees")
    return amount


def objects_of(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The field as a list of objects; empty when it is anything else."""
    value = body.get(name)
    return value if isinstance(value, list) and all(isinstance(item, dict) for item in value) else []
