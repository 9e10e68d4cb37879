"""A scrip master as it travels between processes and is kept: a head, and its rows in packed chunks.

Each part is compressed msgpack, so that a loop that serves ticks can take one chunk at a time: 150,000 rows decoded at once would hold
it up for a third of a second. In memory a row stays packed until somebody asks for it: 150,000 `Instrument`s are a hundred megabytes
where packed rows are forty.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncIterable, Iterator, Mapping
from typing import Any, Final, TypeVar, overload

import msgspec

from tradewinds.instruments import Instrument, InstrumentKey

T = TypeVar("T")
ROWS_PER_CHUNK: Final = 2_000
_LEVEL: Final = 1
_LENGTH_BYTES: Final = 4
_decode_row = msgspec.msgpack.Decoder(Instrument).decode
_decode_chunk = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode

Chunk = list[tuple[InstrumentKey, bytes]]


class MasterHead(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a whole scrip master. `categories`: `exchange|kind|underlying` -> how many instruments."""

    version: str
    rows_by_exchange: dict[str, int]
    categories: dict[str, int]
    skipped: dict[str, int] = {}

    @property
    def rows(self) -> int:
        """How many instruments."""
        return sum(self.rows_by_exchange.values())


class PackedInstruments(Mapping[InstrumentKey, Instrument]):
    """Instruments by key, each decoded when it is asked for."""

    def __init__(self, rows: Mapping[InstrumentKey, bytes] | None = None) -> None:
        self._rows: Mapping[InstrumentKey, bytes] = rows or {}

    @classmethod
    def of(cls, instruments: Mapping[InstrumentKey, Instrument]) -> PackedInstruments:
        """Packed from what is not."""
        return cls({key: msgspec.msgpack.encode(i) for key, i in instruments.items()})

    @property
    def rows(self) -> Mapping[InstrumentKey, bytes]:
        """The packed rows."""
        return self._rows

    def __getitem__(self, key: InstrumentKey) -> Instrument:
        return _decode_row(self._rows[key])

    @overload
    def get(self, key: InstrumentKey, /) -> Instrument | None: ...
    @overload
    def get(self, key: InstrumentKey, /, default: Instrument | T) -> Instrument | T: ...
    def get(self, key: InstrumentKey, /, default: Any = None) -> Any:
        """As a dict's, without the cost of a raised KeyError."""
        row = self._rows.get(key)
        return default if row is None else _decode_row(row)

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[InstrumentKey]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def head_of(version: str, instruments: Mapping[InstrumentKey, Instrument], skipped: Mapping[str, int]) -> MasterHead:
    """The head of a scrip master that was read."""
    exchanges: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    for i in instruments.values():
        exchanges[i.exchange] += 1
        categories[category(i)] += 1
    return MasterHead(version=version, rows_by_exchange=exchanges, categories=categories, skipped=dict(skipped))


def category(instrument: Instrument) -> str:
    """`NFO|OPT|NIFTY`; cash instruments have no underlying: `NSE|EQ|`."""
    underlying = instrument.name if instrument.expiry is not None else ""
    return f"{instrument.exchange}|{instrument.kind}|{underlying}"


def frames(head: MasterHead, instruments: Mapping[InstrumentKey, Instrument]) -> Iterator[bytes]:
    """The parts of a scrip master: the head, then chunks of rows, each with its length before it."""
    yield _framed(msgspec.msgpack.encode(head))
    chunk: Chunk = []
    for key, instrument in instruments.items():
        chunk.append((key, msgspec.msgpack.encode(instrument)))
        if len(chunk) == ROWS_PER_CHUNK:
            yield _framed(msgspec.msgpack.encode(chunk))
            chunk = []
    if chunk:
        yield _framed(msgspec.msgpack.encode(chunk))


def _framed(packed: bytes) -> bytes:
    compressed = zlib.compress(packed, _LEVEL)
    return len(compressed).to_bytes(_LENGTH_BYTES, "big") + compressed


def frame_length(prefix: bytes) -> int:
    """The length of the part behind these four bytes."""
    return int.from_bytes(prefix, "big")


def read_head(part: bytes) -> MasterHead:
    """Raises `zlib.error` and `msgspec.DecodeError`."""
    return msgspec.msgpack.decode(zlib.decompress(part), type=MasterHead)


def read_chunk(part: bytes) -> Chunk:
    """Raises `zlib.error` and `msgspec.DecodeError`."""
    return _decode_chunk(zlib.decompress(part))


async def unpacked(parts: AsyncIterable[bytes]) -> tuple[MasterHead, PackedInstruments]:
    """The scrip master of these parts, the head first; the loop serves others after every chunk."""
    head: MasterHead | None = None
    rows: dict[InstrumentKey, bytes] = {}
    async for part in parts:
        if head is None:
            head = read_head(part)
        else:
            rows.update(read_chunk(part))
        await asyncio.sleep(0)
    if head is None or head.rows != len(rows):
        raise ValueError(f"a packed scrip master of {head.rows if head else 'no'} rows has {len(rows)}")
    return head, PackedInstruments(rows)
