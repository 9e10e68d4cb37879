"""`domain.watch.wakes` for a whole table at once: what a million alerts wait for, in a second instead of ten. A property holds the two
against each other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

from notifier.alerts.domain.vocabulary import HIGHEST, NO_LEVEL, TRAILING, Condition
from notifier.alerts.domain.watch import DOWN_LINE, UP_LINE, Arm
from notifier.alerts.levels import Int64Array
from notifier.alerts.rows import RowTable

BoolArray = npt.NDArray[np.bool_]

_HUNDRED_PERCENT: Final = 10_000


def _members(conditions: Iterable[Condition]) -> BoolArray:
    table = np.zeros(max(Condition) + 1, np.bool_)
    table[[int(condition) for condition in conditions]] = True
    return table


_HAS_UP, _HAS_DOWN, _IS_TRAILING = _members(UP_LINE), _members(DOWN_LINE), _members(TRAILING)


def wakes_of_open(rows: RowTable) -> tuple[Int64Array, Int64Array]:
    """Of alerts that may fire now: the nearest values, up and down, at which anything would happen."""
    condition, arms = rows["condition"], rows["arms"]
    up, down = _of_lines(rows)
    for mask, (up_there, down_there) in (
        (_IS_TRAILING[condition], _of_trailing(rows)),
        (condition == Condition.ENTERS_CHANNEL, _of_entering(rows)),
        (arms & Arm.UNSEEN != 0, (np.zeros(len(rows), np.int64), np.full(len(rows), NO_LEVEL))),
    ):
        up, down = np.where(mask, up_there, up), np.where(mask, down_there, down)
    return np.minimum(up, HIGHEST), np.where(down > 0, down, NO_LEVEL)


def _of_lines(rows: RowTable) -> tuple[Int64Array, Int64Array]:
    arms, hysteresis = rows["arms"], rows["hysteresis"]
    up_line, down_line = _lines(rows)
    has_up, has_down = up_line != NO_LEVEL, down_line != NO_LEVEL
    is_up_armed, is_down_armed = arms & Arm.UP != 0, arms & Arm.DOWN != 0
    up = np.minimum(
        np.where(has_up & is_up_armed, up_line, HIGHEST),
        np.where(has_down & ~is_down_armed, down_line + 1 + hysteresis, HIGHEST),
    )
    down = np.maximum(
        np.where(has_up & ~is_up_armed, up_line - 1 - hysteresis, NO_LEVEL),
        np.where(has_down & is_down_armed, down_line, NO_LEVEL),
    )
    return up, down


def _lines(rows: RowTable) -> tuple[Int64Array, Int64Array]:
    condition, mark, points = rows["condition"], rows["mark"], rows["basis_points"].astype(np.int64)
    beyond = (condition == Condition.LEAVES_CHANNEL).astype(np.int64)
    is_percent, is_known = points > 0, mark > 0
    percent_up = -(-mark * (_HUNDRED_PERCENT + points) // _HUNDRED_PERCENT)
    percent_down = mark * (_HUNDRED_PERCENT - points) // _HUNDRED_PERCENT
    up = np.where(is_percent, np.where(is_known, percent_up, NO_LEVEL), rows["upper"] + beyond)
    down = np.where(is_percent, np.where(is_known, percent_down, NO_LEVEL), rows["lower"] - beyond)
    return np.where(_HAS_UP[condition], up, NO_LEVEL), np.where(_HAS_DOWN[condition], down, NO_LEVEL)


def _of_trailing(rows: RowTable) -> tuple[Int64Array, Int64Array]:
    mark, points = rows["mark"], rows["basis_points"].astype(np.int64)
    away = np.where(rows["distance"] > 0, rows["distance"], -(-mark * points // _HUNDRED_PERCENT))
    falls = rows["condition"] == Condition.FALLS_FROM_HIGH
    return np.where(falls, mark + 1, mark + away), np.where(falls, mark - away, mark - 1)


def _of_entering(rows: RowTable) -> tuple[Int64Array, Int64Array]:
    arms, lower, upper, hysteresis = rows["arms"], rows["lower"], rows["upper"], rows["hysteresis"]
    is_above, is_below = arms & Arm.UP != 0, arms & Arm.DOWN != 0
    up = np.where(is_above, HIGHEST, np.where(is_below, lower, upper + 1 + hysteresis))
    down = np.where(is_above, upper, np.where(is_below, NO_LEVEL, lower - 1 - hysteresis))
    return up, down
