"""A server that we run as our child: started through the tether, logging to a file, stopped within bounds."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tradewinds.errors import UnavailableError

_TETHER = Path(__file__).with_name("tether.py")
_LOG_ROTATE_BYTES = 16 * 1024 * 1024
_LOG_TAIL_BYTES = 2000


class EmbeddedServerError(UnavailableError):
    """A server of the embedded installation did not start."""


@dataclass(frozen=True)
class RunAs:
    """The operating system user that a server runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class StopStep:
    """One step of stopping: send `signal`, then wait up to `seconds`."""

    signal: signal.Signals
    seconds: float


class ServerProcess:
    """A running child. It is in a session of its own: Ctrl-C in the terminal reaches us, and we stop it in order."""

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path, log_start: int) -> None:
        self._process = process
        self._log_file = log_file
        self._log_start = log_start

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        log_file: Path,
        death_signal: signal.Signals,
        run_as: RunAs | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> ServerProcess:
        """Start `command` (an absolute path and arguments); stdout and stderr are appended to `log_file`.

        `environment` is all that it gets beyond a default PATH and the C locale.
        """
        uid, gid = (run_as.uid, run_as.gid) if run_as is not None else (-1, -1)
        tether = [sys.executable, "-I", "-S", str(_TETHER)]
        numbers = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
        _rotate(log_file)
        with log_file.open("ab") as log:
            log_start = log.tell()
            process = await asyncio.create_subprocess_exec(
                *tether,
                *numbers,
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
            )
        return cls(process, log_file, log_start)

    @property
    def pid(self) -> int:
        """The server's own pid: the tether becomes it by exec."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended; its exit code."""
        return await self._process.wait()

    async def stop(self, steps: Sequence[StopStep]) -> None:
        """Go through `steps` until it has ended, at last SIGKILL. Does nothing when it has ended already."""
        for step in (*steps, StopStep(signal.SIGKILL, 5.0)):
            if self.exit_code is not None:
                return
            self._process.send_signal(step.signal)
            try:
                await asyncio.wait_for(self._process.wait(), step.seconds)
            except TimeoutError:
                continue

    def log_tail(self) -> str:
        """The end of what this run has logged."""
        with self._log_file.open("rb") as log:
            log.seek(max(self._log_start, self._log_file.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()


def _rotate(log_file: Path) -> None:
    """Keep one older log, so that a state folder does not grow for ever."""
    if log_file.exists() and log_file.stat().st_size > _LOG_ROTATE_BYTES:
        log_file.replace(log_file.with_suffix(log_file.suffix + ".1"))
