"""A scrip master's rows as columns in our terms, without an object a row, and why which row is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, cast

import msgspec
import numpy as np
import numpy.typing as npt

from engine_server.feed import scrip_cells
from engine_server.instruments.coded import Coded, Mask, Numbers, pairs, texts
from engine_server.instruments.table import Columns
from tradewinds.instruments import EXCHANGE_TYPE, is_key, make_key

_ZERO: Final = Decimal(0)
_Cell = str | int | float | bool | None


class ScripRow(msgspec.Struct, gc=False):
    """What we read of a row; whatever else is in it does not matter."""

    token: _Cell = ""
    symbol: str = ""
    exch_seg: str = ""
    name: str | None = ""
    expiry: str | None = ""
    strike: _Cell = "0"
    lotsize: _Cell = "1"
    instrumenttype: str | None = ""
    tick_size: _Cell = "0"
    freeze_qty: _Cell = "0"
    is_cas_enabled: _Cell = False
    option_type: str | None = ""


class Faults:
    """Why rows are left out: of each the first reason that was found."""

    def __init__(self, rows: int) -> None:
        self._codes = np.zeros(rows, np.int32)
        self._reasons = [""]

    def add(self, reason: str, of: Mask) -> None:
        """These rows have it."""
        self._codes[of & (self._codes == 0)] = len(self._reasons)
        self._reasons.append(reason)

    def add_named(self, sort: str, values: Coded[str], is_known: Callable[[str], bool]) -> None:
        """What has a value that is not known, named by it."""
        for code, value in enumerate(values.values):
            if not is_known(value):
                self.add(f"{sort} {value}", values.codes == code)

    def counted(self) -> Counter[str]:
        """How many rows there are of each reason."""
        counts = np.bincount(self._codes, minlength=len(self._reasons)).tolist()
        return Counter({reason: n for reason, n in zip(self._reasons, counts, strict=True) if reason and n})

    def faultless(self) -> Numbers:
        """The rows that have none."""
        return np.flatnonzero(self._codes == 0).astype(np.int32)


def columns_of(rows: Sequence[ScripRow]) -> tuple[Columns, Faults]:
    """The rows by column, and what is wrong with which; a row with a fault has anything in its columns."""
    faults = Faults(len(rows))
    types, exchange = Coded.of([row.instrumenttype or "" for row in rows]), Coded.of([row.exch_seg for row in rows])
    kind = types.mapped(scrip_cells.kind_of)
    faults.add_named("instrument type", types, lambda text: bool(scrip_cells.kind_of(text)))
    faults.add_named("exchange", exchange, EXCHANGE_TYPE.__contains__)
    symbols, tokens = [row.symbol for row in rows], _cells([row.token for row in rows])
    keys = list(map(make_key, exchange.each(), symbols))
    usual = [symbol.isascii() and is_key(key) for symbol, key in zip(symbols, keys, strict=True)]
    faults.add("unusual symbol", ~np.array(usual, bool))
    numeric = list(map(scrip_cells.is_token, tokens))
    faults.add("token is not a number", ~np.array(numeric, bool))
    lot_size = Coded.of(_cells([row.lotsize for row in rows])).mapped(scrip_cells.whole)
    faults.add("lot size", lot_size.where(lambda lot: lot < 1))
    tick_size = _tick_size(rows, kind, faults)
    expiry, strike, side = _terms(rows, exchange, kind, faults)
    faults.add("duplicate key", _repeated(keys, faults.faultless()))
    columns = Columns(
        exchange=exchange,
        symbol=_known(symbols, usual),
        token=_known(tokens, numeric),
        name=Coded.of([row.name or row.symbol for row in rows]),
        kind=kind,
        lot_size=lot_size,
        tick_size=tick_size,
        instrument_type=types,
        expiry=expiry,
        strike=strike,
        option_type=side,
        freeze_quantity=Coded.of(_cells([row.freeze_qty for row in rows])).mapped(
            lambda text: max(0, scrip_cells.whole(text))
        ),
        has_closing_auction=Coded.of(_cells([row.is_cas_enabled for row in rows])).mapped(scrip_cells.is_true),
    )
    return columns, faults


def _tick_size(rows: Sequence[ScripRow], kind: Coded[str], faults: Faults) -> Coded[Decimal]:
    tick = Coded.of(_cells([row.tick_size for row in rows])).mapped(scrip_cells.tick_size)
    is_wrong = tick.where(lambda size: size is None or size < 0)
    faults.add("tick size", is_wrong | (tick.where(lambda size: size == 0) & (kind.where(lambda one: one != "INDEX"))))
    return tick.mapped(lambda size: size or _ZERO)


def _terms(
    rows: Sequence[ScripRow], exchange: Coded[str], kind: Coded[str], faults: Faults
) -> tuple[Coded[date | None], Coded[Decimal | None], Coded[str]]:
    """Expiry, strike and side of contracts; whatever the file says there of others is not theirs."""
    is_option = kind.where(lambda one: one == "OPT")
    is_contract = is_option | kind.where(lambda one: one == "FUT")
    expiry = Coded.of([row.expiry or "" for row in rows]).only(is_contract, "").mapped(scrip_cells.expiry)
    faults.add("expiry", is_contract & expiry.where(lambda day: day is None))
    written = Coded.of(_cells([row.strike for row in rows])).only(is_option, "")
    strike = pairs(exchange, written).mapped(lambda pair: scrip_cells.strike(*pair))
    faults.add("strike", is_option & strike.where(lambda price: price is None or price <= 0))
    # From its column; from the symbol's end only where there is none (symbols are not made to be read).
    side = Coded.of([row.option_type or row.symbol[-2:] for row in rows]).only(is_option, "").mapped(scrip_cells.side)
    faults.add("neither call nor put", is_option & side.where(lambda one: not one))
    return expiry, strike, side


def _cells(cells: list[_Cell]) -> list[str]:
    """As the texts that they should be, and nearly always are."""
    return cast("list[str]", cells) if set(map(type, cells)) == {str} else list(map(str, cells))


def _known(words: Sequence[str], are_good: Sequence[bool]) -> npt.NDArray[np.bytes_]:
    """What is no good may be of any length, and an array is as wide as its longest."""
    return texts(word if is_good else "" for word, is_good in zip(words, are_good, strict=True))


def _repeated(keys: Sequence[str], among: Numbers) -> Mask:
    """Those whose key an earlier one has."""
    mask, seen = np.zeros(len(keys), bool), set[str]()
    if len(set(keys)) == len(keys):
        return mask
    for number in among.tolist():
        if keys[number] in seen:
            mask[number] = True
        seen.add(keys[number])
    return mask
