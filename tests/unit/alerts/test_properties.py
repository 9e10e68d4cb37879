"""Random walks against a model that looks at the whole history of prices and knows neither arms nor an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from notifier.alerts.book import AlertBook
from notifier.alerts.bulk import wakes_of_open
from notifier.alerts.domain.vocabulary import PERCENT, Condition, Frequency
from notifier.alerts.domain.watch import Watch, first_watch, judge, wakes
from notifier.alerts.rows import ROW_DTYPE, Row
from tests.unit.alerts.alerts import OPENING_MS, TOKENS, Judging, a_book, a_row, ticks

LOWEST, HIGHEST = 80, 120

Prices = Sequence[int]


def is_above(history: Prices, fired: Prices, row: Row) -> bool:
    """`fired` are the positions in the history at which it fired."""
    return history[-1] >= row.upper and (not fired or _went_below(history, fired[-1], row.upper, row.hysteresis))


def crosses_up(history: Prices, fired: Prices, row: Row) -> bool:
    if history[-1] < row.upper:
        return False
    if fired:
        return _went_below(history, fired[-1], row.upper, row.hysteresis)
    # The first time: it has been below, by however little, before it ever was above after it; where it was first does not count.
    below = [price < row.upper for price in history[:-1]]
    return bool(below) and (below[0] or _went_below(history, 0, row.upper, row.hysteresis))


def _went_below(history: Prices, since: int, level: int, hysteresis: int) -> bool:
    return any(price <= level - 1 - hysteresis for price in history[since:-1])


def falls_from_high(history: Prices, fired: Prices, row: Row) -> bool:
    since = history[fired[-1] if fired else 0 :]
    return len(since) > 1 and history[-1] <= max(since[:-1]) - row.distance


def enters(history: Prices, fired: Prices, row: Row) -> bool:
    inside = [row.lower <= price <= row.upper for price in history]
    if not inside[-1] or len(history) < 2:
        return False
    before = [position for position, one in enumerate(inside[:-1]) if one]
    if not before:
        return True
    far = row.hysteresis + 1
    return any(price <= row.lower - far or price >= row.upper + far for price in history[before[-1] + 1 : -1])


def mirrored(model: Callable[[Prices, Prices, Row], bool]) -> Callable[[Prices, Prices, Row], bool]:
    """Downwards is upwards in a mirror."""
    return lambda history, fired, row: model(
        [-price for price in history], fired, row._replace(upper=-row.lower, lower=-row.upper)
    )


MODELS = {
    Condition.ABOVE: is_above,
    Condition.BELOW: mirrored(is_above),
    Condition.CROSSES_UP: crosses_up,
    Condition.CROSSES_DOWN: mirrored(crosses_up),
    Condition.FALLS_FROM_HIGH: falls_from_high,
    Condition.RISES_FROM_LOW: mirrored(falls_from_high),
    Condition.ENTERS_CHANNEL: enters,
}
BOTH_WAYS = {
    Condition.CROSSES: (Condition.CROSSES_UP, Condition.CROSSES_DOWN, 0),
    Condition.LEAVES_CHANNEL: (Condition.CROSSES_UP, Condition.CROSSES_DOWN, 1),
}


def expected(row: Row, prices: Prices) -> list[int]:
    """The positions at which it fires."""
    if row.condition in BOTH_WAYS:
        up, down, beyond = BOTH_WAYS[Condition(row.condition)]
        upwards = row._replace(condition=up, upper=row.upper + beyond)
        downwards = row._replace(condition=down, lower=row.lower - beyond)
        return sorted([*expected(upwards, prices), *expected(downwards, prices)])
    fired: list[int] = []
    model = MODELS[Condition(row.condition)]
    for position in range(len(prices)):
        if model(prices[: position + 1], fired, row):
            fired.append(position)
    return fired


@st.composite
def rows(draw: st.DrawFn) -> Row:
    condition = draw(st.sampled_from([*MODELS, *BOTH_WAYS]))
    hysteresis = draw(st.integers(0, 4))
    if condition in (Condition.FALLS_FROM_HIGH, Condition.RISES_FROM_LOW):
        return a_row(condition, distance=draw(st.integers(1, 12)))
    if condition in (Condition.ENTERS_CHANNEL, Condition.LEAVES_CHANNEL):
        lower = draw(st.integers(LOWEST, HIGHEST - 10))
        return a_row(condition, lower=lower, upper=lower + draw(st.integers(1, 10)), hysteresis=hysteresis)
    return a_row(condition, level=draw(st.integers(LOWEST, HIGHEST)), hysteresis=hysteresis)


@st.composite
def percent_rows(draw: st.DrawFn) -> Row:
    condition = draw(st.sampled_from(sorted(PERCENT)))
    mark, points = draw(st.sampled_from([0, 95, 101, 110])), draw(st.integers(1, 2_500))
    return a_row(condition, basis_points=points, mark=mark, hysteresis=draw(st.integers(0, 4)))


walks = st.lists(st.integers(-6, 6), min_size=1, max_size=80).map(
    lambda steps: [max(1, 100 + sum(steps[: n + 1])) for n in range(len(steps))]
)


@given(st.lists(rows(), min_size=1, max_size=8), walks, st.integers(1, 9))
def test_a_book_fires_what_a_look_at_the_whole_history_says(kinds: list[Row], prices: list[int], size: int) -> None:
    judging = Judging(*(row._replace(number=n) for n, row in enumerate(kinds, 1)))
    fired: dict[int, list[int]] = {n: [] for n in range(1, len(kinds) + 1)}
    for start in range(0, len(prices), size):
        part = prices[start : start + size]
        for fire in judging(ticks(part, at_ms=OPENING_MS + start * 1_000)):
            fired[fire.row.number].append((fire.tick[9] - OPENING_MS) // 1_000)
    assert {n: sorted(positions) for n, positions in fired.items()} == {
        n: expected(row, prices) for n, row in enumerate(kinds, 1)
    }


@given(rows(), walks, st.integers(0, 79))
def test_a_restart_in_between_changes_nothing(row: Row, prices: list[int], cut: int) -> None:
    """What fired was kept with the fire, what was dirty after it; the other instance begins with that."""
    first, kept, fired = Judging(row), row, []
    for fire in first(ticks(prices[:cut])):
        fired.append(fire.tick[9])
        kept = kept._replace(generation=fire.row.generation + 1, arms=fire.arms, mark=fire.mark, seen=fire.entry)
    for dirty in first.book.take_dirty():
        kept = dirty
    second = Judging(kept)
    second.entry = first.entry
    rest = prices[cut:]
    if rest:
        fired += [fire.tick[9] for fire in second(ticks(rest, at_ms=OPENING_MS + cut * 1_000))]
    assert fired == [OPENING_MS + position * 1_000 for position in expected(row, prices)]


@given(st.one_of(rows(), percent_rows()), walks.map(lambda prices: prices[:12]))
def test_nothing_happens_between_the_levels_at_which_it_wakes(row: Row, prices: list[int]) -> None:
    watch = first_watch(row.shape, 0)
    for price in prices:
        for is_open in (True, False):
            up, down = wakes(row.shape, watch, is_open=is_open)
            for value in range(max(60, down + 1), min(up, 140)):
                verdict = judge(row.shape, watch, value, is_open=is_open)
                assert (verdict.watch, verdict.direction) == (watch, 0)
        watch = judge(row.shape, watch, price, is_open=True).watch


@given(st.lists(st.tuples(st.one_of(rows(), percent_rows()), walks), min_size=1, max_size=10))
def test_a_table_waits_for_what_its_rows_wait_for(some: list[tuple[Row, list[int]]]) -> None:
    table = np.zeros(len(some), ROW_DTYPE)
    for position, (row, prices) in enumerate(some):
        watch = Watch(row.arms, row.mark)
        for price in prices[: position % 5]:
            watch = judge(row.shape, watch, price, is_open=True).watch
        table[position] = row._replace(arms=watch.arms, mark=watch.mark)
    up, down = wakes_of_open(table)
    made = [Row._make(values) for values in table.tolist()]
    assert list(zip(up.tolist(), down.tolist(), strict=True)) == [
        wakes(row.shape, row.watch, is_open=True) for row in made
    ]


@given(st.integers(0, 10), st.lists(st.integers(-15, 15), max_size=100))
def test_an_oscillating_price_fires_once_per_swing_that_is_wider_than_the_hysteresis(
    hysteresis: int, offsets: list[int]
) -> None:
    judging = Judging(a_row(Condition.CROSSES_UP, level=100, last=99, hysteresis=hysteresis))
    fires = judging.prices(*(100 + offset for offset in offsets)) if offsets else []
    swings, is_low = 0, True
    for offset in offsets:
        if offset >= 0 and is_low:
            swings, is_low = swings + 1, False
        elif offset < -hysteresis:
            is_low = True
    assert len(fires) == swings


@given(
    st.lists(st.tuples(st.integers(LOWEST, HIGHEST), st.integers(0, 2)), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.integers(LOWEST, HIGHEST)), max_size=40),
)
def test_the_index_stays_right_while_alerts_come_and_go(
    alerts: list[tuple[int, int]], steps: list[tuple[int, bool, int]]
) -> None:
    """Against a book that is loaded anew before every price."""
    waiting = {
        n: a_row(Condition.ABOVE, number=n, level=level, slot=slot, frequency=Frequency.ONCE)
        for n, (level, slot) in enumerate(alerts, 1)
    }
    kept = dict(waiting)
    judging = Judging(*waiting.values())
    for number, is_back, price in steps:
        if number in kept:
            if is_back:
                waiting[number] = kept[number]._replace(generation=waiting.get(number, kept[number]).generation + 1)
                judging.book.put([waiting[number]], 0)
            else:
                waiting.pop(number, None)
                judging.book.remove(number)
        slot = number % len(TOKENS)
        due = {n for n, row in waiting.items() if row.slot == slot and price >= row.upper}
        assert {fire.row.number for fire in judging(ticks([price], slot=slot))} == due
        for n in due:
            del waiting[n]
        assert len(judging.book) == len(waiting)
        assert judging.book.alerts_on() == [sum(row.slot == s for row in waiting.values()) for s in range(len(TOKENS))]


def test_a_line_that_has_moved_much_is_swept() -> None:
    book = a_book(*(a_row(Condition.FALLS_FROM_HIGH, number=n, distance=50) for n in range(1, 4)))
    rising = ticks(range(100, 1_100))
    book.judge(rising, np.arange(1, 1_001), 0)
    assert len(book._levels._down[0]) < 200
    assert len(book.judge(ticks([1_049]), np.array([1_001]), 0)) == 3


def test_an_empty_book_takes_ticks() -> None:
    assert AlertBook(TOKENS, np.zeros(0, ROW_DTYPE)).judge(ticks([100]), np.array([1]), 0) == []
    assert AlertBook().judge(ticks([100]), np.array([1]), 0) == []
