"""One process under supervision: what has been seen of it, and what follows from that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

from strategy_runner.health import Bounds, Condition, Judgement, Level, Sample, judge
from strategy_runner.strategy_process import StrategyProcess
from tradewinds.telemetry import get_logger

log = get_logger("supervision")

_interventions = Counter(
    "tradewinds_runner_interventions_total", "What supervisors did to strategy processes", ["level"]
)
_INTERRUPTED_SECONDS: Final = 10.0  # a process that was interrupted and has not ended by then is killed


class Supervision:
    """Goes up the ladder with a process, and down again when it recovers; `ended_because` says why it was ended."""

    def __init__(
        self,
        config_id: str,
        process: StrategyProcess,
        bounds: Bounds,
        *,
        deny_entries: Callable[[str], None],
        tell_user: Callable[[str], None],
    ) -> None:
        self.condition = Condition()
        self.judgement = Judgement()
        self.ended_because = ""
        self._config_id = config_id
        self._process = process
        self._bounds = bounds
        self._deny_entries = deny_entries
        self._tell_user = tell_user
        self._loop_count = 0
        self._interrupted_seconds = 0.0

    def look(self, sample: Sample, elapsed: float) -> None:
        """Take one look into account, and act on it."""
        progressed = self._process.loop_count != self._loop_count
        self._loop_count = self._process.loop_count
        self.condition = self.condition.after(sample, elapsed, has_progressed=progressed)
        if self.ended_because:
            self._make_it_end(elapsed)
            return
        before = self.judgement.level
        self.judgement = judge(self.condition, self._bounds, is_running=self._process.is_running)
        if self.judgement.level != before:
            self._changed(before)

    def _changed(self, before: Level) -> None:
        level, reason = self.judgement.level, self.judgement.reason
        note = log.warning if level > before else log.info
        note(level.name.lower(), config_id=self._config_id, pid=self._process.child.pid, reason=reason)
        _interventions.labels(level.name).inc()
        self._deny_entries(reason if level >= Level.ENTRIES_DENIED else "")
        if before < Level.ENTRIES_DENIED <= level:
            self._tell_user(reason)
        if level >= Level.STOPPED:
            self.ended_because = reason
            self._process.child.interrupt()
        if level is Level.KILLED:
            self._process.child.kill()

    def _make_it_end(self, elapsed: float) -> None:
        self._interrupted_seconds += elapsed
        frozen = self.condition.is_frozen  # it cannot hear anything but SIGKILL
        if self._interrupted_seconds >= _INTERRUPTED_SECONDS or frozen:
            self._process.child.kill()
