"""The ladder, and when somebody outside waits to hear from us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import EXTERNAL, Channel
from notifier.escalation_steps import DEFAULT_STEPS, LONGEST, REPEAT_SECONDS, after, opening_channels, steps_of
from notifier.heartbeat import in_session, session
from notifier.preferences import DEFAULTS, Preferences, Step

BEGAN = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)


def test_without_a_ladder_of_ones_own_text_messages_come_second() -> None:
    steps = steps_of(DEFAULTS)
    assert opening_channels(steps) == EXTERNAL - {Channel.SMS}
    assert after(steps, 0, BEGAN, BEGAN).due_at == BEGAN + timedelta(seconds=120)


def test_the_last_step_is_repeated_until_a_day_is_over() -> None:
    steps = steps_of(Preferences(escalation=(Step(0), Step(60, "bob"))))
    taken, now, times = 0, BEGAN, 0
    while (progress := after(steps, taken, BEGAN, now)).due_at is not None:
        assert progress.next_step == 1
        taken, now, times = progress.next_step, progress.due_at, times + 1
    assert now <= BEGAN + LONGEST
    assert times == pytest.approx(LONGEST.total_seconds() / REPEAT_SECONDS, abs=2)


@given(st.lists(st.integers(0, 3600), max_size=5), st.integers(0, 7200))
def test_steps_are_climbed_one_by_one_and_never_before_their_time(gaps: list[int], late: int) -> None:
    steps, at = [Step(0)], 0
    for gap in gaps:
        at += gap
        steps.append(Step(at))
    for number in range(len(steps) - 1):
        progress = after(tuple(steps), number, BEGAN, BEGAN + timedelta(seconds=late))
        assert progress.next_step == number + 1
        assert progress.due_at == BEGAN + timedelta(seconds=steps[number + 1].after_seconds)
    assert after(DEFAULT_STEPS, 1, BEGAN, BEGAN).next_step == 1


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-27T03:29:59+00:00", False),
        ("2026-11-27T03:30:00+00:00", True),  # Friday 09:00 in India
        ("2026-11-27T10:09:59+00:00", True),
        ("2026-11-27T10:10:00+00:00", False),
        ("2026-11-28T05:00:00+00:00", False),  # Saturday
    ],
)
def test_somebody_waits_during_sessions_alone(moment: str, expected: bool) -> None:
    assert in_session(session("Mon-Fri 09:00-15:40"), datetime.fromisoformat(moment)) is expected


@pytest.mark.parametrize(
    "text", ["", "Mon 09:00-15:40", "Mon-Fri 15:40-09:00", "Fri-Mon 09:00-10:00", "Xyz-Fri 09:00-10:00"]
)
def test_a_session_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Mon-Fri|ends before"):
        session(text)
