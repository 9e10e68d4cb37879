"""Every instrument of one scrip master by column: some megabytes, where 150,000 objects are a hundred and take seconds to make.

An `Instrument` is made when somebody asks for one. The rows are in the order in which a person wants to see them, so that the best of
a set of matches are its smallest numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar, overload

import msgspec
import numpy as np
import numpy.typing as npt

from engine_server.instruments.coded import Coded, Numbers, pairs, texts
from engine_server.instruments.columns import SortedSymbols
from tradewinds.instruments import Instrument, InstrumentKey, make_key

T = TypeVar("T")
_KIND_ORDER: Final = {"EQ": 0, "INDEX": 1, "FUT": 3, "OPT": 4}
_OTHER_SERIES: Final = 2
_ROWS_AT_ONCE: Final = 250  # a millisecond of a loop that has ticks to serve
_REMEMBERED: Final = 10_000  # what the sockets carry, several times over
_NO_STRIKE: Final = Decimal(0)
_LOWER_A, _LOWER_Z, _TO_UPPER = ord("a"), ord("z"), ord("a") - ord("A")


@dataclass(frozen=True, eq=False)
class Columns:
    """The fields of `Instrument` but its key, which the exchange and the symbol make, in its order."""

    exchange: Coded[str]
    symbol: npt.NDArray[np.bytes_]
    token: npt.NDArray[np.bytes_]
    name: Coded[str]
    kind: Coded[str]
    lot_size: Coded[int]
    tick_size: Coded[Decimal]
    instrument_type: Coded[str]
    expiry: Coded[date | None]
    strike: Coded[Decimal | None]
    option_type: Coded[str]
    freeze_quantity: Coded[int]
    has_closing_auction: Coded[bool]

    def taken(self, numbers: Numbers) -> Columns:
        """Those of these instruments alone."""
        return Columns(*(_taken(getattr(self, field.name), numbers) for field in fields(self)))

    def written(self) -> Columns:
        """With dates and decimals as they are written, each different one only once."""
        return Columns(*(_written(getattr(self, field.name)) for field in fields(self)))

    def rows(self, numbers: Numbers) -> Iterator[tuple[Any, ...]]:
        """Each of these instruments in the form in which `Instrument` is written."""
        exchanges, symbols = list(self.exchange.of_each(numbers)), _words(self.symbol[numbers])
        keys = (f"{exchange}:{symbol.upper()}" for exchange, symbol in zip(exchanges, symbols, strict=True))
        others = (getattr(self, field.name).of_each(numbers) for field in fields(self)[3:])
        return zip(keys, exchanges, symbols, _words(self.token[numbers]), *others, strict=True)


class InstrumentTable(Mapping[InstrumentKey, Instrument]):
    """Instruments by key. `symbol_order` sorts them by symbol."""

    def __init__(self, columns: Columns, symbol_order: Numbers) -> None:
        self.columns = columns
        self.symbol_order = symbol_order
        self.symbols = SortedSymbols(upper(columns.symbol), symbol_order)
        # Those who want the same thousand instruments ask for them at every change of their wishes.
        self._asked_for: dict[InstrumentKey, Instrument] = {}

    @classmethod
    def arranged(cls, columns: Columns) -> InstrumentTable:
        """Of columns whose rows are in any order."""
        symbol_order = np.argsort(upper(columns.symbol), kind="stable").astype(np.int32)
        symbol_rank = inverse(symbol_order)
        order = _order(columns, symbol_rank)
        return cls(columns.taken(order), inverse(order)[symbol_order])

    @classmethod
    def of(cls, instruments: Iterable[Instrument]) -> InstrumentTable:
        """Of instruments that somebody has made."""
        rows = list(instruments)
        coded = (Coded.of([getattr(i, field.name) for i in rows]) for field in fields(Columns)[3:])
        columns = Columns(
            Coded.of([i.exchange for i in rows]), texts(i.symbol for i in rows), texts(i.token for i in rows), *coded
        )
        return cls.arranged(columns)

    def rows_by_exchange(self) -> dict[str, int]:
        """How many instruments each exchange segment has."""
        exchange = self.columns.exchange
        counts = np.bincount(exchange.codes, minlength=len(exchange.values)).tolist()
        return {name: count for name, count in zip(exchange.values, counts, strict=True) if count}

    def number_of(self, key: object) -> int | None:
        """Its row."""
        exchange, _, symbol = key.partition(":") if isinstance(key, str) else ("", "", "")
        for number in self.symbols.equal(symbol).tolist():
            if self.columns.exchange[number] == exchange:
                return int(number)
        return None

    def at(self, numbers: Numbers) -> list[Instrument]:
        """The instruments of these rows."""
        return list(map(self._instrument, numbers.tolist()))

    def packed_rows(self) -> Iterator[list[tuple[InstrumentKey, bytes]]]:
        """Each as msgpack, by key, some at a time."""
        encode, written = msgspec.msgpack.Encoder().encode, self.columns.written()
        for first in range(0, len(self), _ROWS_AT_ONCE):
            rows = written.rows(np.arange(first, min(first + _ROWS_AT_ONCE, len(self)), dtype=np.int32))
            yield [(row[0], encode(row)) for row in rows]

    def __getitem__(self, key: InstrumentKey) -> Instrument:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    @overload
    def get(self, key: InstrumentKey, /) -> Instrument | None: ...
    @overload
    def get(self, key: InstrumentKey, /, default: Instrument | T) -> Instrument | T: ...
    def get(self, key: InstrumentKey, /, default: Any = None) -> Any:
        """As a dict's, without the cost of a raised KeyError."""
        if (found := self._asked_for.get(key)) is not None:
            return found
        if (number := self.number_of(key)) is None:
            return default
        if len(self._asked_for) == _REMEMBERED:
            self._asked_for.clear()
        found = self._asked_for[key] = self._instrument(number)
        return found

    def __contains__(self, key: object) -> bool:
        return key in self._asked_for or self.number_of(key) is not None

    def __iter__(self) -> Iterator[InstrumentKey]:
        return map("{}:{}".format, self.columns.exchange.each(), _words(upper(self.columns.symbol)))

    def __len__(self) -> int:
        return len(self.symbol_order)

    def _instrument(self, number: int) -> Instrument:
        columns = self.columns
        exchange, symbol = columns.exchange[number], columns.symbol[number].decode()
        return Instrument(
            key=make_key(exchange, symbol),
            exchange=exchange,
            symbol=symbol,
            token=columns.token[number].decode(),
            name=columns.name[number],
            kind=columns.kind[number],
            lot_size=columns.lot_size[number],
            tick_size=columns.tick_size[number],
            instrument_type=columns.instrument_type[number],
            expiry=columns.expiry[number],
            strike=columns.strike[number],
            option_type=columns.option_type[number],
            freeze_quantity=columns.freeze_quantity[number],
            has_closing_auction=columns.has_closing_auction[number],
        )


def upper(symbols: npt.NDArray[np.bytes_]) -> npt.NDArray[np.bytes_]:
    """ASCII texts in capitals; numpy's own makes an object of each."""
    letters = symbols.view(np.uint8)
    return np.where((letters >= _LOWER_A) & (letters <= _LOWER_Z), letters - _TO_UPPER, letters).view(symbols.dtype)


def inverse(order: Numbers) -> Numbers:
    """Where each number is in `order`."""
    places = np.empty_like(order)
    places[order] = np.arange(len(order), dtype=np.int32)
    return places


def _order(columns: Columns, symbol_rank: Numbers) -> Numbers:
    """Equities of the main series, indices, other cash instruments, futures, options; near expiries first; short symbols first."""
    is_cash = columns.expiry.where(lambda expiry: expiry is None)
    is_main = np.char.endswith(columns.symbol, b"-EQ")
    sorts = pairs(pairs(columns.kind, columns.exchange), Coded([False, True], is_main.astype(np.uint8)))
    # The most important last.
    keys = (
        symbol_rank,
        columns.exchange.in_order(str).codes,
        columns.strike.in_order(lambda strike: strike or _NO_STRIKE).codes,
        np.where(is_cash, np.char.str_len(columns.symbol), 0),
        columns.expiry.in_order(lambda expiry: expiry or date.min).codes,
        sorts.mapped(lambda sort: _rank(*sort[0], is_main_series=sort[1])).in_order(int).codes,
    )
    return np.lexsort(keys).astype(np.int32)


def _rank(kind: str, exchange: str, *, is_main_series: bool) -> int:
    if kind == "EQ" and not (exchange == "NSE" and is_main_series):
        return _OTHER_SERIES
    return _KIND_ORDER.get(kind, len(_KIND_ORDER))


def _taken(column: Any, numbers: Numbers) -> Any:
    return column.taken(numbers) if isinstance(column, Coded) else column[numbers]


def _written(column: Any) -> Any:
    return Coded(msgspec.to_builtins(column.values), column.codes) if isinstance(column, Coded) else column


def _words(column: npt.NDArray[np.bytes_]) -> list[str]:
    """As `str`; numpy's own decoding is slower."""
    return [word.decode() for word in column.tolist()]
