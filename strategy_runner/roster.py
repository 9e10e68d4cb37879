"""Who is hosted here: turns directives into strategies that live, are replaced, or end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from strategy_runner import protocol
from strategy_runner.assignment import Assignment, LifeEvent, LifeReport, SavedState
from strategy_runner.health import Condition, Judgement
from strategy_runner.hosted_strategy import HostedStrategy
from strategy_runner.hosting import Hosting
from tradewinds.sdk.orders import OrderEvent
from tradewinds.sdk.vocabulary import StopReason
from tradewinds.telemetry import get_logger

log = get_logger("roster")


@dataclass(frozen=True)
class Held:
    """One strategy that this runner holds, for Register and Heartbeat."""

    config_id: str
    epoch: int
    revision: int
    watermark: int
    pid: int = 0
    loop_count: int = 0
    longest_callback_ms: int = 0
    condition: Condition = Condition()  # noqa: RUF009 - frozen
    judgement: Judgement = Judgement()  # noqa: RUF009 - frozen


class Roster:
    """Level-triggered: the newest directive of each strategy counts, the same one twice changes nothing."""

    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting
        self._hosted: dict[str, HostedStrategy] = {}
        self._next: dict[str, Assignment] = {}  # starts when the present process has ended
        self._failed: dict[str, LifeReport] = {}  # answers to a directive that is said again
        self._is_draining = False
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    def __len__(self) -> int:
        return len(self._hosted)

    def direct(self, wanted: Assignment) -> None:
        """Make it so."""
        hosted = self._hosted.get(wanted.config_id)
        if hosted is None:
            self._direct_absent(wanted)
        elif wanted.version <= max(hosted.assignment.version, self._version_of_next(wanted.config_id)):
            return
        elif wanted.run and hosted.can_follow(wanted):
            hosted.follow(wanted)
        elif wanted.run:
            self._next[wanted.config_id] = wanted
            hosted.stop(StopReason.UPGRADE)
        else:
            self._next.pop(wanted.config_id, None)
            hosted.stop(StopReason.STOP, revision=wanted.revision)
            if wanted.kill:
                hosted.kill()

    def supersede(self, config_id: str, reason: str) -> None:
        """Somebody else holds it: kill it without a word."""
        self._next.pop(config_id, None)
        self._failed.pop(config_id, None)
        if hosted := self._hosted.get(config_id):
            log.warning("superseded", config_id=config_id, reason=reason)
            hosted.abandon()

    def take_order_events(self, config_id: str, events: Sequence[OrderEvent]) -> None:
        """For the process of a strategy."""
        if hosted := self._hosted.get(config_id):
            hosted.events.take(events)

    def session_opened(self) -> None:
        """An engine that may have missed everything is told where each strategy is."""
        for hosted in self._hosted.values():
            hosted.repeat_report()

    def stop_all(self, reason: StopReason) -> None:
        """End every strategy."""
        self._next.clear()
        for hosted in self._hosted.values():
            hosted.stop(reason)

    def drain(self) -> None:
        """End every strategy because the runner goes, and start none again."""
        self._is_draining = True
        self.stop_all(StopReason.MOVE)

    async def wait_until_empty(self) -> None:
        """Until no strategy is left."""
        await self._is_empty.wait()

    def abandon_all(self) -> None:
        """Another process has this runner's name: kill every strategy, start none again."""
        self._is_draining = True
        for config_id in list(self._hosted):
            self.supersede(config_id, "another process has this runner's name")

    def tell_all(self, news: protocol.Clock | protocol.Phases) -> None:
        """The market clock has jumped or changed its rate; the calendar has changed."""
        for hosted in self._hosted.values():
            hosted.tell(news)

    def held(self) -> list[Held]:
        """Every strategy that has, or is about to have, a process."""
        return [_held(config_id, hosted) for config_id, hosted in self._hosted.items()]

    def hosted(self) -> list[HostedStrategy]:
        """All of them."""
        return list(self._hosted.values())

    def _direct_absent(self, wanted: Assignment) -> None:
        failed = self._failed.get(wanted.config_id)
        if not wanted.run:
            self._hosting.upstream.report(_life(wanted, LifeEvent.STOPPED))
        elif failed is not None and (failed.epoch, failed.revision) == wanted.version:
            self._hosting.upstream.report(failed)  # its report was lost; trying again would fail again
        elif not self._is_draining:
            self._host(wanted)

    def _host(self, wanted: Assignment) -> None:
        self._failed.pop(wanted.config_id, None)
        self._is_empty.clear()
        hosted = self._hosted[wanted.config_id] = HostedStrategy(wanted, self._hosting)
        self._hosting.spawn(f"strategy:{wanted.config_id}", self._live(wanted.config_id, hosted))

    async def _live(self, config_id: str, hosted: HostedStrategy) -> None:
        try:
            await hosted.run()
        finally:
            self._hosted.pop(config_id, None)
        report = hosted.last_report
        if report is not None and report.event is LifeEvent.FAILED:
            self._failed[config_id] = report
        successor = self._next.pop(config_id, None)
        if successor is not None and not self._is_draining:
            self._host(_continued(successor, hosted))
        if not self._hosted:
            self._is_empty.set()

    def _version_of_next(self, config_id: str) -> tuple[int, int]:
        successor = self._next.get(config_id)
        return successor.version if successor is not None else (0, 0)


def _held(config_id: str, hosted: HostedStrategy) -> Held:
    a, process, supervision = hosted.assignment, hosted.process, hosted.supervision
    held = Held(config_id, a.epoch, a.revision, hosted.watermark)
    if process is None or supervision is None:
        return held
    return replace(
        held,
        pid=process.child.pid,
        loop_count=process.loop_count,
        longest_callback_ms=process.longest_callback_ms,
        condition=supervision.condition,
        judgement=supervision.judgement,
    )


def _continued(wanted: Assignment, hosted: HostedStrategy) -> Assignment:
    """The new assignment with our own checkpoint, if nobody else can have held the strategy since.

    The old process saves once more while it ends, after the engine wrote the directive.
    """
    if wanted.epoch > hosted.assignment.epoch + 1:
        return wanted
    return replace(wanted, saved=_newer(wanted.saved, hosted.saved))


def _newer(theirs: SavedState, ours: SavedState) -> SavedState:
    return ours if ours.last_event_sequence >= theirs.last_event_sequence and ours.state_json else theirs


def _life(wanted: Assignment, event: LifeEvent) -> LifeReport:
    return LifeReport(config_id=wanted.config_id, epoch=wanted.epoch, revision=wanted.revision, event=event)
