"""Splits and bonus issues: shares that multiply without a trade, at the same cost in all."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

# What the broker rounds its average to, on any sum worth looking at.
_TOLERANCE: Final = Decimal("0.005")
_LARGEST_PART: Final = 20
_TICK: Final = Decimal("0.05")  # a multiple of every tick that shares have


def multiplied_by(ours: int, our_average: Decimal, theirs: int, their_average: Decimal) -> Fraction | None:
    """By what a delivery line has multiplied; None where it is something else: fewer shares, another cost, a ratio that no company
    announces."""
    if not 0 < ours < theirs or our_average <= 0 or their_average <= 0:
        return None
    cost = ours * our_average
    if abs(theirs * their_average - cost) > cost * _TOLERANCE:
        return None
    ratio = Fraction(theirs, ours)
    return ratio if ratio.numerator <= _LARGEST_PART and ratio.denominator <= _LARGEST_PART else None


def level_after(level: Decimal, ratio: Fraction) -> Decimal:
    """A price of before in shares of after, on the tick grid."""
    return (level * ratio.denominator / ratio.numerator / _TICK).to_integral_value() * _TICK
