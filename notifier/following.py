"""One stream, whatever carries it (gRPC, SSE): an opening batch, then batches and heartbeats, then an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from notifier.realtime.replay import LiveStreams
from notifier.realtime.subscription import UNAUTHENTICATED, Batch, Subscription
from tradewinds import auth


class Following:
    """Opens streams and closes them; a stream does not outlive the token that it was opened with."""

    def __init__(self, live: LiveStreams, heartbeat_seconds: float) -> None:
        self._live = live
        self._heartbeat_seconds = heartbeat_seconds

    @asynccontextmanager
    async def stream(self, user_id: str, cursor: str, authorization: str) -> AsyncIterator[AsyncIterator[Batch]]:
        """The batches of one stream, whose token was verified. Raises `InvalidArgumentError` for a bad cursor and
        `UnavailableError` when the server is stopping."""
        subscription, resumed = await self._live.follow(user_id, cursor)
        lifetime = max(0.0, auth.expires_at(authorization).timestamp() - time.time())
        expiry = asyncio.get_running_loop().call_later(
            lifetime, subscription.end, UNAUTHENTICATED, "the token has expired; connect again with a new one"
        )
        try:
            async with aclosing(self._batches(subscription, resumed=resumed)) as batches:
                yield batches
        finally:
            expiry.cancel()
            self._live.unfollow(subscription)

    async def _batches(self, subscription: Subscription, *, resumed: bool) -> AsyncGenerator[Batch, None]:
        # At once: it says whether to list, and that the stream is live.
        yield Batch(cursor=subscription.cursor(), resync=not resumed)
        while True:
            batch = await subscription.take(self._heartbeat_seconds)
            yield batch
            if batch.end is not None:
                return
