"""The running process: ports, TLS, the trading floor, signals, the ready file."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from dataclasses import dataclass

from aiohttp import web

from sandbox.app import make_app
from sandbox.broker import Broker, Preparation
from sandbox.clock import trading_date
from sandbox.errors import BadInputError
from sandbox.settings import SandboxSettings
from sandbox.state_dir import write_atomically
from sandbox.tls import CA_FILE, server_context
from sandbox.trading_floor import TradingFloor

log = logging.getLogger("sandbox")
_SHUTDOWN_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """The two listening sockets, bound before anything is written."""

    plain: socket.socket
    tls: socket.socket


def bind(settings: SandboxSettings) -> Ports:
    """Take both ports. Raises BadInputError naming the one that cannot be had."""
    plain = _bound("--port", settings.host, settings.port)
    try:
        return Ports(plain, _bound("--tls-port", settings.host, settings.tls_port))
    except BadInputError:
        plain.close()
        raise


def _bound(option: str, host: str, port: int) -> socket.socket:
    try:
        socket.getaddrinfo(host, port)
    except (socket.gaierror, UnicodeError) as e:
        raise BadInputError("--host", f"{host!r} is no address ({e})", "use 127.0.0.1") from e
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as e:
        raise BadInputError(
            option,
            f"cannot listen on {host}:{port} ({os.strerror(e.errno or 0)})",
            "give a free port, or 0 for any free one",
        ) from e


async def serve(prepared: Preparation, ports: Ports) -> None:
    """Serve until SIGTERM or SIGINT. Raises what the trading floor dies of, should it die."""
    settings, folder = prepared.settings, prepared.state_dir.path
    broker = Broker(prepared)
    runner = web.AppRunner(make_app(broker), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    # Nobody has asked yet, but every client begins with it, and it takes a second or two.
    today = trading_date(broker.clock.now_ms())
    listing = asyncio.create_task(broker.scrip_master.gzipped(today), name="scrip-master")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await web.SockSite(runner, ports.plain).start()
        await web.SockSite(runner, ports.tls, ssl_context=server_context(folder, settings.host)).start()
        _announce(settings, ports)
        await _until_stopped(TradingFloor(broker), stop)
    finally:
        listing.cancel()
        if settings.ready_file is not None:
            settings.ready_file.unlink(missing_ok=True)
        await runner.cleanup()
        broker.close()


async def _until_stopped(floor: TradingFloor, stop: asyncio.Event) -> None:
    trading = asyncio.create_task(floor.run(), name="trading-floor")
    stopping = asyncio.create_task(stop.wait(), name="stop-signal")
    try:
        await asyncio.wait({trading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if trading.done():
            trading.result()
    finally:
        trading.cancel()
        stopping.cancel()
        await asyncio.gather(trading, stopping, return_exceptions=True)


def _announce(settings: SandboxSettings, ports: Ports) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    ready = {
        "http": f"http://{host}:{ports.plain.getsockname()[1]}",
        "https": f"https://{host}:{ports.tls.getsockname()[1]}",
        "ca_file": str((settings.state_dir / CA_FILE).absolute()),
        "pid": os.getpid(),
    }
    log.info("serving", extra={"facts": ready})
    if settings.ready_file is not None:
        write_atomically(settings.ready_file, json.dumps(ready).encode())
