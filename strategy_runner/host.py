"""Starts processes for strategies, through the fork server, and learns of their end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from strategy_runner.fork_server import ChildExited, ChildSpawned, SpawnChild
from tradewinds.telemetry import get_logger

log = get_logger("host")

_BOOT: Final = (
    # The environment is cleared once numpy has seen this: its threads would make the fork server one that must not fork.
    "import json, os, sys; os.environ['OPENBLAS_NUM_THREADS'] = '1'; sys.path[:] = json.loads(sys.argv[2]); "
    "from strategy_runner import fork_server; fork_server.main(int(sys.argv[1]))"
)
_MAX_MESSAGE_BYTES: Final = 4096
_LONGEST_STDERR_BYTES: Final = 8192
_STDERR_PIECES: Final = 50
_STDERR_WINDOW_SECONDS: Final = 10.0
_SPAWN_SECONDS: Final = 30.0  # the first spawn waits for the fork server's imports
_PIPE_LIMIT_BYTES: Final = 1024 * 1024

_events: Final = msgspec.msgpack.Decoder(ChildSpawned | ChildExited)
_encoder: Final = msgspec.msgpack.Encoder()


class HostError(Exception):
    """The fork server is gone or does not answer: no strategy can be started."""


class ChildProcess:
    """A process at the other end of a pipe; `exited` resolves to its exit code, negative for a signal."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.reader = reader
        self.writer = writer
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def interrupt(self) -> None:
        """Ask the worker to give its callback up: an exception where it is (see `worker.py`)."""
        if not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        """SIGKILL to it and whatever it started; nothing when it has ended."""
        if self.exited.done():
            return
        # Its group is its own from its first moments on; before that, the process itself.
        for send in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError):
                send(self.pid, signal.SIGKILL)
                return


class ProcessHost:
    """Owns the fork server. Start it before anything else of the runner: it must inherit nothing."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._server: asyncio.subprocess.Process | None = None
        self._spawning: dict[int, asyncio.Future[int]] = {}
        self._children: dict[int, ChildProcess] = {}
        self._early_exits: dict[int, int] = {}
        self._requests = 0
        self._closing = False
        self._stderr = -1

    async def start(self) -> None:
        """Start the fork server with an empty environment and one socket."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        paths = [str(Path(entry or ".").resolve()) for entry in sys.path]
        # A pipe made here: uvloop's own `stderr=PIPE` is a socketpair, and a strategy's process is to hold no socket.
        read_end, write_end = os.pipe()
        self._stderr = read_end
        with theirs, os.fdopen(write_end, "wb") as stderr:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                _BOOT,
                str(theirs.fileno()),
                json.dumps(paths),
                env={},
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
            )
        ours.setblocking(False)
        self._control = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._take_events)

    async def watch(self) -> None:
        """Log what the fork server and dying interpreters write; raises `HostError` when the server ends unasked."""
        assert self._server is not None  # noqa: S101 - start() comes first
        chunks = asyncio.StreamReader()
        with os.fdopen(self._stderr, "rb") as source:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(chunks), source
            )
            try:
                await _log_pieces(chunks)
            finally:
                transport.close()
        code = await self._server.wait()
        if not self._closing:
            raise HostError(
                f"the fork server ended with exit code {code}; the runner cannot start strategies without it"
            )

    async def spawn(self, title: str) -> ChildProcess:
        """A new process with a pipe; raises `HostError`."""
        if self._control is None:
            raise HostError("the fork server is not running")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._requests += 1
        number = self._requests
        spawned = self._spawning[number] = asyncio.get_running_loop().create_future()
        try:
            with theirs:
                request = _encoder.encode(SpawnChild(number, title))
                socket.send_fds(self._control, [request], [theirs.fileno()])
            pid = await asyncio.wait_for(spawned, _SPAWN_SECONDS)
        except (OSError, TimeoutError) as e:
            ours.close()
            raise HostError(f"the fork server does not answer ({e!r})") from e
        except BaseException:
            ours.close()
            raise
        finally:
            self._spawning.pop(number, None)
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_PIPE_LIMIT_BYTES)
        return self._adopt(ChildProcess(pid, reader, writer))

    def _adopt(self, child: ChildProcess) -> ChildProcess:
        if child.pid in self._early_exits:
            child.exited.set_result(self._early_exits.pop(child.pid))
        else:
            self._children[child.pid] = child
        return child

    async def close(self) -> None:
        """End the fork server, and with it every process that is left."""
        self._closing = True
        self._drop_control()
        if self._server is not None:
            await self._server.wait()

    def _take_events(self) -> None:
        assert self._control is not None  # noqa: S101 - the reader is removed with it
        while True:
            try:
                message = self._control.recv(_MAX_MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._drop_control()
                return
            self._take_event(_events.decode(message))

    def _take_event(self, event: ChildSpawned | ChildExited) -> None:
        if isinstance(event, ChildSpawned):
            waiting = self._spawning.get(event.request)
            if waiting is not None and not waiting.done():
                waiting.set_result(event.pid)
            return
        child = self._children.pop(event.pid, None)
        if child is None:
            self._early_exits[event.pid] = event.status
        elif not child.exited.done():
            child.exited.set_result(event.status)

    def _drop_control(self) -> None:
        control, self._control = self._control, None
        if control is not None:
            asyncio.get_running_loop().remove_reader(control.fileno())
            control.close()
        for child in self._children.values():
            if not child.exited.done():
                child.exited.set_result(-signal.SIGKILL)  # the kernel does that when the fork server dies
        self._children.clear()
        for waiting in self._spawning.values():
            if not waiting.done():
                waiting.set_exception(HostError("the fork server has ended"))


async def _log_pieces(chunks: asyncio.StreamReader) -> None:
    """By the piece, not by the line, and so many: a strategy can write here too, as fast as it likes and lines without an end."""
    window, pieces = 0, 0
    while chunk := await chunks.read(_LONGEST_STDERR_BYTES):
        now = int(time.monotonic() / _STDERR_WINDOW_SECONDS)
        window, pieces = now, pieces + 1 if now == window else 1
        if pieces <= _STDERR_PIECES:
            log.warning("stderr", text=chunk.decode("utf-8", "replace").rstrip())
        else:
            log.warning_throttled("stderr.dropped", pieces=pieces)
