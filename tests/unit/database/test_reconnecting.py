"""Backoff and deadlines of connecting."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.waiting import eventually
from tradewinds.database.reconnecting import Backoff, describe, until_connected
from tradewinds.errors import UnavailableError


def test_delays_grow_to_the_cap_and_begin_again_after_success() -> None:
    backoff = Backoff(first_seconds=0.1, cap_seconds=1.0, uniform=lambda: 1.0)

    assert [round(backoff.next_delay(), 3) for _ in range(6)] == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next_delay() == pytest.approx(0.1)


def test_delays_are_spread_between_half_and_all() -> None:
    assert Backoff(first_seconds=1.0, uniform=lambda: 0.0).next_delay() == pytest.approx(0.5)
    assert Backoff(first_seconds=1.0, uniform=lambda: 1.0).next_delay() == pytest.approx(1.0)


def test_an_outage_of_days_does_not_overflow() -> None:
    backoff = Backoff(uniform=lambda: 1.0)

    assert {backoff.next_delay() for _ in range(5000)} <= {0.05 * 2**n for n in range(7)} | {2.0}


class Attempts:
    """Raises what it is given, one after the other, then connects."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "connected"


async def connect(attempt: Attempts, deadline_seconds: float = 5.0) -> str:
    return await until_connected(
        attempt, target="the part", remedy="plug it in", transient=(OSError,), deadline_seconds=deadline_seconds
    )


async def test_transient_errors_are_tried_again() -> None:
    attempt = Attempts(ConnectionRefusedError(), TimeoutError())

    assert await connect(attempt) == "connected"


async def test_other_errors_pass_at_once() -> None:
    attempt = Attempts(ValueError("bad"), ValueError("worse"))

    with pytest.raises(ValueError, match="bad"):
        await connect(attempt)
    assert len(attempt.errors) == 1


async def test_the_deadline_names_the_part_the_last_error_and_the_remedy() -> None:
    attempt = Attempts(*(ConnectionRefusedError(111, "refused") for _ in range(1000)))

    with pytest.raises(UnavailableError) as caught:
        await connect(attempt, 0.1)

    assert caught.value.message == (
        "the part could not be reached within 0.1 s: ConnectionRefusedError: [Errno 111] refused; plug it in"
    )


async def test_cancelling_passes_through() -> None:
    attempt = Attempts(*(OSError() for _ in range(1000)))
    connecting = asyncio.ensure_future(connect(attempt))
    await eventually(lambda: len(attempt.errors) < 1000)

    connecting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await connecting


class LosesACancellation(Attempts):
    """As asyncpg's pool does: cancelled while it closes a connection that was refused, it raises the refusal."""

    async def __call__(self) -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if len(self.errors) == 1:
                raise
            return await super().__call__()
        raise AssertionError("nobody waits for an hour")


@pytest.mark.timeout(5)
async def test_the_deadline_holds_where_an_attempt_loses_the_cancellation() -> None:
    attempt = LosesACancellation(ConnectionRefusedError(111, "refused"), OSError("the second"))

    with pytest.raises(UnavailableError, match=r"within 0\.05 s: ConnectionRefusedError"):
        await connect(attempt, 0.05)


@pytest.mark.timeout(5)
async def test_cancelling_passes_through_where_an_attempt_loses_it() -> None:
    attempt = LosesACancellation(OSError(), OSError("the second"))
    connecting = asyncio.ensure_future(connect(attempt))
    await asyncio.sleep(0)

    connecting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await connecting


def test_an_error_without_a_text_is_still_described() -> None:
    assert describe(TimeoutError()) == "TimeoutError"
    assert describe(OSError("gone")) == "OSError: gone"
