"""Things that go on together until one of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def first_to_end(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until one returns or raises, then cancel the others; raises what that one raised."""
    tasks = [asyncio.create_task(one, name=getattr(one, "__qualname__", None)) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
