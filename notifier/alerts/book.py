"""Every active alert in memory. A batch of ticks is held against two numbers per line; only an alert that a value wakes is looked at.

Nothing here waits or knows a clock: what fires is returned, what has changed is kept as dirty until `take_dirty`, and the same ticks
judged again by a book that was loaded from what was kept give the same fires.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from notifier.alerts.bulk import wakes_of_open
from notifier.alerts.close_followers import CloseFollowers
from notifier.alerts.domain.gate import DAY_MS, PERIODIC, has_fired_in_period, next_period_ms, period_ms
from notifier.alerts.domain.vocabulary import LEVEL, TRAILING, Frequency, Reference
from notifier.alerts.domain.watch import Watch, armed_anew, judge, wakes
from notifier.alerts.levels import Int64Array, Levels
from notifier.alerts.openings import Openings
from notifier.alerts.rows import Row, RowTable
from notifier.alerts.slots import Slots, Token
from notifier.alerts.table import AlertTable
from tradewinds.ticks import TICK_DTYPE, TickArray, opaque

MEASURES: Final = 3
_COLUMNS: Final = ("last_price_e4", "volume", "open_interest", "close_price_e4")
_CLOSE: Final = 3  # the pseudo-measure of references that follow the previous close
_LINES: Final = 4  # per slot
_ONCE, _EVERY_TIME = int(Frequency.ONCE), int(Frequency.EVERY_TIME)
_FOLLOWS_CLOSE: Final = int(Reference.PREVIOUS_CLOSE)
_WAITS: Final = frozenset(int(condition) for condition in LEVEL | TRAILING)  # these fire when they open
_NEVER_MS: Final = 1 << 62
# A stream is behind the quotes by less; what seems older is from another life of the market clock.
_OLD_NEWS_MS: Final = 600_000


class Fire(NamedTuple):
    """An alert that fires, as it was, and what to keep of it. `tick` is the record of `tradewinds.ticks` as a tuple."""

    row: Row
    direction: int
    value: int
    previous: int
    level: int
    late: bool
    tick: tuple[int, ...]
    entry: int
    arms: int
    mark: int
    not_before_ms: int


class AlertBook:
    """The alerts of the instruments in `tokens`, whose positions are the rows' slots."""

    def __init__(self, tokens: Sequence[Token | None] = (), rows: RowTable | None = None, now_us: int = 0) -> None:
        self._table = AlertTable(rows)
        self._slots = Slots(tokens)
        self._levels = Levels(len(tokens) * _LINES)
        self._last: TickArray = np.zeros(len(tokens), TICK_DTYPE)
        self._floor_ms: Int64Array = np.zeros(len(tokens), np.int64)
        self._alerts_on: Int64Array = np.zeros(len(tokens), np.int64)
        self._followers = CloseFollowers(self._levels, _LINES, _CLOSE)
        self._dirty: set[int] = set()
        self._opens_market = Openings()
        self._opens_real = Openings()
        self._market_ms = 0
        self._now_us = now_us
        self._place_all()

    def __len__(self) -> int:
        return len(self._table)

    def alerts_on(self) -> list[int]:
        """How many alerts watch each instrument, by slot."""
        counts: list[int] = self._alerts_on.tolist()
        return counts

    def set_tokens(self, tokens: Sequence[Token | None]) -> None:
        """The broker's numbers of the instruments, which a new scrip master may change; None for what it does not have. There may be
        more of them than before."""
        if more := len(tokens) - len(self._last):
            self._levels.widen(len(tokens) * _LINES)
            self._last = np.concatenate([self._last, np.zeros(more, TICK_DTYPE)])
            self._floor_ms = np.concatenate([self._floor_ms, np.zeros(more, np.int64)])
            self._alerts_on = np.concatenate([self._alerts_on, np.zeros(more, np.int64)])
        self._slots = Slots(tokens)

    def put(self, rows: Iterable[Row], now_us: int) -> None:
        """New alerts, and those that somebody changed. Of one whose generation is the same only the snooze is news: what it has seen
        here is newer than what was stored."""
        self._now_us = now_us
        for given in rows:
            row = self._table.find(given.number)
            if row is not None:
                known = self._table[row]
                if known.generation > given.generation:
                    continue  # it has fired here meanwhile
                if known.generation == given.generation:
                    given = known._replace(snoozed_us=given.snoozed_us)  # noqa: PLW2901
                self._forget(row)
            self._insert(given)

    def remove(self, number: int) -> None:
        """It is gone, or waits no more."""
        row = self._table.find(number)
        if row is not None:
            self._forget(row)

    def take_dirty(self) -> list[Row]:
        """Alerts whose arms, mark or period have changed since; whoever takes them keeps them."""
        taken, self._dirty = self._dirty, set()
        return [self._table[row] for row in taken]

    def give_back(self, taken: Iterable[Row]) -> None:
        """They could not be kept: they are dirty still."""
        rows = (self._table.find(row.number) for row in taken)
        self._dirty.update(row for row in rows if row is not None)

    def next_opening_us(self) -> int | None:
        """When (real time) the next cooldown or snooze ends."""
        return self._opens_real.next

    def judge_late(self, quotes: TickArray, entry: int, now_us: int) -> list[Fire]:
        """What fires on the last quotes, where they are newer than what was judged: nobody watched when it happened. Ticks that come
        afterwards and are not newer than these are old news."""
        quotes = self._newer(quotes)
        fires = self.judge(quotes, np.full(len(quotes), entry, np.int64), now_us, late=True)
        self._floor_ms[self._slots.of(quotes)] = quotes["exchange_ms"]
        return fires

    def judge(self, ticks: TickArray, entries: Int64Array, now_us: int, *, late: bool = False) -> list[Fire]:
        """What fires on these ticks, each read from the stream entry beside it; in order for each instrument."""
        self._now_us = now_us
        self._open_real()
        if not len(self._last):
            return []
        slots = self._slots.of(ticks)
        age_ms = self._floor_ms[slots] - ticks["exchange_ms"]
        # Without a sign, what is below zero, younger than the floor, is very much.
        ours = (slots >= 0) & (ticks["last_price_e4"] > 0) & (age_ms.view(np.uint64) >= _OLD_NEWS_MS)
        if not ours.all():
            ticks, slots, entries = ticks[ours], slots[ours], entries[ours]
        if not len(ticks):
            return []
        self._open_market(ticks)
        hit = self._hit_lines(ticks, slots)
        fires = self._judge_lines(hit, ticks, slots, entries, late=late) if hit else []
        opaque(self._last)[slots] = opaque(ticks)  # the last one of each stays
        return fires

    def _newer(self, ticks: TickArray) -> TickArray:
        slots = self._slots.of(ticks)
        known: TickArray = ticks[slots >= 0]
        return known[known["exchange_ms"] > self._last[slots[slots >= 0]]["exchange_ms"]]

    # --- judging

    def _hit_lines(self, ticks: TickArray, slots: Int64Array) -> list[int]:
        values = np.empty((len(ticks), _LINES), np.int64)
        for measure, column in enumerate(_COLUMNS):
            values[:, measure] = ticks[column]
        nearest_up, nearest_down = self._levels.nearest_up, self._levels.nearest_down
        hit = values >= nearest_up.reshape(-1, _LINES)[slots]
        hit |= values <= nearest_down.reshape(-1, _LINES)[slots]
        if not hit.any():
            return []
        hit &= values > 0
        of_tick, measures = np.nonzero(hit)
        found = set((slots[of_tick] * _LINES + measures).tolist())
        # A new close first: it moves the lines that the price of the same tick is held against.
        return sorted(found, key=lambda line: (line // _LINES, line % _LINES != _CLOSE, line))

    def _judge_lines(
        self, lines: list[int], ticks: TickArray, slots: Int64Array, entries: Int64Array, *, late: bool
    ) -> list[Fire]:
        order = np.argsort(slots, kind="stable")
        sorted_slots = slots[order]
        fires: list[Fire] = []
        pending = deque(lines)
        while pending:
            line = pending.popleft()
            slot = line // _LINES
            start, end = np.searchsorted(sorted_slots, [slot, slot + 1])
            of_slot = order[start:end]
            records = ticks[of_slot].tolist()
            if line % _LINES == _CLOSE:
                self._follow_close(slot, records[-1][8])
                price_line = slot * _LINES
                if not pending or pending[0] != price_line:
                    pending.appendleft(price_line)
                continue
            fires += self._judge_line(line, records, entries[of_slot].tolist(), late=late)
        return fires

    def _judge_line(self, line: int, records: list[tuple[int, ...]], entries: list[int], *, late: bool) -> list[Fire]:
        slot, measure = divmod(line, _LINES)
        position = _POSITIONS[measure]
        before = self._last[slot].item()
        levels, fires = self._levels, []
        for record, entry in zip(records, entries, strict=True):
            value = record[position]
            if value > 0 and (value >= levels.nearest_up[line] or value <= levels.nearest_down[line]):
                for row in levels.woken(line, value, self._table.rows):
                    if self._is_on(row, line):
                        fire = self._judge_row(row, value, before[position], record, entry, late=late)
                        fires += [fire] if fire is not None else []
            before = record
        levels.sweep(line, self._table.rows, self._is_on)
        return fires

    def _judge_row(
        self, row: int, value: int, previous: int, tick: tuple[int, ...], entry: int, *, late: bool
    ) -> Fire | None:
        known = self._table[row]
        if entry <= known.seen:  # its last fire was committed after this tick
            self._place(row, known)
            return None
        market_ms = tick[_EXCHANGE_MS]
        is_open = _is_open(known, self._now_us, market_ms)
        verdict = judge(known.shape, known.watch, value, is_open=is_open)
        after = known._replace(arms=verdict.watch.arms, mark=verdict.watch.mark)
        if not verdict.direction:
            self._store(row, after)
            return None
        not_before_ms = next_period_ms(known.frequency, known.bar_minutes, market_ms)
        after = after._replace(
            generation=known.generation + 1,
            seen=entry,
            not_before_ms=not_before_ms,
            cooling_us=self._now_us + known.cooldown_seconds * 1_000_000 if known.frequency == _EVERY_TIME else 0,
        )
        if known.frequency == _ONCE:
            self._forget(row)
        else:
            self._store(row, after)
            self._dirty.discard(row)  # the fire itself keeps it
        return Fire(
            known,
            verdict.direction,
            value,
            previous,
            verdict.level,
            late,
            tick,
            entry,
            after.arms,
            after.mark,
            not_before_ms,
        )

    def _follow_close(self, slot: int, close: int) -> None:
        """Another day: what is measured from the previous close begins anew."""
        for row in self._followers.of(slot):
            known = self._table[row]
            if known.mark != close:
                after = armed_anew(known.shape, Watch(known.arms, close))
                self._store(row, known._replace(arms=after.arms, mark=after.mark))
        self._followers.expect(slot, close)

    # --- opening again

    def _open_real(self) -> None:
        for number in self._opens_real.due(self._now_us):
            row = self._table.find(number)
            if row is not None:
                self._place(row, self._table[row])

    def _open_market(self, ticks: TickArray) -> None:
        market_ms = int(ticks["exchange_ms"].max())
        # A replay that began again: every period is another one.
        due_ms = _NEVER_MS if market_ms < self._market_ms - DAY_MS else market_ms
        self._market_ms = market_ms if due_ms == _NEVER_MS else max(market_ms, self._market_ms)
        for number in self._opens_market.due(due_ms):
            row = self._table.find(number)
            if row is not None and self._table.rows["not_before_ms"][row] <= due_ms:
                known = self._table[row]
                # Its `not_before_ms` stays: a tick of another instrument may have begun the period, this one's may be older.
                self._store(row, known._replace(arms=armed_anew(known.shape, known.watch).arms))

    # --- rows

    def _place_all(self) -> None:
        rows = self._table.rows
        rows["wake_up"], rows["wake_down"] = wakes_of_open(rows)
        is_closed = (np.maximum(rows["cooling_us"], rows["snoozed_us"]) > self._now_us) | (rows["not_before_ms"] > 0)
        for row in np.flatnonzero(is_closed).tolist():
            rows["wake_up"][row], rows["wake_down"][row] = self._wakes(self._table[row])
        slots = self._table.rows["slot"].astype(np.int64)
        self._levels.fill(slots * _LINES + self._table.rows["measure"], self._table.rows)
        np.add.at(self._alerts_on, slots, 1)
        for row in np.flatnonzero(self._table.rows["reference"] == _FOLLOWS_CLOSE).tolist():
            self._followers.add(int(slots[row]), row, int(self._table.rows["mark"][row]))

    def _insert(self, given: Row) -> None:
        row = self._table.add(given)
        self._levels.add(given.slot * _LINES + given.measure)
        self._alerts_on[given.slot] += 1
        self._place(row, self._table[row])
        if given.reference == _FOLLOWS_CLOSE:
            self._followers.add(given.slot, row, given.mark)

    def _forget(self, row: int) -> None:
        known = self._table[row]
        self._dirty.discard(row)
        self._levels.drop(known.slot * _LINES + known.measure)
        self._alerts_on[known.slot] -= 1
        if known.reference == _FOLLOWS_CLOSE:
            self._followers.drop(known.slot, row)
        self._table.give_up(row)

    def _store(self, row: int, after: Row) -> None:
        self._dirty.add(row)
        self._place(row, after)

    def _place(self, row: int, known: Row) -> None:
        up, down = self._wakes(known)
        self._table[row] = known._replace(wake_up=up, wake_down=down)
        self._levels.place(known.slot * _LINES + known.measure, row, up, down)

    def _wakes(self, known: Row) -> tuple[int, int]:
        """Where it is looked at next; what may not fire now is looked at again when it may."""
        if known.condition not in _WAITS:
            return wakes(known.shape, known.watch, is_open=True)  # a crossing is seen whether it may be told or not
        opens_us = max(known.cooling_us, known.snoozed_us)
        if opens_us > self._now_us:
            self._opens_real.schedule(opens_us, known.number)
        if known.not_before_ms > self._market_ms:
            self._opens_market.schedule(known.not_before_ms, known.number)
        # Before the first tick nobody knows which period it is.
        is_open = _is_open(known, self._now_us, self._market_ms) and (self._market_ms > 0 or not known.not_before_ms)
        return wakes(known.shape, known.watch, is_open=is_open)

    def _is_on(self, row: int, line: int) -> bool:
        known = self._table.rows[row]
        return bool(known["number"]) and int(known["slot"]) * _LINES + int(known["measure"]) == line


_NAMES: Final[tuple[str, ...]] = tuple(TICK_DTYPE.names or ())
_POSITIONS: Final = tuple(_NAMES.index(column) for column in _COLUMNS)
_EXCHANGE_MS: Final = _NAMES.index("exchange_ms")


def _is_open(known: Row, now_us: int, market_ms: int) -> bool:
    if max(known.cooling_us, known.snoozed_us) > now_us:
        return False
    if known.frequency not in PERIODIC:
        return True
    length = period_ms(known.frequency, known.bar_minutes)
    return not has_fired_in_period(known.not_before_ms, market_ms, length)
