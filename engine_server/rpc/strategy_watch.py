"""Following strategies: all of them, then what has changed, a beat when nothing does, and the end in-band."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from engine_server.fleet import configs
from engine_server.rpc.strategy_messages import config_message
from tradewinds.database.session import Database
from tradewinds.v1 import common_pb2
from tradewinds.v1 import strategy_manager_pb2 as pb

HEARTBEAT_SECONDS: Final = 15.0
# Several changes of one strategy within so short a time are one response.
_GATHER_SECONDS: Final = 0.05
_PAGE: Final = 500


class _Follower:
    """Who changed since one stream was last served; None: anybody may have."""

    def __init__(self) -> None:
        self.changed: set[str] | None = None
        self.woken = asyncio.Event()
        self.woken.set()

    def note(self, config_id: str | None) -> None:
        if config_id is None:
            self.changed = None
        elif self.changed is not None:
            self.changed.add(config_id)
        self.woken.set()

    def take(self) -> set[str] | None:
        self.woken.clear()
        changed, self.changed = self.changed, set()
        return changed


class StrategyWatch:
    """One for all streams of an engine; `start` it when the database is connected."""

    def __init__(
        self, database: Database, stopping: asyncio.Event, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._database = database
        self._stopping = stopping
        self._heartbeat_seconds = heartbeat_seconds
        self._followers: set[_Follower] = set()

    async def start(self) -> None:
        """Hear of changes, whichever engine makes them."""
        await self._database.listen("strategy_configs", self._heard)

    async def follow(self, user_id: str | None) -> AsyncIterator[pb.WatchStrategiesResponse]:
        """Responses until the process stops; `user_id` None sees everybody's."""
        follower, shown = _Follower(), set[str]()
        self._followers.add(follower)
        try:
            while not self._stopping.is_set():
                if not follower.woken.is_set():
                    yield pb.WatchStrategiesResponse()
                else:
                    async for response in self._changes(follower.take(), user_id, shown):
                        yield response
                await self._wait(follower)
        finally:
            self._followers.discard(follower)
        end = common_pb2.WatchEnd(reason="SERVER_STOPPING", message="the engine stops; watch again")
        yield pb.WatchStrategiesResponse(end=end)

    async def _changes(
        self, changed: set[str] | None, user_id: str | None, shown: set[str]
    ) -> AsyncIterator[pb.WatchStrategiesResponse]:
        after: tuple[object, str] | None = None
        found: set[str] = set()
        while True:
            async with self._database.session() as session:
                ids = None if changed is None else sorted(changed)
                rows = await configs.list_page(session, user_id, after, _PAGE, only=ids)
            found |= {row.config_id for row in rows}
            is_last = len(rows) < _PAGE
            gone = sorted((shown if changed is None else shown & changed) - found) if is_last else []
            yield pb.WatchStrategiesResponse(
                strategy_configs=[config_message(row, {}) for row in rows], deleted_config_ids=gone
            )
            shown.difference_update(gone)
            if is_last:
                break
            after = (rows[-1].created_at, rows[-1].config_id)
        shown |= found

    async def _wait(self, follower: _Follower) -> None:
        woken, stopping = asyncio.ensure_future(follower.woken.wait()), asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({woken, stopping}, timeout=self._heartbeat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if woken.done():
                await asyncio.sleep(_GATHER_SECONDS)
        finally:
            woken.cancel()
            stopping.cancel()

    async def _heard(self, config_id: str | None) -> None:
        for follower in self._followers:
            follower.note(config_id)
