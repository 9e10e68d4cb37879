"""The proxy itself: accepts clients, checks what they ask for, connects, hands over to the tunnel, and counts."""

from __future__ import annotations

import asyncio
import socket
import time
from asyncio import StreamReader, StreamWriter
from http import HTTPStatus

from prometheus_client import Counter, Gauge

from engine_server.egress.connect_request import ConnectRequest, Target, TunnelRefusedError, read_request
from engine_server.egress.tunnel import BUFFER_BYTES, TunnelBytes, relay
from tradewinds.errors import ConfigurationError
from tradewinds.telemetry import get_logger

log = get_logger("egress")

_HEAD_SECONDS = 5.0
_CONNECT_SECONDS = 5.0
_MAX_CONNECTIONS = 512  # an engine keeps about ten per account open

_TUNNELS = Counter("tradewinds_egress_tunnels_total", "Tunnels asked for, by what became of them", ["target", "status"])
_OPEN = Gauge("tradewinds_egress_open_tunnels", "Tunnels that stand", ["target"])
_BYTES = Counter(
    "tradewinds_egress_bytes_total", "Bytes through tunnels: out to the broker, back", ["target", "direction"]
)


class EgressProxy:
    """Listens until `stop`. It sees only ciphertext; who pays for a tunnel is in its headers."""

    def __init__(self, allowed: frozenset[Target]) -> None:
        self._allowed = allowed
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> str:
        """Bind and serve; returns the address `host:port`. Raises `ConfigurationError` where the port is taken."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=BUFFER_BYTES)
        except OSError as e:
            raise ConfigurationError(f"EGRESS_PORT: {host}:{port} cannot be bound; is it in use? ({e})") from e
        return f"{host}:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Accept nobody any more and cut every tunnel; returns when all are gone."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="egress.client")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("client.failed", error=repr(error), exc_info=error)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            _watch_peer(writer)
            request = await self._read_request(reader)
            await self._open_tunnel(request, reader, writer)
        except TunnelRefusedError as e:
            _TUNNELS.labels("", str(int(e.status))).inc()
            log.warning_throttled("refused", status=int(e.status), why=e.text, peer=_peer(writer))
            await _refuse(writer, e)
        except (OSError, asyncio.IncompleteReadError) as e:
            log.debug("client.gone", error=repr(e))
        finally:
            writer.close()

    async def _read_request(self, reader: StreamReader) -> ConnectRequest:
        if len(self._tasks) > _MAX_CONNECTIONS:
            raise TunnelRefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"{_MAX_CONNECTIONS} connections are open already")
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError as e:
            raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, f"no whole request within {_HEAD_SECONDS:g} s") from e
        except asyncio.LimitOverrunError as e:
            raise TunnelRefusedError(HTTPStatus.BAD_REQUEST, "the request head has no end") from e
        return read_request(head, self._allowed)

    async def _open_tunnel(self, request: ConnectRequest, reader: StreamReader, writer: StreamWriter) -> None:
        target = str(request.target)
        upstream = await _connect(request.target)
        who = {"target": target, "account_id": request.account, "epoch": request.epoch}
        log.debug("tunnel.opened", **who)
        _TUNNELS.labels(target, "200").inc()
        started = time.monotonic()
        passed = TunnelBytes(_BYTES.labels(target, "out").inc, _BYTES.labels(target, "back").inc)
        try:
            with _OPEN.labels(target).track_inprogress():
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await relay((reader, writer), upstream, passed)
        finally:
            upstream[1].close()
            seconds = round(time.monotonic() - started, 3)
            log.info("tunnel.closed", **who, bytes_out=passed.out, bytes_back=passed.back, seconds=seconds)


async def _connect(target: Target) -> tuple[StreamReader, StreamWriter]:
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(target.host, target.port, limit=BUFFER_BYTES)
    except TimeoutError as e:
        raise TunnelRefusedError(
            HTTPStatus.BAD_GATEWAY, f"{target} did not accept a connection within {_CONNECT_SECONDS:g} s"
        ) from e
    except OSError as e:
        raise TunnelRefusedError(HTTPStatus.BAD_GATEWAY, f"{target} cannot be reached: {e.strerror or e}") from e
    _watch_peer(writer)
    return reader, writer


def _watch_peer(writer: StreamWriter) -> None:
    """A peer that vanished without a word is noticed within a minute, not in two hours."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


async def _refuse(writer: StreamWriter, refusal: TunnelRefusedError) -> None:
    """The reason is in the status line too: HTTP clients show nothing else of a failed CONNECT."""
    body = f"{refusal.text}\n".encode()
    head = (
        f"HTTP/1.1 {int(refusal.status)} {refusal.text}\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        writer.write(head.encode("latin-1", "replace") + body)
        await writer.drain()
    except OSError as e:
        log.debug("client.gone", error=repr(e))


def _peer(writer: StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else ""
