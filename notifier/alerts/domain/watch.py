"""One alert as the evaluator sees it: two levels, two arms, and the one pure function that judges a value.

Every condition comes down to this. An *up line* fires at or above `upper` when its arm is set, and is armed again at or below
`upper - 1 - hysteresis`; a *down line* is its mirror at `lower`. Crossing conditions start unarmed: they must have seen the other
side first. Conditions that hold or do not (`ABOVE`, percent moves) start armed. A channel that is entered, and a trailing stop, have
a rule of their own.

`wakes` says at which values something would change: between them an alert need not be looked at. That is what makes a million of
them cheap.
"""

from __future__ import annotations

from enum import IntFlag
from typing import Final, NamedTuple

from notifier.alerts.domain.vocabulary import HIGHEST, LEVEL, NO_LEVEL, TRAILING, Condition

_HUNDRED_PERCENT: Final = 10_000  # basis points


class Arm(IntFlag):
    """Which line may fire. For a channel that is entered: on which side of it the value was."""

    NONE = 0
    UP = 1
    DOWN = 2
    UNSEEN = 4  # no value is known yet: the first one only says where it is


UP_LINE: Final = frozenset(
    {
        Condition.ABOVE,
        Condition.CROSSES_UP,
        Condition.CROSSES,
        Condition.RISES_PERCENT,
        Condition.MOVES_PERCENT,
        Condition.LEAVES_CHANNEL,
    }
)
DOWN_LINE: Final = frozenset(
    {
        Condition.BELOW,
        Condition.CROSSES_DOWN,
        Condition.CROSSES,
        Condition.FALLS_PERCENT,
        Condition.MOVES_PERCENT,
        Condition.LEAVES_CHANNEL,
    }
)
_UP, _DOWN, _UNSEEN = int(Arm.UP), int(Arm.DOWN), int(Arm.UNSEEN)
_LEVEL: Final = frozenset(int(c) for c in LEVEL)
_HAS_UP: Final = frozenset(int(c) for c in UP_LINE)
_HAS_DOWN: Final = frozenset(int(c) for c in DOWN_LINE)
_TRAILING: Final = frozenset(int(c) for c in TRAILING)
_ENTERS, _FALLS, _LEAVES = (
    int(Condition.ENTERS_CHANNEL),
    int(Condition.FALLS_FROM_HIGH),
    int(Condition.LEAVES_CHANNEL),
)


class Shape(NamedTuple):
    """What a person asked for. `lower` and `upper` are inclusive borders of a channel, or twice the one threshold; `distance` (in the
    unit of the values) or `basis_points` belong to percent moves and trailing stops."""

    condition: int
    lower: int = NO_LEVEL
    upper: int = NO_LEVEL
    basis_points: int = 0
    distance: int = 0
    hysteresis: int = 0


class Watch(NamedTuple):
    """The changing part: `mark` is the reference of a percent move, or the extreme a trailing stop follows; 0 while unknown."""

    arms: int
    mark: int


class Verdict(NamedTuple):
    """What a value did: the watch after it, and whether it fired (`direction` 1 up, -1 down, 0 not) at which level."""

    watch: Watch
    direction: int = 0
    level: int = 0


def first_watch(shape: Shape, value: int, mark: int = 0) -> Watch:
    """A new alert's, while `value` (0: unknown) is the last one known. It does not fire on that value, only on a later one; nothing has
    fired that hysteresis would have to part it from."""
    if shape.condition in _TRAILING:
        return Watch(0 if value else _UNSEEN, value)
    if shape.condition in _LEVEL:
        return Watch(_lines(shape.condition), mark)
    if not value:
        return Watch(_UNSEEN, mark)
    if shape.condition == _ENTERS:
        return Watch(_side(value, shape), mark)
    return Watch(_rearmed(shape._replace(hysteresis=0), 0, *lines(shape, mark), value), mark)


def armed_anew(shape: Shape, watch: Watch) -> Watch:
    """A new period has begun: what holds or does not hold may fire again."""
    return Watch(_lines(shape.condition), watch.mark) if shape.condition in _LEVEL else watch


def lines(shape: Shape, mark: int) -> tuple[int, int]:
    """Where the up line and the down line are now; `NO_LEVEL` for none."""
    condition, has_up, has_down = shape.condition, shape.condition in _HAS_UP, shape.condition in _HAS_DOWN
    if shape.basis_points:
        if not mark:
            return NO_LEVEL, NO_LEVEL
        up = -(-mark * (_HUNDRED_PERCENT + shape.basis_points) // _HUNDRED_PERCENT)
        down = mark * (_HUNDRED_PERCENT - shape.basis_points) // _HUNDRED_PERCENT
        return up if has_up else NO_LEVEL, down if has_down else NO_LEVEL
    beyond = 1 if condition == _LEAVES else 0
    return shape.upper + beyond if has_up else NO_LEVEL, shape.lower - beyond if has_down else NO_LEVEL


def stop(shape: Shape, mark: int) -> int:
    """Where a trailing stop fires."""
    away = shape.distance or -(-mark * shape.basis_points // _HUNDRED_PERCENT)
    return mark - away if shape.condition == _FALLS else mark + away


def judge(shape: Shape, watch: Watch, value: int, *, is_open: bool) -> Verdict:
    """What `value` does. While the alert is not open (snoozed, cooling, has fired in this period) a crossing is seen and not told;
    what holds or does not hold waits, and fires at the first value after it opens, if it still holds."""
    if watch.arms & _UNSEEN:
        return Verdict(first_watch(shape, value, watch.mark))
    if shape.condition in _TRAILING:
        return _judge_trailing(shape, watch, value, is_open=is_open)
    if shape.condition == _ENTERS:
        return _judge_entering(shape, watch, value, is_open=is_open)
    return _judge_lines(shape, watch, value, is_open=is_open)


def wakes(shape: Shape, watch: Watch, *, is_open: bool) -> tuple[int, int]:
    """The nearest values (at or above the first, at or below the second) at which `judge` would do anything. Beyond 0 and `HIGHEST`
    there are none."""
    if watch.arms & _UNSEEN:
        up, down = 0, NO_LEVEL
    elif shape.condition in _TRAILING:
        up, down = _trailing_wakes(shape, watch, is_open=is_open)
    elif shape.condition == _ENTERS:
        up, down = _entering_wakes(shape, watch.arms)
    else:
        up, down = _line_wakes(shape, watch, is_open=is_open)
    return (up if up < HIGHEST else HIGHEST), (down if down > 0 else NO_LEVEL)


def _judge_lines(shape: Shape, watch: Watch, value: int, *, is_open: bool) -> Verdict:
    up, down = lines(shape, watch.mark)
    arms, direction, level = watch.arms, 0, 0
    # What holds keeps its arm until it may be told; a crossing is over once it is seen.
    counts = is_open or shape.condition not in _LEVEL
    if counts and arms & _UP and up != NO_LEVEL and value >= up:
        arms, direction, level = arms & ~_UP, 1, up
    elif counts and arms & _DOWN and down != NO_LEVEL and value <= down:
        arms, direction, level = arms & ~_DOWN, -1, down
    after = Watch(_rearmed(shape, arms, up, down, value), watch.mark)
    return Verdict(after, direction, level) if is_open else Verdict(after)


def _rearmed(shape: Shape, arms: int, up: int, down: int, value: int) -> int:
    if up != NO_LEVEL and value <= up - 1 - shape.hysteresis:
        arms |= _UP
    if down != NO_LEVEL and value >= down + 1 + shape.hysteresis:
        arms |= _DOWN
    return arms


def _judge_entering(shape: Shape, watch: Watch, value: int, *, is_open: bool) -> Verdict:
    """`arms` is the side that it was on; none while it is inside, or has not been far enough outside since."""
    side = _side(value, shape)
    if watch.arms:
        if side:
            return Verdict(Watch(side, watch.mark))
        level, direction = (shape.upper, -1) if watch.arms & _UP else (shape.lower, 1)
        after = Watch(0, watch.mark)
        return Verdict(after, direction, level) if is_open else Verdict(after)
    far_enough = value <= shape.lower - 1 - shape.hysteresis or value >= shape.upper + 1 + shape.hysteresis
    return Verdict(Watch(side if far_enough else 0, watch.mark))


def _side(value: int, shape: Shape) -> int:
    if value > shape.upper:
        return _UP
    return _DOWN if value < shape.lower else 0


def _judge_trailing(shape: Shape, watch: Watch, value: int, *, is_open: bool) -> Verdict:
    sign = 1 if shape.condition == _FALLS else -1
    if sign * (value - watch.mark) > 0:
        return Verdict(Watch(watch.arms, value))
    level = stop(shape, watch.mark)
    if is_open and sign * (level - value) >= 0:
        return Verdict(Watch(watch.arms, value), -sign, level)  # and follows from here
    return Verdict(watch)


def _line_wakes(shape: Shape, watch: Watch, *, is_open: bool) -> tuple[int, int]:
    up, down = lines(shape, watch.mark)
    waits = not is_open and shape.condition in _LEVEL
    wake_up, wake_down = HIGHEST, NO_LEVEL
    if up != NO_LEVEL:
        if not watch.arms & _UP:
            wake_down = up - 1 - shape.hysteresis
        elif not waits:
            wake_up = up
    if down != NO_LEVEL:
        if not watch.arms & _DOWN:
            wake_up = min(wake_up, down + 1 + shape.hysteresis)
        elif not waits:
            wake_down = max(wake_down, down)
    return wake_up, wake_down


def _entering_wakes(shape: Shape, arms: int) -> tuple[int, int]:
    if arms & _UP:
        return HIGHEST, shape.upper
    if arms & _DOWN:
        return shape.lower, NO_LEVEL
    return shape.upper + 1 + shape.hysteresis, shape.lower - 1 - shape.hysteresis


def _trailing_wakes(shape: Shape, watch: Watch, *, is_open: bool) -> tuple[int, int]:
    if shape.condition == _FALLS:
        return watch.mark + 1, stop(shape, watch.mark) if is_open else NO_LEVEL
    return stop(shape, watch.mark) if is_open else HIGHEST, watch.mark - 1


def _lines(condition: int) -> int:
    return (_UP if condition in _HAS_UP else 0) | (_DOWN if condition in _HAS_DOWN else 0)
