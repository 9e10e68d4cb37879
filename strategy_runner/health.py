"""Judges a strategy's process by what its supervisor sees of it: warned, then without entries, then stopped, then killed.

Pure. Each measure has its own ladder of bounds; the worst of them counts. A strategy is silent while its own loop does not go
round, whatever the reason: a callback that sleeps, spins or waits for what never comes, a process that somebody has frozen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

_BUSY_SHARE: Final = 0.9  # of one core


class Level(IntEnum):
    """How bad it is."""

    HEALTHY = 0
    WARNED = 1
    ENTRIES_DENIED = 2
    STOPPED = 3
    KILLED = 4


@dataclass(frozen=True)
class Ladder:
    """From which value on which level; 0 is never."""

    warn: float
    deny: float
    stop: float
    kill: float

    def level(self, value: float) -> Level:
        """The highest rung that the value has reached."""
        rungs = (self.warn, self.deny, self.stop, self.kill)
        reached = [Level(number) for number, bound in enumerate(rungs, 1) if bound and value >= bound]
        return max(reached, default=Level.HEALTHY)


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What is tolerated."""

    silence_seconds: Ladder
    start_seconds: float  # for `__init__` and `on_start` together: they may load a year of bars
    memory_percent: Ladder  # of `memory_bytes`
    busy_seconds: Ladder  # with a whole core
    memory_bytes: int

    @property
    def starting(self) -> Ladder:
        """Until it runs there is no loop that could go round."""
        return Ladder(0, 0, self.start_seconds, self.start_seconds + self.silence_seconds.warn)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look at a process: what /proc says."""

    cpu_seconds: float
    memory_bytes: int
    state: str  # as in proc_pid_stat(5): R, S, D, T …


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What has been seen of one process so far."""

    cpu_seconds: float = 0.0
    cpu_share: float = 0.0
    memory_bytes: int = 0
    silent_seconds: float = 0.0
    busy_seconds: float = 0.0
    is_frozen: bool = False

    def after(self, sample: Sample, elapsed: float, *, has_progressed: bool) -> Condition:
        """One more look, `elapsed` real seconds after the last one.

        A process that is ready to run but gets no core is not to blame: what it waits for one does not count.
        """
        used = max(0.0, sample.cpu_seconds - self.cpu_seconds)
        share = used / elapsed if elapsed > 0 else 0.0
        counted = min(elapsed, 2 * used) if sample.state == "R" else elapsed
        return replace(
            self,
            cpu_seconds=sample.cpu_seconds,
            cpu_share=share,
            memory_bytes=sample.memory_bytes,
            silent_seconds=0.0 if has_progressed else self.silent_seconds + counted,
            busy_seconds=self.busy_seconds + elapsed if share >= _BUSY_SHARE else 0.0,
            is_frozen=sample.state in "Tt",
        )


@dataclass(frozen=True)
class Judgement:
    """The level, and why in words for a person; empty when it is healthy."""

    level: Level = Level.HEALTHY
    reason: str = ""


def judge(condition: Condition, bounds: Bounds, *, is_running: bool) -> Judgement:
    """The worst of what is measured."""
    silence = bounds.silence_seconds if is_running else bounds.starting
    memory_percent = 100 * condition.memory_bytes / bounds.memory_bytes
    verdicts = (
        Judgement(silence.level(condition.silent_seconds), _silent(condition, is_running=is_running)),
        Judgement(
            bounds.memory_percent.level(memory_percent),
            f"fat: it holds {condition.memory_bytes >> 20} MB of {bounds.memory_bytes >> 20} MB",
        ),
        Judgement(
            bounds.busy_seconds.level(condition.busy_seconds),
            f"busy: it has used a whole core for {condition.busy_seconds:.0f} s",
        ),
    )
    worst = max(verdicts, key=lambda verdict: verdict.level)
    return worst if worst.level else Judgement()


def _silent(condition: Condition, *, is_running: bool) -> str:
    if condition.is_frozen:
        return f"frozen: somebody has stopped its process (SIGSTOP), {condition.silent_seconds:.0f} s without progress"
    if not is_running:
        return f"slow to start: on_start has not returned after {condition.silent_seconds:.0f} s"
    return f"blocked: its loop has not gone round for {condition.silent_seconds:.0f} s"
