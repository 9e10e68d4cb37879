"""Waiting for a condition instead of sleeping for a while."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], Awaitable[T] | T], *, timeout: float = 5.0, interval: float = 0.01, what: str = ""
) -> T:
    """Call `condition` until it returns something true, and return that.

    An `AssertionError` in it counts as not yet. Fails after `timeout` seconds, naming `what` (default: the condition's source),
    how often it was asked, and the last answer.
    """
    deadline = time.monotonic() + timeout
    asked = 0
    while True:
        asked += 1
        answer, last = await _ask(condition)
        if last is None:
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(
                f"not within {timeout:g} s ({asked} tries): {what or _source(condition)}; last: {last}"
            )
        await asyncio.sleep(interval)


async def _ask(condition: Callable[[], Awaitable[T] | T]) -> tuple[T, str | None]:
    """The answer, and how it was not true yet."""
    try:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
    except AssertionError as e:
        return None, f"AssertionError: {e}"  # type: ignore[return-value] # never returned to the caller: not true yet
    return answer, None if answer else repr(answer)


def _source(condition: Callable[[], object]) -> str:
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
