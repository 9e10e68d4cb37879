"""How a strategy's process is judged."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from strategy_runner.health import Bounds, Condition, Ladder, Level, Sample, judge
from strategy_runner.settings import RunnerSettings

MB = 1 << 20
BOUNDS = Bounds(
    silence_seconds=Ladder(5, 15, 30, 40),
    start_seconds=60,
    memory_percent=Ladder(70, 85, 95, 0),
    busy_seconds=Ladder(60, 600, 0, 0),
    memory_bytes=100 * MB,
)


def watched(
    seconds: int, state: str = "S", share: float = 0.0, memory: int = 10 * MB, start: Condition | None = None
) -> Condition:
    """One look a second without progress."""
    condition = start or Condition()
    for _ in range(seconds):
        cpu = condition.cpu_seconds + share
        condition = condition.after(
            Sample(cpu_seconds=cpu, memory_bytes=memory, state=state), 1.0, has_progressed=False
        )
    return condition


def level(condition: Condition, *, is_running: bool = True) -> Level:
    return judge(condition, BOUNDS, is_running=is_running).level


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (4, Level.HEALTHY),
        (5, Level.WARNED),
        (15, Level.ENTRIES_DENIED),
        (30, Level.STOPPED),
        (40, Level.KILLED),
    ],
)
def test_silence_climbs_the_ladder(seconds: int, expected: Level) -> None:
    assert level(watched(seconds)) is expected


def test_progress_forgives_everything() -> None:
    condition = watched(29).after(Sample(cpu_seconds=0, memory_bytes=MB, state="S"), 1.0, has_progressed=True)
    assert judge(condition, BOUNDS, is_running=True) == judge(Condition(), BOUNDS, is_running=True)


def test_a_spinning_process_is_silent_even_on_half_a_core() -> None:
    assert level(watched(30, state="R", share=0.5)) is Level.STOPPED


def test_a_starved_process_is_not_to_blame() -> None:
    assert level(watched(60, state="R", share=0.01)) is Level.HEALTHY


def test_what_starts_has_its_own_patience() -> None:
    assert level(watched(59), is_running=False) is Level.HEALTHY
    assert judge(watched(60), BOUNDS, is_running=False).reason == "slow to start: on_start has not returned after 60 s"
    assert level(watched(65), is_running=False) is Level.KILLED


def test_a_frozen_process_is_called_frozen() -> None:
    assert judge(watched(30, state="T"), BOUNDS, is_running=True).reason.startswith("frozen: somebody has stopped")


def test_memory_is_judged_against_its_limit_and_the_worst_counts() -> None:
    assert level(watched(1, memory=71 * MB)) is Level.WARNED
    verdict = judge(watched(6, memory=96 * MB), BOUNDS, is_running=True)
    assert verdict.level is Level.STOPPED
    assert verdict.reason == "fat: it holds 96 MB of 100 MB"


def test_a_whole_core_for_long_is_busy_and_a_pause_ends_it() -> None:
    busy = Condition()
    for second in range(1, 61):
        busy = busy.after(Sample(cpu_seconds=second, memory_bytes=MB, state="R"), 1.0, has_progressed=True)
    assert judge(busy, BOUNDS, is_running=True).reason == "busy: it has used a whole core for 60 s"
    rested = busy.after(Sample(cpu_seconds=60.1, memory_bytes=MB, state="S"), 1.0, has_progressed=True)
    assert level(rested) is Level.HEALTHY


def settings(**values: str) -> RunnerSettings:
    return RunnerSettings.model_validate({"ENGINE_ADDRESS": "x:1", "SERVICE_TOKEN": "t", **values})


def test_the_ladders_are_settings() -> None:
    bounds = settings(STRATEGY_SILENCE_SECONDS="1,2,0,4", STRATEGY_MEMORY_MB="200").bounds
    assert bounds.silence_seconds == Ladder(1, 2, 0, 4)
    assert bounds.memory_bytes == 200 * MB


@pytest.mark.parametrize(
    ("value", "words"),
    [("5,4,6,7", "each level must come later"), ("5,6", "four numbers"), ("a,b,c,d", "four numbers")],
)
def test_a_ladder_that_makes_no_sense_is_refused(value: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(STRATEGY_BUSY_SECONDS=value)
