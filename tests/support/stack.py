"""A whole stack as a user starts it: `tradewinds up` in a temporary folder, on free ports."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import psutil

READY_SECONDS = 120.0
STOP_SECONDS = 40.0
# The broker's whole scrip master takes every start six seconds of a processor.
_SMALL_MASTER = {"SANDBOX_SCRIP_SIZE": "small", "SCRIP_MASTER_MINIMUM_ROWS": "10"}


class UpProcess:
    """`tradewinds up` with `arguments`. Use it with `async with`; `rest` is an HTTP client with the owner's token.

    `whole_master`: with a scrip master of real size, as a user has it.
    """

    def __init__(
        self,
        state_dir: Path,
        *arguments: str,
        environment: dict[str, str] | None = None,
        whole_master: bool = False,
    ) -> None:
        self.state_dir = state_dir
        self.ready_file = state_dir.parent / f"{state_dir.name}.ready.json"
        self.facts: dict[str, Any] = {}
        self.ready_after_seconds = 0.0
        self.output = ""
        self._arguments = arguments
        self._environment = {**({} if whole_master else _SMALL_MASTER), **(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._rest: httpx.AsyncClient | None = None

    @property
    def rest(self) -> httpx.AsyncClient:
        """Speaks REST to the gateway."""
        assert self._rest is not None, "the stack is not up"
        return self._rest

    async def start(self) -> None:
        """Start it and wait until its ready file is there; fails with its output when it ends instead."""
        self.ready_file.unlink(missing_ok=True)
        began = time.monotonic()
        self._process = await launch_up(
            "--state-dir",
            str(self.state_dir),
            "--rest-port",
            "0",
            "--ready-file",
            str(self.ready_file),
            *self._arguments,
            environment=self._environment,
        )
        while not self.ready_file.exists():
            if self._process.returncode is not None or time.monotonic() - began > READY_SECONDS:
                await self.stop()
                raise AssertionError(f"`tradewinds up` is not ready:\n{self.output}\n{self.logs()}")
            await asyncio.sleep(0.05)
        self.ready_after_seconds = time.monotonic() - began
        self.refresh()
        headers = {"authorization": f"Bearer {self.facts['token']}"}
        self._rest = httpx.AsyncClient(base_url=self.facts["rest"], headers=headers, timeout=20, trust_env=False)

    def refresh(self) -> dict[str, Any]:
        """Read the ready file again: pids change when a part was started again."""
        self.facts = json.loads(self.ready_file.read_text())
        return self.facts

    async def get(self, path: str, **parameters: str) -> dict[str, Any]:
        """GET as JSON; fails on any status but 200."""
        response = await self.rest.get(path, params=parameters)
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        document: dict[str, Any] = response.json()
        return document

    async def stop(self) -> int:
        """SIGTERM as Ctrl-C does, and wait; the exit code."""
        if self._rest is not None:
            await self._rest.aclose()
            self._rest = None
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                output, _ = await self._process.communicate()
        except TimeoutError:
            self._process.kill()
            output, _ = await self._process.communicate()
        self.output = output.decode(errors="replace")
        return int(self._process.returncode or 0)

    def logs(self, lines: int = 15) -> str:
        """The end of every log, for the message of a failing test."""
        parts = []
        for log in sorted((self.state_dir / "logs").glob("*.log")):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            parts.append(f"--- {log.name}\n{tail}")
        return "\n".join(parts)

    def leftovers(self) -> list[str]:
        """Processes that still have anything to do with this state folder."""
        marker = str(self.state_dir)
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "environ"]):
            words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
            if process.pid != os.getpid() and any(marker in word for word in words):
                found.append(f"{process.pid} {' '.join(process.info['cmdline'] or [])[:120]}")
        return found

    async def __aenter__(self) -> UpProcess:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.stop()


async def launch_up(*arguments: str, environment: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    """`tradewinds up ARGUMENTS…`, output captured together."""
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tradewinds.cli",
        "up",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**kept, **(environment or {})},
        start_new_session=True,
    )
