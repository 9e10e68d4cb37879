"""Fields of the broker's rows, read leniently in form and strictly in meaning (protocol §3.4-3.9). Pure.

Numbers come as numbers or as strings, with a space after the sign ("- 2235.80"), with grouping commas, or as null.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Row = Mapping[str, Any]


def rows(data: Any) -> list[Row]:
    """A list of rows; null is none of them. Raises `ValueError` for anything else."""
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise ValueError(f"data is neither null nor a list of rows but {type(data).__name__}")
    return data


def record(data: Any) -> Row:
    """One object; raises `ValueError` for anything else."""
    if not isinstance(data, dict):
        raise ValueError(f"data is not an object but {type(data).__name__}")  # noqa: TRY004 - one kind of error here
    return data


def text(row: Row, field: str) -> str:
    """The field as text, empty for null and for nothing."""
    value = row.get(field)
    return "" if value is None else str(value).strip()


def required(row: Row, field: str) -> str:
    """As `text`; raises `ValueError` where it is empty."""
    if not (value := text(row, field)):
        raise ValueError(f"{field}: is missing")
    return value


def decimal(row: Row, field: str) -> Decimal:
    """A finite number; empty means zero, as in the greeting and in fresh rows. Raises `ValueError`."""
    return optional_decimal(row, field) or Decimal(0)


def optional_decimal(row: Row, field: str) -> Decimal | None:
    """A finite number; None for null, for nothing and for an empty text. Raises `ValueError`."""
    written = text(row, field).replace(" ", "").replace(",", "")
    if not written:
        return None
    try:
        value = Decimal(written)
    except InvalidOperation as e:
        raise ValueError(f"{field}: {written!r} is not a number") from e
    if not value.is_finite():
        raise ValueError(f"{field}: {written!r} is not a finite number")
    return value


def whole(row: Row, field: str) -> int:
    """A whole number that must be there, if only as null. Raises `ValueError`."""
    if field not in row:
        raise ValueError(f"{field}: is missing")
    value = decimal(row, field)
    if value != value.to_integral_value():
        raise ValueError(f"{field}: {value} is not a whole number")
    return int(value)
