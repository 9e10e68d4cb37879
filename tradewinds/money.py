"""Money: `Decimal` rupees at the edges, integers of ten-thousandths of a rupee (`*_e4`) on hot paths; never floats.

The broker's currency segment quotes to four decimals, so one ten-thousandth of a rupee is the finest unit there is.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

E4 = 10_000
_QUANTUM = Decimal("0.0001")


def parse_rupees(text: str, field: str) -> Decimal:
    """A decimal string such as `1400.05`; raises `ValueError` naming `field` where it is not one (NaN, 1e5, 5 decimals…)."""
    try:
        value = Decimal(text)
    except InvalidOperation as e:
        raise ValueError(f"{field}: {text!r} is not a decimal number such as 1400.05") from e
    if not value.is_finite():
        raise ValueError(f"{field}: {text!r} is not a finite number")
    try:
        is_fine = value == value.quantize(_QUANTUM)
    except InvalidOperation as e:  # more digits than decimals have
        raise ValueError(f"{field}: {text!r} is out of range") from e
    if not is_fine:
        raise ValueError(f"{field}: {text!r} has more than four decimals")
    return value


def format_rupees(value: Decimal) -> str:
    """Decimal string with at least two decimals and no exponent: `1400.00`, `0.0025`."""
    text = f"{value.quantize(_QUANTUM):f}"
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}"


def grouped(value: Decimal) -> str:
    """`1234567.5` as `12,34,567.50`, the way rupees are grouped."""
    sign = "-" if value < 0 else ""
    whole, _, fraction = format_rupees(abs(value)).partition(".")
    head, tail = whole[:-3], whole[-3:]
    groups: list[str] = []
    while head:
        head, group = head[:-2], head[-2:]
        groups.insert(0, group)
    return sign + ",".join([*groups, tail]) + f".{fraction}"


def in_rupees(value: Decimal) -> str:
    """For people: `₹12,34,567.50`."""
    return f"-₹{grouped(-value)}" if value < 0 else f"₹{grouped(value)}"


def to_e4(value: Decimal) -> int:
    """Rupees to ten-thousandths, exact (callers have parsed to four decimals)."""
    return int((value * E4).to_integral_exact())


def from_e4(value_e4: int) -> Decimal:
    """Ten-thousandths to rupees."""
    return Decimal(value_e4).scaleb(-4)


def round_to_tick(value: Decimal, tick: Decimal, *, side: str | None = None) -> Decimal:
    """The nearest price on the tick grid; with `side`, never beyond it: BUY rounds down, SELL rounds up."""
    if tick <= 0:
        raise ValueError(f"tick size must be positive, was {tick}")
    rounding = {None: ROUND_HALF_EVEN, "BUY": ROUND_FLOOR, "SELL": ROUND_CEILING}[side]
    return (value / tick).to_integral_value(rounding) * tick


def is_on_tick(value: Decimal, tick: Decimal) -> bool:
    """Whether `value` is a whole multiple of `tick`."""
    return tick > 0 and value % tick == 0
