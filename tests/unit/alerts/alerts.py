"""Alerts and ticks for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from notifier.alerts.book import AlertBook, Fire
from notifier.alerts.domain.vocabulary import NO_LEVEL, Condition, Frequency, Measure, Reference
from notifier.alerts.domain.watch import Shape, first_watch
from notifier.alerts.rows import ROW_DTYPE, Row
from tradewinds.ticks import TICK_DTYPE, TickArray

TOKENS = [(1, 3045), (1, 2885), (2, 35_000)]
DAY_MS = 86_400_000
# 2026-11-20 00:00 in India.
MIDNIGHT_MS = 1_795_113_000_000
OPENING_MS = MIDNIGHT_MS + 33_300_000


def a_row(
    condition: Condition,
    *,
    number: int = 1,
    slot: int = 0,
    level: int = 0,
    lower: int = NO_LEVEL,
    upper: int = NO_LEVEL,
    last: int = 0,
    frequency: Frequency = Frequency.EVERY_TIME,
    measure: Measure = Measure.PRICE,
    reference: Reference = Reference.NONE,
    mark: int = 0,
    basis_points: int = 0,
    distance: int = 0,
    hysteresis: int = 0,
    **fields: int,
) -> Row:
    """An alert made while `last` was the last price (0: none was known)."""
    shape = Shape(condition, level if level else lower, level if level else upper, basis_points, distance, hysteresis)
    watch = first_watch(shape, last, mark)
    values: dict[str, Any] = {
        "number": number,
        "generation": 1,
        "slot": slot,
        "measure": measure,
        "reference": reference,
        "frequency": frequency,
        "bar_minutes": 0,
        "cooldown_seconds": 0,
        "seen": 0,
        "not_before_ms": 0,
        "cooling_us": 0,
        "snoozed_us": 0,
    }
    return Row(**shape._asdict(), arms=watch.arms, mark=watch.mark, **(values | fields))


def a_book(*rows: Row) -> AlertBook:
    """Loaded from a table, as after a start."""
    table = np.zeros(len(rows), ROW_DTYPE)
    for position, row in enumerate(rows):
        table[position] = row
    return AlertBook(TOKENS, table)


def ticks(
    prices: Sequence[int], *, slot: int = 0, at_ms: int = OPENING_MS, step_ms: int = 1_000, **columns: int
) -> TickArray:
    """One tick a price, `step_ms` of market time apart."""
    made = np.zeros(len(prices), TICK_DTYPE)
    made["exchange_type"], made["token"] = TOKENS[slot]
    made["last_price_e4"] = prices
    made["exchange_ms"] = at_ms + np.arange(len(prices)) * step_ms
    for name, value in columns.items():
        made[name] = value
    return made


class Judging:
    """Judges one batch after the other; entries count up."""

    def __init__(self, *rows: Row) -> None:
        self.book = a_book(*rows)
        self.now_us = 1_000_000
        self.entry = 0

    def __call__(self, batch: TickArray) -> list[Fire]:
        entries = np.arange(self.entry + 1, self.entry + 1 + len(batch))
        self.entry += len(batch)
        return self.book.judge(batch, entries, self.now_us)

    def prices(self, *prices: int, **how: int) -> list[int]:
        """The prices that made something fire."""
        return [fire.value for fire in self(ticks(prices, **how))]
