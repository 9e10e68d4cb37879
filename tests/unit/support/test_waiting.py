"""`eventually` itself."""

from __future__ import annotations

import pytest

from tests.support.waiting import eventually


async def test_it_returns_the_first_true_answer() -> None:
    answers = iter([None, 0, "", "yes", "too late"])

    assert await eventually(lambda: next(answers)) == "yes"


async def test_it_awaits_an_async_condition_and_takes_an_assertion_for_not_yet() -> None:
    tries = 0

    async def third_time() -> int:
        nonlocal tries
        tries += 1
        assert tries == 3, "not yet"
        return tries

    assert await eventually(third_time) == 3


async def test_it_fails_with_what_it_waited_for_and_the_last_answer() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.05 s \(\d+ tries\): the moon is full; last: \[\]"):
        await eventually(list, timeout=0.05, what="the moon is full")


async def test_it_fails_with_the_source_of_the_condition() -> None:
    with pytest.raises(AssertionError, match="1 > 2"):
        await eventually(lambda: 1 > 2, timeout=0.0)


async def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError):
        await eventually(lambda: 1 / 0)
