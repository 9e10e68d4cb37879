"""A scrip master as it travels between processes and is kept: what is known of it as a whole, and its columns as they are in memory.

So a process that takes one over makes no object a row: 150,000 rows are read in some milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from engine_server.instruments.coded import Coded, Numbers, code_type, pairs
from engine_server.instruments.table import Columns, InstrumentTable

ValueT = TypeVar("ValueT", str, int, bool, Decimal, Decimal | None, date | None)
_SORTED_BY: Final = np.dtype(np.int32)


class MasterHead(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a whole scrip master. `categories`: `exchange|kind|underlying` -> how many instruments."""

    version: str
    rows: int
    categories: dict[str, int]
    skipped: dict[str, int] = {}


class _Texts(msgspec.Struct, array_like=True, frozen=True):
    width: int
    texts: bytes


class _Coded(msgspec.Struct, Generic[ValueT], array_like=True, frozen=True):
    values: list[ValueT]
    codes: bytes


class _Columns(msgspec.Struct, array_like=True, frozen=True):
    """In the order of `Columns`."""

    exchange: _Coded[str]
    symbol: _Texts
    token: _Texts
    name: _Coded[str]
    kind: _Coded[str]
    lot_size: _Coded[int]
    tick_size: _Coded[Decimal]
    instrument_type: _Coded[str]
    expiry: _Coded[date | None]
    strike: _Coded[Decimal | None]
    option_type: _Coded[str]
    freeze_quantity: _Coded[int]
    has_closing_auction: _Coded[bool]


class _Packed(msgspec.Struct, frozen=True):
    head: MasterHead
    columns: _Columns
    symbol_order: bytes


_decode = msgspec.msgpack.Decoder(_Packed).decode


def head_of(version: str, table: InstrumentTable, skipped: Mapping[str, int]) -> MasterHead:
    """The head of a scrip master that was read."""
    return MasterHead(version=version, rows=len(table), categories=_categories(table), skipped=dict(skipped))


def _categories(table: InstrumentTable) -> dict[str, int]:
    """How many there are of each `NFO|OPT|NIFTY`; cash instruments have no underlying: `NSE|EQ|`."""
    columns = table.columns
    sorts, is_contract = pairs(columns.exchange, columns.kind), columns.expiry.where(lambda expiry: expiry is not None)
    names = columns.name.only(is_contract, "")
    both = sorts.codes.astype(np.int64) * len(names.values) + names.codes
    categories: Counter[str] = Counter()
    for code, count in zip(*(found.tolist() for found in np.unique(both, return_counts=True)), strict=True):
        sort, name = divmod(code, len(names.values))
        categories["|".join((*sorts.values[sort], names.values[name]))] += count
    return dict(categories)


def pack(head: MasterHead, table: InstrumentTable) -> bytes:
    """As msgpack."""
    columns: list[Any] = [_packed(getattr(table.columns, field.name)) for field in fields(Columns)]
    return msgspec.msgpack.encode(_Packed(head, _Columns(*columns), table.symbol_order.tobytes()))


def unpack(content: bytes) -> tuple[MasterHead, InstrumentTable]:
    """What `pack` made. Raises `msgspec.DecodeError` for anything else."""
    packed = _decode(content)
    order: Numbers = np.frombuffer(packed.symbol_order, _SORTED_BY)
    columns: list[Any] = [_unpacked(getattr(packed.columns, field.name)) for field in fields(Columns)]
    lengths = {len(column) for column in columns} | {len(order)}
    if lengths != {packed.head.rows}:
        raise msgspec.DecodeError(f"a packed scrip master of {packed.head.rows} rows has columns of {sorted(lengths)}")
    return packed.head, InstrumentTable(Columns(*columns), order)


def _packed(column: Any) -> _Coded[Any] | _Texts:
    if isinstance(column, Coded):
        return _Coded(list(column.values), column.codes.tobytes())
    return _Texts(column.itemsize, column.tobytes())


def _unpacked(column: _Coded[Any] | _Texts) -> Coded[Any] | npt.NDArray[np.bytes_]:
    """Arrays over the bytes that were read: nothing is copied."""
    if isinstance(column, _Coded):
        return Coded(column.values, np.frombuffer(column.codes, code_type(len(column.values))))
    return np.frombuffer(column.texts, f"S{column.width}")
