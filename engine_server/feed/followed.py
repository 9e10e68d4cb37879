"""Whose ticks become bars: the slot of each instrument, and the socket and connection on which its ticks come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine_server.bars.domain.rows import Rows
from engine_server.bars.domain.trades import TICK
from engine_server.feed.placement import Instruments
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.ticks import REST_FLAG, TickArray, instrument_code, instrument_codes, joined

# A socket's number and the number of its connection; None while no ticks come.
Source = tuple[int, int] | None


class StreamedSocket(NamedTuple):
    """What one socket carries, and the number of the connection it comes on; None while there is none."""

    instruments: Instruments
    connection: int | None


@dataclass(frozen=True)
class Changes:
    """What is carried otherwise than before: slots that have gone, slots whose ticks come on another connection now, and what is new."""

    gone: list[int]
    moved: dict[int, Source]
    new: dict[InstrumentKey, tuple[Instrument, Source]]


@dataclass
class _Followed:
    key: InstrumentKey
    code: int
    source: Source


class FollowedInstruments:
    """Slots are given by whoever builds the bars. After `add`, `move` and `remove`, `index` makes `rows` know of it."""

    def __init__(self) -> None:
        self._seen: Sequence[StreamedSocket] = ()
        self._by_slot: dict[int, _Followed] = {}
        self._codes = self._slots_by_code = np.empty(0, np.int64)

    @property
    def slots(self) -> list[int]:
        """Of everything that is followed."""
        return list(self._by_slot)

    @property
    def mute(self) -> list[int]:
        """Of what no connection carries."""
        return [slot for slot, one in self._by_slot.items() if one.source is None]

    def key(self, slot: int) -> InstrumentKey:
        """Whose slot it is."""
        return self._by_slot[slot].key

    def changes(self, streamed: Sequence[StreamedSocket]) -> Changes | None:
        """Since the last time; None where the sockets are the same."""
        is_same = len(streamed) == len(self._seen) and all(
            one.instruments is before.instruments and one.connection == before.connection
            for one, before in zip(streamed, self._seen, strict=True)
        )
        if is_same:
            return None
        self._seen = streamed
        carried: dict[InstrumentKey, tuple[Instrument, Source]] = {
            key: (instrument, None if socket.connection is None else (number, socket.connection))
            for number, socket in enumerate(streamed)
            for key, instrument in socket.instruments.items()
        }
        stay = {slot: one for slot, one in self._by_slot.items() if _is_carried(one, carried)}
        staying = {one.key for one in stay.values()}
        return Changes(
            gone=[slot for slot in self._by_slot if slot not in stay],
            moved={slot: carried[one.key][1] for slot, one in stay.items() if one.source != carried[one.key][1]},
            new={key: facts for key, facts in carried.items() if key not in staying},
        )

    def add(self, slot: int, instrument: Instrument, source: Source) -> None:
        """It is followed from now on."""
        self._by_slot[slot] = _Followed(instrument.key, _code(instrument), source)

    def move(self, slot: int, source: Source) -> None:
        """Its ticks come from there now."""
        self._by_slot[slot].source = source

    def remove(self, slot: int) -> None:
        """It is followed no longer."""
        del self._by_slot[slot]

    def index(self) -> None:
        """What `rows` looks up."""
        codes = np.array([one.code for one in self._by_slot.values()], np.int64)
        order = np.argsort(codes)
        self._codes = codes[order]
        self._slots_by_code = np.array(list(self._by_slot), np.int64)[order]

    def rows(self, batches: Sequence[TickArray]) -> Rows:
        """The ticks of what is followed. A sampled price is none: its bars come from the broker."""
        if not batches or not len(self._codes):
            return np.empty(0, TICK)
        ticks = joined(batches)
        ticks = ticks[(ticks["flags"] & REST_FLAG) == 0]
        codes = instrument_codes(ticks)
        places = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        known = self._codes[places] == codes
        ticks, places = ticks[known], places[known]
        rows = np.empty(len(ticks), TICK)
        rows["slot"] = self._slots_by_code[places]
        rows["time_ms"], rows["price_e4"] = ticks["exchange_ms"], ticks["last_price_e4"]
        rows["volume"], rows["open_interest"] = ticks["volume"], ticks["open_interest"]
        return rows


def _is_carried(one: _Followed, carried: Mapping[InstrumentKey, tuple[Instrument, Source]]) -> bool:
    """Under the token that it has had: another token is another instrument."""
    found = carried.get(one.key)
    return found is not None and _code(found[0]) == one.code


def _code(instrument: Instrument) -> int:
    return instrument_code(instrument.exchange_type, int(instrument.token))
