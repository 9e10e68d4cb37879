"""Faults by signal against the processes of a running stack, and how to see that the stack is well again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import redis.asyncio

from tests.support.stack import UpProcess
from tests.support.waiting import eventually

RESTART_SECONDS = 40.0  # a process imports for seconds where two cores do everything


class Faults:
    """Kills and freezes the parts of `stack`, by pid and never by name."""

    def __init__(self, stack: UpProcess) -> None:
        self._stack = stack
        self._pids: dict[str, int] = {}
        self._struck: set[str] = set()

    def bystanders_died(self) -> list[str]:
        """The parts that are another process than when this was last asked, though nobody here has killed them."""
        before, struck = self._pids, self._struck
        self._pids, self._struck = {name: self.pid(name) for name in self._stack.facts["processes"]}, set()
        return [name for name, pid in before.items() if name not in struck and pid != self._pids[name]]

    def pid(self, name: str) -> int:
        """The process that is `name` now; 0 while there is none."""
        ready = self._stack.state_dir / "ready" / f"{name}.json"
        if name in ("postgres", "valkey", "gateway"):  # write no ready file
            return int(self._stack.refresh()["processes"][name])
        try:
            return int(json.loads(ready.read_text())["pid"])
        except (FileNotFoundError, KeyError):
            return 0

    async def kill(self, name: str) -> float:
        """SIGKILL, and wait until another process serves under the name; after how many seconds."""
        before = self.pid(name)
        assert before, f"{name} is not running"
        began = time.monotonic()
        self.strike(name)

        async def another() -> bool:
            pid = self.pid(name)
            return pid not in (0, before) and psutil.pid_exists(pid)

        await eventually(another, timeout=RESTART_SECONDS, interval=0.05, what=f"{name} is started again")
        return time.monotonic() - began

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """SIGSTOP now, SIGCONT at the end of the block (also where it is killed meanwhile: a stopped process dies of SIGKILL)."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def strike(self, name: str) -> None:
        """SIGKILL, and wait for nothing."""
        self._struck.add(name)
        os.kill(self.pid(name), signal.SIGKILL)

    async def kill_strategy(self, config_id: str) -> None:
        """SIGKILL its process, and wait until another one runs."""
        before = await self.running(config_id)
        os.kill(int(before["process_id"]), signal.SIGKILL)

        async def another() -> bool:
            return bool((await self.running(config_id))["process_id"] != before["process_id"])

        await eventually(another, timeout=15, interval=0.05, what=f"another process of {config_id}")

    async def running(self, config_id: str) -> dict[str, Any]:
        """The config once it is RUNNING in a process."""

        async def ready() -> dict[str, Any] | None:
            config = await self._stack.get(f"/v1/strategy-configs/{config_id}")
            runs = config["state"] == "STRATEGY_STATE_RUNNING" and psutil.pid_exists(int(config["process_id"]) or -1)
            return config if runs else None

        config: dict[str, Any] | None = await eventually(
            ready, timeout=RESTART_SECONDS, interval=0.1, what=f"{config_id} is running"
        )
        assert config is not None
        return config

    async def empty_valkey(self) -> None:
        """FLUSHALL: everything in it is gone, and every connection stays."""
        async with redis.asyncio.Redis.from_url(self._stack.facts["redis_url"]) as client:
            await client.flushall()
