"""All market sockets of the feed: what each carries, what happens when one cannot be used, what the broker refuses."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from engine_server.feed.inbox import FrameInbox
from engine_server.feed.market_socket import Refusal
from engine_server.feed.market_stream import MarketStream, Sessions
from engine_server.feed.placement import SOCKET_QUOTA, Instruments, Placement, place
from engine_server.feed.stream_requests import BAD_PAYLOAD
from tradewinds.instruments import Instrument, InstrumentKey
from tradewinds.telemetry import get_logger

log = get_logger("feed.sockets")

CANARY: Final[InstrumentKey] = "NSE:NIFTY 50"  # has a new value every second while its market is open
_GRACE_SECONDS: Final = 5.0  # a short loss moves nothing
_REFUSED_SECONDS: Final = 600.0
_SHOWN: Final = 10


class MarketSockets:
    """`placement` is what holds now; `on_change` is called with every new one, before the broker is told."""

    def __init__(
        self,
        count: int,
        url: str,
        tls: ssl.SSLContext,
        sessions: Sessions,
        inbox: FrameInbox,
        *,
        on_change: Callable[[Placement], None],
        on_connected: Callable[[], None],
        most: int = SOCKET_QUOTA,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_change = on_change
        self._on_connected = on_connected
        self._monotonic = monotonic
        self._wanted: Instruments = {}
        self._refused: dict[InstrumentKey, float] = {}
        self._quotas: list[int] = []
        self.canary: Instrument | None = None
        self.streams = [MarketStream(n, url, tls, sessions, inbox, self, most, monotonic) for n in range(count)]
        self.placement = Placement(tuple({} for _ in self.streams))

    def runs(self) -> Iterable[tuple[str, Coroutine[Any, Any, None]]]:
        """Named coroutines, one a socket, to run for ever."""
        return ((f"market socket {stream.number}", stream.run()) for stream in self.streams)

    def want(self, wanted: Instruments, canary: Instrument | None) -> None:
        """Stream these from now on, the first first; the canary goes on every socket besides."""
        self._wanted, self.canary = wanted, canary
        self._place_again()

    def look(self) -> None:
        """See whether what the sockets can carry has changed; call it every moment."""
        now = self._monotonic()
        expired = [key for key, until in self._refused.items() if until <= now]
        for key in expired:
            del self._refused[key]
        if expired or self._usable_quotas() != self._quotas:
            self._place_again()

    def stream_connected(self, number: int) -> None:
        """A socket has a connection: it can be used again."""
        self._on_connected()
        self.look()

    def stream_refused(self, number: int, refusal: Refusal) -> None:
        """The broker does not stream some instruments: they go elsewhere, to the rotation at last."""
        keys = [instrument.key for instrument in refusal.instruments]
        if refusal.code == BAD_PAYLOAD:
            self._refused.update(dict.fromkeys(keys, self._monotonic() + _REFUSED_SECONDS))
        log.warning("refused", socket=number, code=refusal.code, count=len(keys), instruments=keys[:_SHOWN])
        self._place_again()

    def _place_again(self) -> None:
        self._quotas = self._usable_quotas()
        current = [socket.keys() for socket in self.placement.sockets]
        self.placement = place(self._wanted, self._quotas, current, self._refused.keys())
        if self.placement.rotated:
            log.warning_throttled(
                "over_the_quota", seconds=60, streamed=len(self.placement.streamed), rotated=len(self.placement.rotated)
            )
        self._on_change(self.placement)
        canary = {self.canary.key: self.canary} if self.canary is not None else {}
        for stream, instruments in zip(self.streams, self.placement.sockets, strict=True):
            stream.want({**canary, **instruments})

    def _usable_quotas(self) -> list[int]:
        """What each socket takes besides the canary. While none can be used, everything stays where it is."""
        now = self._monotonic()
        usable = [s.connected_at is not None or now - s.lost_at < _GRACE_SECONDS for s in self.streams]
        canaries = 0 if self.canary is None else 1
        nobody = not any(stream.connected_at is not None for stream in self.streams)
        return [
            max(0, stream.quota - canaries) if nobody or can_be_used else 0
            for stream, can_be_used in zip(self.streams, usable, strict=True)
        ]
