"""Restarts: at once, then later and later."""

from __future__ import annotations

from strategy_runner.restarts import RestartHistory


def delays(random: float, crashes: int) -> list[float]:
    history, found = RestartHistory(), []
    for _ in range(crashes):
        history = history.after_crash(lived_seconds=1)
        found.append(history.delay_seconds(lambda: random))
    return found


def test_the_first_restart_is_immediate_and_the_rest_double_up_to_a_minute() -> None:
    assert delays(1.0, 10) == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_keeps_half_of_each_delay() -> None:
    assert delays(0.0, 4) == [0, 0.5, 1, 2]


def test_a_minute_of_health_forgets_earlier_crashes() -> None:
    history = RestartHistory(crashes=9).after_crash(lived_seconds=60)
    assert history.delay_seconds(lambda: 1.0) == 0


def test_a_thousand_crashes_still_wait_a_minute() -> None:
    assert RestartHistory(crashes=1000).delay_seconds(lambda: 1.0) == 60
