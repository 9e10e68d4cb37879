"""The proxy itself: accepts clients, checks what they ask for, connects, hands over to the tunnel, and counts; raises fences and
cuts what is below them.
"""

from __future__ import annotations

import asyncio
import socket
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter as Counted
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
from prometheus_client import Counter, Gauge

from engine_server.egress.connect_request import (
    ConnectRequest,
    FenceRequest,
    Request,
    Target,
    TunnelRefusedError,
    read_request,
)
from engine_server.egress.fences import Fence, FenceAheadError, Fences
from engine_server.egress.tunnel import BUFFER_BYTES, TunnelBytes, relay, reset
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


_FENCED = Counter("tradewinds_egress_fenced_tunnels_total", "Tunnels that a fence cut", ["account"])


@dataclass(eq=False)
class _Tunnel:
    """One that stands or is being opened."""

    request: ConnectRequest
    passed: TunnelBytes
    ends: list[StreamWriter]

    def cut(self) -> None:
        """Nothing more of it leaves."""
        for end in self.ends:
            reset(end)


class EgressProxy:
    """Listens until `stop`. It sees only ciphertext; who pays for a tunnel is in its headers."""

    def __init__(self, allowed: frozenset[Target], fences: Fences) -> None:
        self._allowed = allowed
        self._fences = fences
        self._fencing = asyncio.Lock()
        self._tunnels: dict[asyncio.Task[None], _Tunnel] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._sources: dict[str, str] = {}  # by account: what its last tunnel was connected from

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
            if isinstance(request, ConnectRequest):
                await self._open_tunnel(request, reader, writer)
            elif isinstance(request, FenceRequest):
                await _answer(writer, *await self._raise_fence(request))
            else:
                await _answer(writer, HTTPStatus.OK, self._in_force())
        except TunnelRefusedError as e:
            _TUNNELS.labels("", str(int(e.status))).inc()
            log.warning_throttled("refused", status=int(e.status), why=e.text, peer=_peer(writer))
            await _refuse(writer, e)
        except (OSError, asyncio.IncompleteReadError) as e:
            log.debug("client.gone", error=repr(e))
        finally:
            writer.close()

    async def _read_request(self, reader: StreamReader) -> Request:
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
        if not self._fences.admits(request.account, request.epoch):
            raise TunnelRefusedError(HTTPStatus.FORBIDDEN, self._fences.why_not(request.account, request.epoch))
        target = str(request.target)
        passed = TunnelBytes(_BYTES.labels(target, "out").inc, _BYTES.labels(target, "back").inc)
        tunnel, task = _Tunnel(request, passed, [writer]), asyncio.current_task()
        if task is None:
            raise AssertionError("a tunnel is a task")
        self._tunnels[task] = tunnel  # before it connects: a fence that is raised meanwhile must find it
        try:
            upstream = await _connect(request.target)
            tunnel.ends.append(upstream[1])
            self._sources[request.account] = _source(upstream[1])
            await self._carry(tunnel, (reader, writer), upstream)
        finally:
            del self._tunnels[task]

    async def _carry(
        self, tunnel: _Tunnel, client: tuple[StreamReader, StreamWriter], upstream: tuple[StreamReader, StreamWriter]
    ) -> None:
        request, passed, target = tunnel.request, tunnel.passed, str(tunnel.request.target)
        who = {"target": target, "account_id": request.account, "epoch": request.epoch}
        log.debug("tunnel.opened", **who)
        _TUNNELS.labels(target, "200").inc()
        started = time.monotonic()
        try:
            with _OPEN.labels(target).track_inprogress():
                client[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await relay(client, upstream, passed)
        finally:
            upstream[1].close()
            seconds = round(time.monotonic() - started, 3)
            log.info("tunnel.closed", **who, bytes_out=passed.out, bytes_back=passed.back, seconds=seconds)

    async def _raise_fence(self, request: FenceRequest) -> tuple[HTTPStatus, object]:
        """Kept on the disk, then older tunnels are cut, then it is answered."""
        fence = Fence(request.epoch, request.owner)
        async with self._fencing:
            try:
                raised = await asyncio.to_thread(self._fences.raise_to, request.account, fence)
            except FenceAheadError as e:
                log.warning("fence.ahead", account_id=request.account, wanted=fence, in_force=e.fence)
                return HTTPStatus.CONFLICT, e.fence
            except OSError as e:
                log.error("fence.not_kept", account_id=request.account, error=repr(e))  # noqa: TRY400
                return HTTPStatus.SERVICE_UNAVAILABLE, {"error": f"the fence cannot be kept: {e}"}
            cut = await self._cut_below(request.account, request.epoch)
        bytes_out = sum(tunnel.passed.out for tunnel in cut)
        if raised:
            log.info("fence.raised", account_id=request.account, fence=fence, cut=len(cut), bytes_out=bytes_out)
        report = {"closed_tunnels": len(cut), "bytes_out": bytes_out}
        source = self._sources.get(request.account, "")
        return HTTPStatus.OK, {**msgspec.to_builtins(fence), **report, "source_address": source}

    async def _cut_below(self, account: str, epoch: int) -> list[_Tunnel]:
        """Every tunnel of another epoch, gone when this returns."""
        cut = {
            task: tunnel
            for task, tunnel in self._tunnels.items()
            if tunnel.request.account == account and tunnel.request.epoch != epoch
        }
        for task, tunnel in cut.items():
            tunnel.cut()
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        _FENCED.labels(account).inc(len(cut))
        return list(cut.values())

    def _in_force(self) -> object:
        """By account: epoch and owner of the fence, tunnels that stand."""
        standing = Counted(tunnel.request.account for tunnel in self._tunnels.values())
        return {
            account: {**msgspec.to_builtins(fence), "tunnels": standing[account]}
            for account, fence in self._fences.in_force.items()
        }


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


async def _answer(writer: StreamWriter, status: HTTPStatus, body: object) -> None:
    content = msgspec.json.encode(body)
    head = (
        f"HTTP/1.1 {int(status)} {status.phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode("ascii") + content)
    await writer.drain()


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


def _source(writer: StreamWriter) -> str:
    """Our own address of a connection."""
    return str(writer.get_extra_info("sockname")[0])


def _peer(writer: StreamWriter) -> str:
    peer = writer.get_extra_info("peername")
    return str(peer[0]) if peer else ""
