"""What both sockets have in common: the door, the lines, pings, idle clients, goodbyes and the record of it all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from sandbox.faults.register import Faults
from sandbox.sockets.handshake import CLOSE_SECONDS, Admission, transport_of
from sandbox.sockets.line import Line
from sandbox.sockets.outbox import PONG, TEXT, Outbox
from sandbox.truth import TruthLog

_LOOK_FOR_IDLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HubParts:
    """What a hub is built from. A client from which nothing came for `idle_seconds` is cut off; 0 = never."""

    admission: Admission
    truth: TruthLog
    faults: Faults
    idle_seconds: float
    seed: int
    monotonic: Callable[[], float] = time.monotonic


class SocketHub:
    """All lines of one socket. Its heirs say what is heard on a line and what happens when one opens or closes."""

    stream: str
    capacity: int
    drops_oldest: bool

    def __init__(self, parts: HubParts) -> None:
        self._parts = parts
        self._faults = parts.faults
        self._truth = parts.truth
        self._rng = random.Random(f"{parts.seed}:{self.stream}")
        self._lines: dict[int, Line] = {}
        self._ghosts: list[float] = []
        self._next_id = 1
        self._look_for_idle_at = 0.0

    @property
    def connections(self) -> int:
        """Lines that count, those included whose client has gone without the broker having noticed (ws_half_open)."""
        now = self._parts.monotonic()
        self._ghosts = [until for until in self._ghosts if until > now]
        return len(self._lines) + len(self._ghosts)

    @property
    def lines(self) -> Iterable[Line]:
        return list(self._lines.values())

    def flush(self) -> None:
        """Send what waits; called after every batch of ticks and at least every 50 ms."""
        for line in self.lines:
            line.flush()
        if self._parts.idle_seconds and self._parts.monotonic() >= self._look_for_idle_at:
            self._cut_idle()

    def line_summary(self, line: Line) -> dict[str, Any]:
        """One line, for `GET /sandbox/state`."""
        return {
            "client_ip": line.client_ip,
            "waiting": line.outbox.waiting,
            "dropped": line.outbox.dropped,
            "mute": line.is_mute,
            "silent_seconds": round(self._parts.monotonic() - line.heard_at, 3),
        }

    async def close(self) -> None:
        """Say goodbye to everybody, at once: who does not answer is waited for."""
        await asyncio.gather(*(line.socket.close(code=WSCloseCode.GOING_AWAY) for line in self.lines))

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The route handler: handshake, then what the client says until it leaves."""
        refusal = self._parts.admission.refusal(request, self.connections)
        if refusal is not None:
            self._record("refused", client_ip=request.remote, status=refusal.status)
            return refusal
        line = await self._open(request)
        try:
            async for message in line.socket:
                self._take(line, message)
        finally:
            self._leave(line)
        return line.socket

    def opened(self, line: Line) -> None:
        """A client has come."""

    def heard(self, line: Line, text: str) -> None:
        """A client has said something other than ping."""

    def pinged(self, line: Line) -> None:
        """A protocol ping has been answered."""

    def closed(self, line: Line) -> None:
        """A client has left."""

    def _record(self, event: str, **facts: Any) -> None:
        self._truth.append("socket", stream=self.stream, event=event, **facts)

    async def _open(self, request: web.Request) -> Line:
        line_id, self._next_id = self._next_id, self._next_id + 1
        socket = web.WebSocketResponse(compress=False, timeout=CLOSE_SECONDS, autoping=False)
        await socket.prepare(request)
        outbox = Outbox(transport_of(request), self.capacity, on_full=lambda: self.drops_oldest)
        now = self._parts.monotonic
        line = Line(
            line_id, self.stream, socket, outbox, request.remote or "", self._faults, self._rng, now, heard_at=now()
        )
        self._lines[line_id] = line
        self._record("opened", client_ip=request.remote, id=line_id)
        self.opened(line)
        outbox.flush()
        return line

    def _take(self, line: Line, message: WSMessage) -> None:
        line.heard_at = self._parts.monotonic()
        if message.type is WSMsgType.PING:
            line.answer(PONG, bytes(message.data))
            self.pinged(line)
        elif message.type is WSMsgType.TEXT and message.data == "ping":
            line.answer(TEXT, b"pong")
        elif message.type is WSMsgType.TEXT and not line.is_mute:
            self.heard(line, message.data)
        line.outbox.flush()

    def _leave(self, line: Line) -> None:
        del self._lines[line.line_id]
        if line.ghost_seconds:
            self._ghosts.append(self._parts.monotonic() + line.ghost_seconds)
        self.closed(line)
        self._record("closed", id=line.line_id, dropped=line.outbox.dropped)

    def _cut_idle(self) -> None:
        now = self._parts.monotonic()
        self._look_for_idle_at = now + _LOOK_FOR_IDLE_SECONDS
        for line in self.lines:
            if now - line.heard_at > self._parts.idle_seconds:
                self._record("idle", id=line.line_id, silent_seconds=round(now - line.heard_at, 1))
                line.outbox.cut()
