"""Writes what runners have said, and tells the rest of the fleet what followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from engine_server.fleet import metrics, strategy_messages
from engine_server.fleet.checkpoints import CheckpointStore
from engine_server.fleet.domain.lifecycle import StrategyReport
from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS, is_bad_data
from engine_server.fleet.reports import ReportDesk
from engine_server.fleet.session.intake import Batch
from engine_server.fleet.strategy_messages import Message
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

if TYPE_CHECKING:
    from engine_server.fleet.session.runner_session import RunnerSession

log = get_logger("fleet.scribe")


class Scribe:
    """One for all sessions. While the database is away it waits: nothing that a runner reported is lost by us."""

    def __init__(
        self,
        database: Database,
        reports: ReportDesk,
        checkpoints: CheckpointStore,
        changed: Callable[[str], None],
        outbox_wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._reports = reports
        self._checkpoints = checkpoints
        self._changed = changed
        self._outbox_wake = outbox_wake

    async def write(self, session: RunnerSession, batch: Batch) -> None:
        """Write a batch: checkpoints before the reports that rely on them."""
        if batch.checkpoints:
            await _until_written(lambda: self._save_checkpoints(session, batch), "checkpoints")
        if batch.metrics:
            await _until_written(
                lambda: metrics.save(self._database, session.identity.instance_id, list(batch.metrics)), "metrics"
            )
        for event in batch.events:
            if isinstance(event, Message):
                await _until_written(partial(self._pass_on, session, event), "message")
            else:
                await _until_written(partial(self.report, session, event), "report")
        for wish in batch.wishes.values():
            subscribe = partial(strategy_messages.subscribe, self._database, session.identity.instance_id, wish)
            await _until_written(subscribe, "subscriptions")

    async def _save_checkpoints(self, session: RunnerSession, batch: Batch) -> None:
        saved = await self._checkpoints.save(session.identity.instance_id, list(batch.checkpoints.values()))
        for config_id in batch.checkpoints.keys() - saved:
            log.info(
                "checkpoint.fenced",
                config_id=config_id,
                epoch=batch.checkpoints[config_id].epoch,
                runner_id=session.runner_id,
            )

    async def _pass_on(self, session: RunnerSession, message: Message) -> None:
        if await strategy_messages.pass_on(self._database, session.identity.instance_id, message):
            self._outbox_wake()

    async def report(self, session: RunnerSession, report: StrategyReport) -> None:
        """Apply one report and keep everybody in step; raises what the database raises."""
        session.changes += 1
        try:
            result = await self._reports.apply(session.identity, report)
            if result is not None:
                await session.reported(report, result)
        finally:
            session.changes += 1
        self._changed(report.config_id)
        if result is not None and result.notification is not None:
            self._outbox_wake()


async def _until_written(write: Callable[[], Awaitable[object]], what: str) -> None:
    while True:
        try:
            await write()
        except DATABASE_FAULTS as e:
            if is_bad_data(e):
                log.error("refused_by_database", what=what, error=repr(e), exc_info=True)
                return
            log.warning_throttled("database.away", what=what, error=repr(e))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
