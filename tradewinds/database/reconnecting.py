"""Trying again until a deadline: backoff with jitter, for what may be over in a moment and only for that."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("database")
T = TypeVar("T")


def _uniform() -> float:
    return random.random()  # noqa: S311 - spreads load, keeps no secret


@dataclass
class Backoff:
    """Growing delays: the n-th is between half and all of `first_seconds` × 2ⁿ, at most `cap_seconds`."""

    first_seconds: float = 0.05
    cap_seconds: float = 2.0
    uniform: Callable[[], float] = _uniform
    _failures: int = field(default=0, init=False)

    def next_delay(self) -> float:
        """The delay before the next try, in seconds."""
        # The exponent is capped too: an outage of hours must not end in an overflow.
        full: float = min(self.cap_seconds, self.first_seconds * 2 ** min(self._failures, 16))
        self._failures += 1
        return full * (0.5 + self.uniform() / 2)

    def reset(self) -> None:
        """It worked: begin with short delays again."""
        self._failures = 0


async def until_connected(
    attempt: Callable[[], Awaitable[T]],
    *,
    target: str,
    remedy: str,
    transient: tuple[type[Exception], ...],
    deadline_seconds: float,
) -> T:
    """Call `attempt` until it does not raise one of `transient`; other errors pass through at once.

    After `deadline_seconds`, which bound a hanging attempt too, raises `UnavailableError` that names `target` (already redacted),
    the last error and `remedy`.
    """
    backoff = Backoff()
    last: Exception = TimeoutError("no answer")
    try:
        async with asyncio.timeout(deadline_seconds):
            while True:
                try:
                    return await attempt()
                except transient as e:
                    last = e
                    pass_on_lost_cancellation()
                    log.warning_throttled("connect.retry", target=target, error=describe(e))
                    await asyncio.sleep(backoff.next_delay())
    except TimeoutError as e:
        raise UnavailableError(
            f"{target} could not be reached within {deadline_seconds:g} s: {describe(last)}; {remedy}"
        ) from e


def pass_on_lost_cancellation() -> None:
    """Raise `CancelledError` where this task was cancelled and what it awaited raised something else instead.

    A cancellation comes once, and a deadline is one. asyncpg's pool loses it when it comes while a refused connection is being closed
    (`finally: raise ex` in `Pool._get_new_connection`), `asyncio.wait_for` before Python 3.12 when it comes as it ends
    (python/cpython#86296). Whoever then tries again, tries for ever: call this before.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def describe(error: BaseException) -> str:
    """The class and text of an error; some of the libraries' have no text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
