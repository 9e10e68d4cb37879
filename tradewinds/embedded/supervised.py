"""One process of the stack: started with its own environment, waited for until it says that it serves, started again
when it dies, stopped within bounds."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tradewinds.embedded.server_process import EmbeddedServerError, ServerProcess, StopStep

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.02
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_HEALTHY_SECONDS = 30.0  # alive for so long: the next death starts counting anew
# Variables of ours that a child may need; everything else of the caller's environment stays outside.
_PASSED_ON = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "SSL_CERT_FILE", "VIRTUAL_ENV")


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. `ready` says whether the facts in its READY_FILE, or the lack of any need for them, mean serving."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    stop_seconds: float = 10.0
    probe: Callable[[], Any] | None = field(default=None)  # awaited until it returns, for programs without READY_FILE


def python(*arguments: str) -> tuple[str, ...]:
    """A command that runs one of our modules with this interpreter."""
    return (sys.executable, *arguments)


class SupervisedProcess:
    """A process of the stack under supervision."""

    def __init__(self, spec: ProcessSpec, logs: Path, ready_dir: Path) -> None:
        self.spec = spec
        self.facts: dict[str, Any] = {}
        self._log_file = logs / f"{spec.name}.log"
        self._ready_file = ready_dir / f"{spec.name}.json"
        self._process: ServerProcess | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The pid of the process that runs now; 0 when none does."""
        return self._process.pid if self._process is not None and self._process.exit_code is None else 0

    async def start(self, told: Callable[[str, str], None]) -> None:
        """Start it and wait until it serves; then watch it. Raises `EmbeddedServerError` with the end of its log.

        `told(name, what)` hears of every death, and when it serves again.
        """
        process = await self._launch()
        self._watch = asyncio.create_task(self._supervise(process, told), name=f"watch {self.spec.name}")

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL after the bound."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._process is not None:
            await self._process.stop((StopStep(signal.SIGTERM, self.spec.stop_seconds),))

    async def _launch(self) -> ServerProcess:
        self._ready_file.unlink(missing_ok=True)
        inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment = {**inherited, **self.spec.environment, "READY_FILE": str(self._ready_file)}
        process = self._process = await ServerProcess.start(
            self.spec.command, log_file=self._log_file, death_signal=signal.SIGTERM, environment=environment
        )
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._until_ready(process)
        except TimeoutError as e:
            await process.stop(())
            raise EmbeddedServerError(
                f"{self.spec.name} did not serve within {_READY_SECONDS:.0f} s; the end of {self._log_file}:\n"
                f"{process.log_tail()}"
            ) from e
        return process

    async def _until_ready(self, process: ServerProcess) -> None:
        while not await self._is_ready():
            if process.exit_code is not None:
                raise EmbeddedServerError(
                    f"{self.spec.name} ended at its start with exit code {process.exit_code}; the end of "
                    f"{self._log_file}:\n{process.log_tail()}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _is_ready(self) -> bool:
        if self.spec.probe is not None:
            return bool(await self.spec.probe())
        if self._ready_file.exists():
            self.facts = json.loads(self._ready_file.read_text())
            return True
        return False

    async def _supervise(self, process: ServerProcess | None, told: Callable[[str, str], None]) -> None:
        """Crash-only: whoever dies is started again, soon the first time, then with growing pauses."""
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            if process is not None:
                began = loop.time()
                exit_code = await process.wait()
                if loop.time() - began > _HEALTHY_SECONDS:
                    pause = _FIRST_PAUSE_SECONDS
                told(self.spec.name, f"ended with exit code {exit_code}, starting it again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                process = await self._launch()
            except EmbeddedServerError:
                process = None  # its log says why; try again after the next pause
            else:
                told(self.spec.name, f"up again as process {process.pid}")
