"""The frame source in place of the broker's market socket, as a process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually


@asynccontextmanager
async def frame_source(folder: Path, sandbox: SandboxProcess, ticks_per_second: float) -> AsyncIterator[str]:
    """Its URL. It has the sandbox's certificate, and keeps the sandbox's time."""
    clock = await sandbox.get("/sandbox/clock")
    ready_file = folder / "frame_source.json"
    ready_file.unlink(missing_ok=True)
    arguments = (ready_file, sandbox.ca_file.parent, ticks_per_second, clock["market_ms"] - clock["real_ms"])
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.frame_source", *map(str, arguments))

    async def url() -> str:
        return str(json.loads(ready_file.read_text())["url"]) if ready_file.exists() else ""

    try:
        yield await eventually(url, timeout=10, what="the frame source")
    finally:
        process.kill()
        await process.wait()
