"""When a login may follow another one, and when one is due by itself."""

from __future__ import annotations

from datetime import datetime

import pytest

from engine_server.broker.angel_one.clock_skew import skew_hint, skew_seconds
from engine_server.broker.angel_one.relogin import LoginHistory, LoginTimes, renewal_is_due
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession, SessionTokens
from tradewinds.clock import IST

TIMES = LoginTimes()


def at(text: str) -> datetime:
    """A moment in India."""
    return datetime.fromisoformat(text).replace(tzinfo=IST)


@pytest.mark.parametrize(
    ("logged_in", "now", "due"),
    [
        ("2026-11-23 00:05", "2026-11-23 08:44", False),
        ("2026-11-23 00:05", "2026-11-23 08:45:30", False),  # its jitter is a minute
        ("2026-11-23 00:05", "2026-11-23 08:46:01", True),
        ("2026-11-23 00:05", "2026-11-23 15:00", True),
        ("2026-11-23 08:46", "2026-11-23 09:00", False),
        ("2026-11-23 08:46", "2026-11-23 23:59:59", False),
        ("2026-11-23 23:59", "2026-11-24 00:00:30", False),
        ("2026-11-23 23:59", "2026-11-24 00:01:01", True),
        ("2026-11-20 10:00", "2026-11-23 00:01", True),
    ],
)
def test_a_session_is_renewed_before_the_open_and_when_its_day_is_over(logged_in: str, now: str, due: bool) -> None:
    assert renewal_is_due(at(logged_in), at(now), 60.0) is due


def test_a_first_early_loss_is_cured_at_once_and_every_further_one_later_and_later() -> None:
    history, now, waits = LoginHistory(), 1000.0, []
    for _ in range(7):
        history = history.after_login(now)
        now += 5
        history = history.after_loss(now, TIMES)
        waits.append(max(0.0, history.next_login_at(TIMES) - now))
        now += waits[-1]
    assert waits == [0, 25, 55, 115, 115, 115, 115]
    assert history.is_contested


def test_a_session_that_lived_long_is_no_contest() -> None:
    history = LoginHistory(opened_at=0.0, losses=5).after_loss(TIMES.contested_seconds + 1, TIMES)
    assert not history.is_contested
    assert history.next_login_at(TIMES) == 0


def test_the_loss_of_a_session_that_somebody_else_had_opened_counts_for_nothing() -> None:
    assert LoginHistory().after_loss(5.0, TIMES) == LoginHistory()


class Clock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()


def session(jwt: str, moment: datetime) -> BrokerSession:
    return BrokerSession(SessionTokens(jwt, "r", "f", "D1", "k"), moment)


def test_tokens_of_an_earlier_indian_day_are_dead_to_the_second() -> None:
    clock = Clock(at("2026-11-23 23:59:59"))
    current = CurrentSession(clock)
    current.set(session("a", at("2026-11-23 00:00:00")))
    assert current.usable() is not None
    clock.moment = at("2026-11-24 00:00:00")
    assert current.usable() is None


def test_a_late_answer_to_a_request_in_an_earlier_session_does_not_end_this_one() -> None:
    current = CurrentSession(Clock(at("2026-11-23 10:00:00")))
    current.set(session("new", at("2026-11-23 09:00:00")))
    current.disown("old")
    assert current.usable() is not None
    current.disown("new")
    assert current.usable() is None


NOW = at("2026-11-23 10:00:00")  # 04:30:00 GMT


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("Mon, 23 Nov 2026 04:30:00 GMT", "agrees with the broker's"),
        ("Mon, 23 Nov 2026 04:35:00 GMT", "300 s behind the broker's: synchronise it"),
        ("Mon, 23 Nov 2026 04:29:00 GMT", "60 s ahead of the broker's"),
        ("", ""),
        ("yesterday", ""),
    ],
)
def test_what_the_brokers_clock_says_about_ours(date: str, words: str) -> None:
    hint = skew_hint(date, NOW)
    assert words in hint
    assert bool(words) is (skew_seconds(date, NOW) is not None)
