"""`/smart-stream`: one binary frame per (token, mode) and tick, to subscribers only."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sandbox.faults.names import FaultName
from sandbox.market import Quote
from sandbox.sockets.hub import HubParts, SocketHub
from sandbox.sockets.line import Line
from sandbox.sockets.outbox import BINARY, TEXT, frame
from sandbox.sockets.packets import PACKET_OF_MODE, leapt, not_a_number
from sandbox.sockets.subscriptions import BadStreamRequestError, Subscriptions, Wanted, read_stream_request
from sandbox.universe import InstrumentKey


class MarketStream(SocketHub):
    """All subscribers of ticks. A reader too far behind loses its oldest: at 5,000 ticks a second after more than a second."""

    stream = "market"
    capacity = 8192
    drops_oldest = True

    def __init__(self, parts: HubParts) -> None:
        super().__init__(parts)
        self._subscriptions: dict[int, Subscriptions] = {}
        self._readers: dict[InstrumentKey, dict[int, dict[int, Line]]] = defaultdict(dict)
        self._dropped_before = 0
        self._silent_until: dict[InstrumentKey, float] = {}

    def on_quote(self, quote: Quote) -> None:
        """Encode a tick once per mode and put it into the outbox of everybody who wants it."""
        readers_of_mode = self._readers.get(quote.instrument.key)
        if not readers_of_mode or self._is_silent(quote.instrument.key):
            return
        name = ":".join(quote.instrument.key)
        spoilt = self._faults.take(FaultName.TICK_NAN, name) is not None
        if not spoilt and self._faults.take(FaultName.PRICE_ABSURD, name):
            quote = leapt(quote)
        for mode, readers in readers_of_mode.items():
            packet = PACKET_OF_MODE[mode](quote)
            ready = frame(BINARY, not_a_number(packet) if spoilt else packet)
            for line in readers.values():
                line.push(ready)

    def wanted(self) -> set[InstrumentKey]:
        """What somebody listens to."""
        return {key for key, readers in self._readers.items() if readers}

    def summary(self) -> dict[str, Any]:
        """Connections with their subscriptions as `EXCHANGE:token/mode`, and ticks dropped so far."""
        return {
            "connections": [
                {
                    **self.line_summary(line),
                    "subscriptions": sorted(f"{k[0]}:{k[1]}/{mode}" for k, mode in self._pairs(line)),
                }
                for line in self.lines
            ],
            "dropped_ticks": self._dropped_before + sum(line.outbox.dropped for line in self.lines),
        }

    def opened(self, line: Line) -> None:
        self._subscriptions[line.line_id] = Subscriptions()

    def heard(self, line: Line, text: str) -> None:
        try:
            request = read_stream_request(text)
            added, removed = self._subscriptions[line.line_id].change(request)
        except BadStreamRequestError as e:
            line.answer(TEXT, e.frame.encode())
            self._record("bad_request", id=line.line_id, answer=str(e))
            return
        for key, mode in added:
            self._readers[key].setdefault(mode, {})[line.line_id] = line
        self._forget(line, removed)
        event = "subscribed" if request.subscribe else "unsubscribed"
        self._record(event, id=line.line_id, pairs=len(added or removed))

    def closed(self, line: Line) -> None:
        self._forget(line, self._pairs(line))
        del self._subscriptions[line.line_id]
        self._dropped_before += line.outbox.dropped

    def _pairs(self, line: Line) -> frozenset[Wanted]:
        return frozenset(self._subscriptions[line.line_id].pairs)

    def _forget(self, line: Line, pairs: frozenset[Wanted]) -> None:
        for key, mode in pairs:
            readers = self._readers[key]
            del readers[mode][line.line_id]
            if not readers[mode]:
                del readers[mode]

    def _is_silent(self, key: InstrumentKey) -> bool:
        """Whether this instrument's ticks are held back (fault `tick_gap`); the market itself goes on."""
        now = self._parts.monotonic
        if gap := self._faults.take(FaultName.TICK_GAP, ":".join(key)):
            self._silent_until[key] = now() + gap.delay_seconds
        if key not in self._silent_until:
            return False
        if now() < self._silent_until[key]:
            return True
        del self._silent_until[key]
        return False
