"""A real scrip master of some day, where the user has one: its rows take the place of invented ones."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from sandbox.errors import BadInputError
from sandbox.listing.contracts import MONTHS, ContractBook
from sandbox.listing.shares import invented_price
from sandbox.universe import INDEX_TYPE, NO_BAND, Instrument, InstrumentKey, InstrumentKind, OptionType

Row: TypeAlias = dict[str, Any]
_OPTION = "--scrip-rows"
_COLUMNS = frozenset(
    ["token", "symbol", "name", "expiry", "strike", "lotsize", "instrumenttype", "exch_seg", "tick_size"]
)


class RealRows:
    """Rows by (segment, token). A name's expiry that is here is wholly here."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows: dict[InstrumentKey, Row] = {(row["exch_seg"], row["token"]): row for row in rows}
        self._contracts: dict[InstrumentKey, Instrument] = {}
        self._share_of_name = {
            row["name"]: key for key, row in self._rows.items() if key[0] == "NSE" and row["symbol"].endswith("-EQ")
        }
        self._with_contracts = {row["name"] for row in rows if row["instrumenttype"] == "FUTSTK"}
        self.expiries = {(row["exch_seg"], row["name"], row["expiry"]) for row in rows if row["expiry"]}

    @classmethod
    def read(cls, path: Path) -> RealRows:
        """A JSON array in the broker's columns, plain or gzipped. Raises BadInputError."""
        try:
            data = path.read_bytes()
            rows = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
        except (OSError, EOFError, ValueError) as e:
            raise BadInputError(_OPTION, f"cannot read {path} ({e})", "give a scrip master, .json or .json.gz") from e
        columns = ", ".join(sorted(_COLUMNS))
        if not isinstance(rows, list) or not rows:
            raise BadInputError(_OPTION, f"{path} is no array of rows", f"give an array of objects with {columns}")
        for n, row in enumerate(rows):
            _check(path, n, row, columns)
        return cls([{**row, "token": str(row["token"])} for row in rows])

    def __contains__(self, key: InstrumentKey) -> bool:
        return key in self._rows

    def cash(self) -> Iterator[Instrument]:
        """NSE's shares and all indices; BSE's shares are made as twins of those."""
        for (segment, token), row in self._rows.items():
            index = row["instrumenttype"] == INDEX_TYPE
            if not row["expiry"] and (index or segment == "NSE"):
                yield _cash(segment, token, row, row["name"] in self._with_contracts)

    def contract(
        self, key: InstrumentKey, shares: Mapping[InstrumentKey, Instrument], book: ContractBook
    ) -> Instrument | None:
        """What a row says of a contract; None when there is no such row. Without an underlying it has no price."""
        row = self._rows.get(key)
        if row is None or not row["expiry"]:
            return None
        if key not in self._contracts:
            known = book.underlying(key[0], row["name"])
            source = self._share_of_name.get(row["name"]) or (known.source if known else None)
            price = shares[source].base_price if source and source in shares else _paise(row["strike"])
            self._contracts[key] = _contract(key, row, source, price)
        return self._contracts[key]

    def live(self, on: date) -> Iterator[Row]:
        """The rows that a market day still lists."""
        for row in self._rows.values():
            if not row["expiry"] or _date(row["expiry"]) >= on:
                yield row


def _check(path: Path, n: int, row: Any, columns: str) -> None:
    try:
        if not row.keys() >= _COLUMNS:
            raise ValueError(f"it has only {', '.join(row)}")
        if row["expiry"]:
            _date(row["expiry"])
        _paise(row["strike"])
        _paise(row["tick_size"])
        int(row["lotsize"])
    except (ValueError, TypeError, AttributeError, InvalidOperation) as e:
        raise BadInputError(_OPTION, f"{path} row {n + 1} is garbled ({e})", f"give objects with {columns}") from e


def _cash(segment: str, token: str, row: Row, has_contracts: bool) -> Instrument:
    index = row["instrumenttype"] == INDEX_TYPE
    base = invented_price(row["name"])
    return Instrument(
        segment,
        token,
        row["symbol"],
        row["name"],
        5 if index else max(1, _paise(row["tick_size"])),
        base * 100 if index else base,
        InstrumentKind.INDEX if index else InstrumentKind.EQUITY,
        int(row["lotsize"]),
        band_percent=NO_BAND if index else 10 if has_contracts else 20,
        freeze_quantity=int(row.get("freeze_qty") or 0),
        has_closing_auction=has_contracts and not index,
        instrument_type=row["instrumenttype"],
    )


def _contract(key: InstrumentKey, row: Row, source: InstrumentKey | None, price: int) -> Instrument:
    option_type = OptionType(row["symbol"][-2:]) if row["instrumenttype"].startswith("OPT") else None
    return Instrument(
        *key,
        row["symbol"],
        row["name"],
        max(1, _paise(row["tick_size"])),
        price,
        InstrumentKind.OPTION if option_type else InstrumentKind.FUTURE,
        int(row["lotsize"]),
        band_percent=NO_BAND if option_type else 10,
        freeze_quantity=int(row.get("freeze_qty") or 0),
        expiry=_date(row["expiry"]),
        strike=_paise(row["strike"]) if option_type else 0,
        option_type=option_type,
        underlying=source,
        instrument_type=row["instrumenttype"],
    )


def _paise(text: str) -> int:
    """Strikes and ticks of a scrip master are paise already, with six decimals."""
    return int(Decimal(text))


@lru_cache(maxsize=4096)
def _date(text: str) -> date:
    """`28JUL2026`."""
    if len(text) != 9 or text[2:5] not in MONTHS:
        raise ValueError(f"expiry {text!r} is not like 28JUL2026")
    return date(int(text[5:]), MONTHS.index(text[2:5]) + 1, int(text[:2]))
