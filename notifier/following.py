"""One stream, whatever carries it (gRPC, SSE): an opening batch, then batches and heartbeats, then an end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

from notifier.realtime.outbox import Outbox
from notifier.realtime.replay import LiveStreams
from notifier.realtime.subscription import UNAUTHENTICATED, Batch, End, Sink, Subscription
from tradewinds import auth


class Stream:
    """One that is open: taken batch by batch, or poured into something that takes them by itself."""

    def __init__(self, subscription: Subscription, heartbeat_seconds: float, outbox: Outbox, *, resumed: bool) -> None:
        self._subscription = subscription
        self.outbox = outbox
        self._heartbeat_seconds = heartbeat_seconds
        self._resumed = resumed
        self._begun = False
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        if self._over:
            raise StopAsyncIteration
        if not self._begun:
            self._begun = True
            return self._opening()
        batch = await self._subscription.take(self._heartbeat_seconds)
        self._over = batch.end is not None
        return batch

    async def pour(self, sink: Sink) -> None:
        """Until the end. Raises `ConnectionError` when nobody is there any more."""
        sink.write(self._opening())
        await self._subscription.pour(sink, self._heartbeat_seconds)

    @property
    def ended(self) -> End | None:
        """Why it is over, if we ended it."""
        return self._subscription.ended

    def _opening(self) -> Batch:
        # At once: it says whether to list, and that the stream is live.
        return Batch(cursor=self._subscription.cursor(), resync=not self._resumed)


class Following:
    """Opens streams and closes them; a stream does not outlive the token that it was opened with."""

    def __init__(self, live: LiveStreams, heartbeat_seconds: float) -> None:
        self._live = live
        self._heartbeat_seconds = heartbeat_seconds

    @asynccontextmanager
    async def stream(
        self, user_id: str, cursor: str, authorization: str, let_go: Callable[[], object]
    ) -> AsyncIterator[Stream]:
        """One stream, whose token was verified; `let_go` cuts the connection of a client that does not even read its stream's last word.
        Raises `InvalidArgumentError` for a bad cursor and `UnavailableError` when the server is stopping."""
        subscription, resumed = await self._live.follow(user_id, cursor)
        subscription.let_go = let_go
        lifetime = max(0.0, auth.expires_at(authorization).timestamp() - time.time())
        expiry = asyncio.get_running_loop().call_later(
            lifetime, subscription.end, UNAUTHENTICATED, "the token has expired; connect again with a new one"
        )
        try:
            yield Stream(subscription, self._heartbeat_seconds, self._live.outbox, resumed=resumed)
        finally:
            expiry.cancel()
            self._live.unfollow(subscription)
