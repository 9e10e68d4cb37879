"""The daily instrument list: made in a thread at the start, or when it is first asked for on another day, and kept for the day."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable
from datetime import date

from sandbox.listing.layout import ScripLayout, ScripSize
from sandbox.listing.listing import MarketListing
from sandbox.listing.rows import blocks

_LEVEL, _GZIP_WINDOW = 3, 31


class ScripMaster:
    """One UTF-8 JSON array of some 160,000 objects. Only its gzipped form is kept: it is twenty times smaller."""

    def __init__(self, listing_of: Callable[[date], MarketListing], layout: ScripLayout, size: ScripSize) -> None:
        self._listing_of = listing_of
        self._layout = layout
        self._size = size
        self._making = asyncio.Lock()
        self._made: tuple[date, bytes] | None = None

    async def gzipped(self, on: date) -> bytes:
        """The list of a market day."""
        async with self._making:
            if self._made is None or self._made[0] != on:
                self._made = on, await asyncio.to_thread(compressed, self._listing_of(on), on, self._layout, self._size)
            return self._made[1]

    async def plain(self, on: date) -> bytes:
        """The same for who does not accept gzip."""
        return await asyncio.to_thread(gzip.decompress, await self.gzipped(on))


def compressed(listing: MarketListing, on: date, layout: ScripLayout, size: ScripSize = ScripSize.FULL) -> bytes:
    """The gzipped array. Compressing lets other threads run, so making it block by block keeps the event loop going."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    parts, separator = [packer.compress(b"[")], ""
    for block in blocks(listing, on, layout, size):
        parts.append(packer.compress((separator + block).encode()))
        separator = ","
    parts.append(packer.compress(b"]"))
    return b"".join((*parts, packer.flush()))
