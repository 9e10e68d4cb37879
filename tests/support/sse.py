"""A client of server-sent events, as a browser's EventSource reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Event:
    """One dispatched event; `last_event_id` is what a browser would resume with."""

    name: str
    data: Any
    last_event_id: str


class EventStream:
    """Events in order; `last_event_id` follows ids of comments too."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.last_event_id = ""
        self.comments = 0

    async def next(self, timeout: float = 5.0) -> Event:
        """The next event; `StopAsyncIteration` at the end of the stream."""
        async with asyncio.timeout(timeout):
            name, data = "message", ""
            while True:
                line = await anext(self._lines)
                field, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if line.startswith(":"):
                    self.comments += 1
                elif field == "id":
                    self.last_event_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data += value
                elif not line and data:
                    return Event(name, json.loads(data), self.last_event_id)
                elif not line:
                    name = "message"

    async def comment(self, timeout: float = 5.0) -> None:
        """Wait for the next comment."""
        async with asyncio.timeout(timeout):
            while True:
                line = await anext(self._lines)
                if line.startswith("id:"):
                    self.last_event_id = line.removeprefix("id:").strip()
                if line.startswith(":"):
                    self.comments += 1
                    return


@asynccontextmanager
async def event_stream(
    base_url: str, headers: Mapping[str, str], *, last_event_id: str = "", in_query: bool = False
) -> AsyncIterator[EventStream]:
    """Open /v1/notifications/stream and wait until it is live."""
    path, wanted = "/v1/notifications/stream", dict(headers)
    if last_event_id and in_query:
        path += f"?last_event_id={last_event_id}"
    elif last_event_id:
        wanted["last-event-id"] = last_event_id
    async with (
        httpx.AsyncClient(base_url=base_url, timeout=httpx.Timeout(10, read=None)) as client,
        client.stream("GET", path, headers=wanted) as response,
    ):
        yield EventStream(response)
