"""A market socket that costs next to nothing: frames made beforehand, stamped and sent in bursts of a millisecond.

`python -m bench.frame_source READY_FILE CERTIFICATE_FOLDER TICKS_PER_SECOND MARKET_MINUS_REAL_MS` plays the broker's socket for
whatever is subscribed, all connections together at that rate, so that a benchmark measures who reads and not who writes. `volume` of
a tick is when it was sent: microseconds since the epoch, real time.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from engine_server.feed.packets import SNAP_QUOTE
from tests.unit.feed.packet_builder import Level, packet
from tradewinds.service import write_json_atomically

_BURST_SECONDS: Final = 0.001
_PRICE: Final = 142_000
_PACKET_BYTES: Final = 379
_HEAD: Final = bytes((0x82, 126)) + _PACKET_BYTES.to_bytes(2, "big")  # an unmasked binary frame
_FRAME: Final = np.dtype(
    {
        "names": ["sequence", "exchange_ms", "last_price", "volume"],
        "formats": ["<i8"] * 4,
        "offsets": [len(_HEAD) + at for at in (27, 35, 43, 67)],
        "itemsize": len(_HEAD) + _PACKET_BYTES,
    }
)


@dataclass(eq=False)
class _Client(WSListener):
    """One connection: its frames, one an instrument, as rows of bytes."""

    clients: set[_Client]
    transport: WSTransport | None = None
    frames: npt.NDArray[np.uint8] | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.clients.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.clients.discard(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type != WSMsgType.TEXT:
            return
        text = frame.get_payload_as_bytes()
        if text == b"ping":
            transport.send(WSMsgType.TEXT, b"pong")
        else:
            self._subscribe(json.loads(text))

    def _subscribe(self, request: dict[str, Any]) -> None:
        """Unsubscribing is not for a benchmark."""
        made = [
            _HEAD + _packet(group["exchangeType"], int(token))
            for group in request["params"]["tokenList"]
            for token in group["tokens"]
        ]
        known = b"" if self.frames is None else self.frames.tobytes()
        self.frames = np.frombuffer(known + b"".join(made), np.uint8).reshape(-1, _FRAME.itemsize)


def _packet(exchange_type: int, token: int) -> bytes:
    bids, asks = [Level(_PRICE, 10)], [Level(_PRICE + 10, 20)]
    return packet(SNAP_QUOTE, exchange_type=exchange_type, token=token, close=_PRICE, bids=bids, asks=asks)


class FrameSource:
    """Sends to all clients alike, each instrument after the other."""

    def __init__(self, ticks_per_second: float, market_minus_real_ms: float) -> None:
        self._rate = ticks_per_second
        self._offset_ms = market_minus_real_ms
        self._owed = 0.0  # to each client
        self._sent = 0
        self.clients: set[_Client] = set()

    async def run(self) -> None:
        """Send what is due, for ever."""
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(_BURST_SECONDS)
            clients = [client for client in self.clients if client.frames is not None]
            elapsed, looked_at = time.monotonic() - looked_at, time.monotonic()
            self._owed += elapsed * self._rate / max(1, len(clients))
            count, self._owed = int(self._owed), self._owed % 1
            for client in clients:
                self._burst(client, count)
            self._sent += count

    def _burst(self, client: _Client, count: int) -> None:
        if client.frames is None or client.transport is None:
            raise AssertionError("it has subscribed")
        now_us, numbers = time.time_ns() // 1000, self._sent + np.arange(count)
        frames = client.frames[numbers % len(client.frames)]
        stamps = frames.view(_FRAME)[:, 0]
        stamps["sequence"], stamps["volume"] = numbers, now_us
        stamps["exchange_ms"] = now_us // 1000 + int(self._offset_ms)
        stamps["last_price"] = _PRICE + self._sent % 100
        client.transport.underlying_transport.write(frames.tobytes())


async def main(ready_file: str, certificates: str, ticks_per_second: str, market_minus_real_ms: str) -> None:
    """Serve until it is ended."""
    source = FrameSource(float(ticks_per_second), float(market_minus_real_ms))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(Path(certificates) / "server.pem", Path(certificates) / "server.key")

    def accept(_request: WSUpgradeRequest) -> WSListener:
        return _Client(source.clients)

    server = await ws_create_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    write_json_atomically(Path(ready_file), {"url": f"wss://127.0.0.1:{port}/smart-stream"})
    await source.run()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(*sys.argv[1:5]))
