"""Bars by the thousand: one structured array, a row per bar, and the one reduction that every bar comes from.

A trade is a row of its own price; a minute is its trades merged, five minutes are five minutes merged. So a bar of any
interval is the same whether it was built from trades or from shorter bars, in one batch or in many.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

# `slot` is the builder's number of an instrument; prices in ten-thousandths of a rupee, times in epoch ms of the market.
# `filled_ms` is where the last minute in it ends: a bar that is filled to its end is over, whatever the clock says.
# `watched_ms` is since when nothing had been missed when it was traded.
ROW: Final = np.dtype(
    [
        ("slot", "<i8"),
        ("start_ms", "<i8"),
        ("end_ms", "<i8"),
        ("filled_ms", "<i8"),
        ("open_e4", "<i8"),
        ("high_e4", "<i8"),
        ("low_e4", "<i8"),
        ("close_e4", "<i8"),
        ("volume", "<i8"),
        ("open_interest", "<i8"),
        ("complete", "?"),
        ("watched_ms", "<i8"),
    ]
)

Rows = npt.NDArray[Any]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NO_ROWS: Final[Rows] = np.empty(0, ROW)


def by_slot(*parts: Rows) -> Rows:
    """The parts one after the other, sorted by slot; within a slot they keep their order."""
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["slot"], kind="stable")]


def merge(rows: Rows) -> Rows:
    """Rows of one slot and start become one. They are sorted by slot, and by time within it."""
    if len(rows) < 2:
        return rows.copy()
    firsts = group_firsts(rows["slot"], rows["start_ms"])
    lasts = np.append(firsts[1:], len(rows)) - 1
    merged = rows[firsts]
    merged["high_e4"] = np.maximum.reduceat(rows["high_e4"], firsts)
    merged["low_e4"] = np.minimum.reduceat(rows["low_e4"], firsts)
    merged["volume"] = np.add.reduceat(rows["volume"], firsts)
    merged["watched_ms"] = np.maximum.reduceat(rows["watched_ms"], firsts)
    merged["complete"] = np.logical_and.reduceat(rows["complete"], firsts)
    for last in ("close_e4", "open_interest", "filled_ms"):
        merged[last] = rows[last][lasts]
    return merged


def group_firsts(*columns: Integers) -> Integers:
    """Where a new group of equal neighbours begins."""
    size = len(columns[0])
    changes = np.zeros(size, np.bool_)
    if size:
        changes[0] = True
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changes)


def last_of_slot(rows: Rows) -> Flags:
    """Which rows are the last of their slot; they are sorted by slot."""
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = rows["slot"][1:] != rows["slot"][:-1]
    return is_last
