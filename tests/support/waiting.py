"""Waiting for a condition instead of sleeping for a while."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], *, timeout: float = 15.0, interval: float = 0.01, what: str = ""
) -> T: ...


@overload
async def eventually(
    condition: Callable[[], T], *, timeout: float = 15.0, interval: float = 0.01, what: str = ""
) -> T: ...


async def eventually(
    condition: Callable[[], Any], *, timeout: float = 15.0, interval: float = 0.01, what: str = ""
) -> Any:
    """Call `condition` until it returns something true, and return that.

    An `AssertionError` in it counts as not yet. Fails after `timeout` seconds, naming `what` (default: the condition's source),
    how often it was asked, and the last answer.
    """
    deadline = time.monotonic() + timeout
    asked = 0
    while True:
        asked += 1
        answer = await _ask(condition)
        if answer and not isinstance(answer, _NotYet):
            return answer
        if time.monotonic() >= deadline:
            named = what or _source(condition)
            raise AssertionError(f"not within {timeout:g} s ({asked} tries): {named}; last: {answer!r}")
        await asyncio.sleep(interval)


@dataclass(frozen=True)
class _NotYet:
    """An assertion in the condition did not hold."""

    error: str


async def _ask(condition: Callable[[], Any]) -> Any:
    try:
        answer = condition()
        return await answer if inspect.isawaitable(answer) else answer
    except AssertionError as e:
        return _NotYet(str(e))


def _source(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
