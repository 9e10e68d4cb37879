"""`tradewinds status --watch` beside a fleet that is being broken, and whether what it says is so."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

import psutil

from tests.robustness.faults import Faults
from tests.robustness.fleet_rig import FleetRig
from tests.support.waiting import eventually

TRUE_WITHIN_SECONDS = 10.0


class StatusWatch:
    """Use it with `async with`; one process for the whole run, whatever happens to the engines that it asks."""

    def __init__(self, rig: FleetRig) -> None:
        self._rig = rig
        self._of_up = Faults(rig.up)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._seen: dict[str, Any] = {}
        self._looks = 0

    async def tells_the_truth(self) -> float:
        """Wait for a look that began after now and says what is so; after how many seconds."""
        began, looks = time.monotonic(), self._looks + 1  # the next one may have begun before

        def true() -> bool:
            assert self._looks > looks, f"{self._looks - looks} looks"
            assert "error" not in self._seen, self._seen
            self._compare_runners()
            for config in self._seen["strategy_configs"]:
                self._compare_strategy(config)
            return True

        await eventually(true, timeout=TRUE_WITHIN_SECONDS, interval=0.1, what="`status --watch` tells the truth")
        return time.monotonic() - began

    def _compare_runners(self) -> None:
        told = {runner["runner_id"] for runner in self._seen["runners"]}
        assert told == {"runner-0", *self._rig.runners}, told

    def _compare_strategy(self, config: dict[str, Any]) -> None:
        """The process that it names is there, and a child of the runner that it names."""
        assert config["state"] == "STRATEGY_STATE_RUNNING", config
        name, pid = config["runner_id"], int(config["process_id"])
        runner = self._of_up.pid(name) if name == "runner-0" else self._rig.runners[name].pid
        assert psutil.pid_exists(pid), f"{config['config_id']}: there is no process {pid}"
        assert runner in {parent.pid for parent in psutil.Process(pid).parents()}, f"{pid} is not of {name}"

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._seen = json.loads(line)
            self._looks += 1

    async def __aenter__(self) -> Self:
        command = ("-m", "tradewinds.cli", "status", "--watch", "--json", "--state-dir", str(self._rig.up.state_dir))
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=subprocess.PIPE, limit=1 << 24
        )
        self._reading = asyncio.create_task(self._read(), name="status --watch")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._reading is not None
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()
        await self._reading
