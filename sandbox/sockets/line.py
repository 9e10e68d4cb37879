"""One open socket of a client: what goes out on it, and what a fault makes of that."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.faults.names import FaultName
from sandbox.faults.register import Faults
from sandbox.sockets.outbox import BINARY, CLOSE, Outbox, frame, payload_of

_HELD_SECONDS = 0.5
"""A frame that waits to be overtaken (ws_reorder) goes out after this long even if nothing comes to overtake it."""
_GOING_AWAY = (1001).to_bytes(2, "big")
_LOST_BYTES = 7
_MOST_LATE = 10_000


@dataclass(eq=False)
class Line:
    """`stream` is "market" or "orders", the names by which faults choose. `heard_at` is monotonic seconds."""

    line_id: int
    stream: str
    socket: web.WebSocketResponse
    outbox: Outbox
    client_ip: str
    faults: Faults
    rng: random.Random
    monotonic: Callable[[], float] = time.monotonic
    heard_at: float = 0.0
    is_mute: bool = False
    ghost_seconds: float = 0.0
    _late: list[tuple[float, bytes]] = field(default_factory=list)
    _overtaken: tuple[float, bytes] | None = None

    def push(self, ready: bytes) -> None:
        """Send a whole frame of news. Without a fault, that is all."""
        if self.is_mute:
            return
        waiting, self._overtaken = self._overtaken, None
        if self.faults.none_stands:
            self.outbox.push(ready)
        else:
            self._disturb(ready)
        if waiting is not None:
            self.outbox.push(waiting[1])

    def answer(self, opcode: int, payload: bytes) -> None:
        """Reply to the client (greeting, pong, error frame): only a mute line keeps that back."""
        if not self.is_mute:
            self.outbox.push(frame(opcode, payload))

    def flush(self) -> None:
        """Write what waits and what has become due."""
        if self._late or self._overtaken is not None:
            self._release(self.monotonic())
        self.outbox.flush()

    def _disturb(self, ready: bytes) -> None:
        if self._ends() or self._take(FaultName.WS_DROP):
            return
        if self._take(FaultName.WS_GARBAGE):
            self.outbox.push(frame(BINARY, self.rng.randbytes(64)))
        if self._take(FaultName.WS_WRONG_LENGTH):
            opcode, payload = payload_of(ready)
            ready = frame(opcode, payload[: max(1, len(payload) - _LOST_BYTES)])
        delay = self.faults.take(FaultName.WS_DELAY, self.stream)
        if delay and len(self._late) < _MOST_LATE:
            self._late.append((self.monotonic() + delay.delay_seconds, ready))
        elif self._take(FaultName.WS_REORDER):
            self._overtaken = (self.monotonic() + _HELD_SECONDS, ready)
        else:
            self.outbox.push(ready)
            if self._take(FaultName.WS_DUPLICATE):
                self.outbox.push(ready)

    def _ends(self) -> bool:
        """Whether the line ends here, openly or silently; the frame is lost then."""
        if half_open := self.faults.take(FaultName.WS_HALF_OPEN, self.stream):
            self.is_mute, self.ghost_seconds = True, half_open.delay_seconds
            return True
        if self._take(FaultName.WS_CLOSE):
            self.outbox.push(frame(CLOSE, _GOING_AWAY))
            self.outbox.hang_up()
            self.is_mute = True
            return True
        return False

    def _take(self, name: FaultName) -> bool:
        return self.faults.take(name, self.stream) is not None

    def _release(self, now: float) -> None:
        if self._overtaken is not None and self._overtaken[0] <= now:
            self.outbox.push(self._overtaken[1])
            self._overtaken = None
        for _, ready in sorted((late for late in self._late if late[0] <= now), key=lambda late: late[0]):
            self.outbox.push(ready)
        self._late = [late for late in self._late if late[0] > now]
