"""One of our services as a real process: started with an environment, ready when it says so, stopped by its pid."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

REPOSITORY = Path(__file__).parents[2]
# A machine that is busy with other tests takes ten times as long as one that is not.
_START_SECONDS = 120.0
_STOP_SECONDS = 15.0


class ServiceProcess:
    """`python -m MODULE`. `facts` is what it wrote to its READY_FILE. Use it with `async with`, or `start` and `stop`."""

    def __init__(self, module: str, environment: Mapping[str, str], folder: Path) -> None:
        self._module = module
        self.environment = environment
        self._ready_file = folder / f"{module}.ready.json"
        self._log_file = folder / f"{module}.log"
        self._process: asyncio.subprocess.Process | None = None
        self.facts: dict[str, Any] = {}

    async def start(self) -> None:
        """Start it and wait until it serves; fails with its log when it ends instead."""
        self._ready_file.unlink(missing_ok=True)
        environment = {**os.environ, **self.environment, "READY_FILE": str(self._ready_file)}
        with self._log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._module, cwd=REPOSITORY, env=environment, stderr=log
            )
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not self._ready_file.exists():
                    assert self._process.returncode is None, self.log()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"{self._module} is not ready after {_START_SECONDS:.0f} s:\n{self.log()}") from None
        except BaseException:
            await self.kill()
            raise
        self.facts = json.loads(self._ready_file.read_text())

    async def stop(self) -> int:
        """SIGTERM; its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL, as a crash does."""
        await self._end(signal.SIGKILL)

    async def ended(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return await self._end(None)

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Not after it has ended, by whatever."""
        return self._process is not None and self._process.returncode is None

    def log(self) -> str:
        """All that it has logged, over restarts."""
        return self._log_file.read_text(errors="replace")

    async def _end(self, number: signal.Signals | None) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if number is not None and process.returncode is None:
            process.send_signal(number)
        try:
            return await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
