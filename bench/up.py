"""`tradewinds up` on an installed machine, in a new state folder: from the command to the sample strategy running.

Beside it the ceiling: a new PostgreSQL alone, and then the engine's modules imported by one process alone. The stack does
that and starts eight more processes meanwhile.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.result import Result
from tests.support.stack import UpProcess
from tradewinds.embedded.postgres import EmbeddedPostgres

_STARTS = 2


async def run() -> list[Result]:
    """Seconds until ready, median of the starts."""
    with _folder() as folder:
        ceiling = await _ceiling(folder)
        taken = [await _started(UpProcess(folder / f"state-{n}", whole_master=True)) for n in range(_STARTS)]
    return [Result("up.ready", statistics.median(taken), "s", "< 20", ceiling)]


@contextmanager
def _folder() -> Iterator[Path]:
    # On a disk, where people have it.
    with tempfile.TemporaryDirectory(prefix="tradewinds-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database may run as another user
        yield folder


async def _started(stack: UpProcess) -> float:
    async with stack:
        return stack.ready_after_seconds


async def _ceiling(folder: Path) -> float:
    started = time.perf_counter()
    async with EmbeddedPostgres(folder / "postgres-alone"):
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import engine_server.engine")
        assert await process.wait() == 0
        return time.perf_counter() - started
