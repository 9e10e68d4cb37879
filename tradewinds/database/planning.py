"""Statements that somebody waits for are planned before he does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

# plancache.c, choose_custom_plan: so often a prepared statement is planned anew, before one plan for all values may be kept.
_PLANNED_ANEW: Final = 5


async def settle_plan(run: Callable[[], Awaitable[object]]) -> None:
    """Run a statement that changes nothing until PostgreSQL keeps its plan, on the connection that `run` uses; raises what `run` does."""
    for _ in range(_PLANNED_ANEW + 1):
        await run()
