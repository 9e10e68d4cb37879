"""WatchQuotes: the watcher's stream as messages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Final

from engine_server.market.quote_watch import QuoteWatch
from engine_server.messages.market import quote_message
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import InstrumentKey
from tradewinds.v1 import common_pb2
from tradewinds.v1 import market_data_pb2 as pb

MAX_WATCHED: Final = 500
_DEFAULT_INTERVAL_MS, _SHORTEST_INTERVAL_MS, _LONGEST_INTERVAL_MS = 100, 20, 60_000


async def quote_stream(
    watch: QuoteWatch, keys: Sequence[InstrumentKey], interval_ms: int, clock: Clock
) -> AsyncIterator[pb.WatchQuotesResponse]:
    """Snapshot, changes, beats, and the end in-band. Raises `InvalidArgumentError` for an interval out of range."""
    if interval_ms and not _SHORTEST_INTERVAL_MS <= interval_ms <= _LONGEST_INTERVAL_MS:
        raise InvalidArgumentError.field(
            "interval_ms",
            f"give {_SHORTEST_INTERVAL_MS} to {_LONGEST_INTERVAL_MS}, or nothing for {_DEFAULT_INTERVAL_MS}",
        )
    number = 0
    async for changed in watch.follow(list(dict.fromkeys(keys)), (interval_ms or _DEFAULT_INTERVAL_MS) / 1000):
        number += 1
        quotes = [quote_message(key, quote.record, clock, stale=quote.stale) for key, quote in changed.items()]
        yield pb.WatchQuotesResponse(quotes=quotes, cursor=str(number), snapshot=number == 1)
    end = common_pb2.WatchEnd(reason="SERVER_STOPPING", message="the engine stops; watch again")
    yield pb.WatchQuotesResponse(cursor=str(number + 1), end=end)
