"""The words of price alerts. Names are the contract's and the table's; an enum's number is its place in memory."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

# Prices in ten-thousandths of a rupee, volume and open interest in units. A level beyond this is never reached; it leaves the
# index room to put an alert's row number beside a level in 63 bits.
HIGHEST: Final = 500_000_000_000
NO_LEVEL: Final = -1


class Measure(IntEnum):
    """What is compared."""

    PRICE = 0
    VOLUME = 1  # of the day
    OPEN_INTEREST = 2


class Condition(IntEnum):
    """When it fires."""

    ABOVE = 1
    BELOW = 2
    CROSSES_UP = 3
    CROSSES_DOWN = 4
    CROSSES = 5
    RISES_PERCENT = 6
    FALLS_PERCENT = 7
    MOVES_PERCENT = 8
    FALLS_FROM_HIGH = 9
    RISES_FROM_LOW = 10
    ENTERS_CHANNEL = 11
    LEAVES_CHANNEL = 12


class Frequency(IntEnum):
    """How often it may fire."""

    ONCE = 1
    EVERY_TIME = 2
    ONCE_A_DAY = 3
    ONCE_PER_BAR = 4


class Reference(IntEnum):
    """What a percent move is measured from."""

    NONE = 0
    GIVEN = 1
    LAST_PRICE = 2
    PREVIOUS_CLOSE = 3


class State(IntEnum):
    """What became of it."""

    ACTIVE = 1
    TRIGGERED = 2  # ONCE, and it has
    EXPIRED = 3


PERCENT: Final = frozenset({Condition.RISES_PERCENT, Condition.FALLS_PERCENT, Condition.MOVES_PERCENT})
TRAILING: Final = frozenset({Condition.FALLS_FROM_HIGH, Condition.RISES_FROM_LOW})
CHANNEL: Final = frozenset({Condition.ENTERS_CHANNEL, Condition.LEAVES_CHANNEL})
# These hold or do not hold: they need not be seen to begin.
LEVEL: Final = frozenset({Condition.ABOVE, Condition.BELOW}) | PERCENT
