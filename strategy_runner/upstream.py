"""Port: what hosted strategies tell the engine. The session implements it; nothing here waits or fails."""

from __future__ import annotations

from typing import Protocol

from strategy_runner.assignment import LifeReport, SavedState
from tradewinds.sdk.commands import Notify, RecordMetric


class Upstream(Protocol):
    """Told at once, sent when a session stands."""

    def report(self, report: LifeReport) -> None:
        """The life of a process."""
        ...

    def checkpoint(self, config_id: str, epoch: int, saved: SavedState) -> None:
        """State and order events taken."""
        ...

    def notify(self, config_id: str, epoch: int, notice: Notify) -> None:
        """For the strategy's user."""
        ...

    def metric(self, config_id: str, metric: RecordMetric) -> None:
        """One value."""
        ...

    def subscriptions(self, config_id: str, epoch: int, instruments: frozenset[str]) -> None:
        """The whole set of instruments wanted."""
        ...

    def log(self, config_id: str, epoch: int, source: str, text: str) -> None:
        """A line of a strategy's log, written now; `source` is PRINTED or RUNNER."""
        ...
