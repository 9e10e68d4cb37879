"""Applies what a runner says of a strategy's process: state, run, command, notification, in one transaction.

Fenced: a report counts only while its runner instance holds the strategy at the epoch that it names.
"""

from __future__ import annotations

from typing import Any

from prometheus_client import Counter
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine_server.fleet import commands, market_wishes, notices
from engine_server.fleet.domain.command import QUARANTINED, RUNNING, Wish
from engine_server.fleet.domain.crashes import CrashBudget, CrashRecord
from engine_server.fleet.domain.lifecycle import (
    Consequence,
    Event,
    StrategyReport,
    consequence,
    run_outcome,
    summary_line,
)
from engine_server.fleet.leases import RunnerIdentity
from tradewinds.clock import seconds
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.report")

_EVENTS = Counter("tradewinds_strategy_events_total", "What happened to strategy processes", ["event"])

# The configuration's row before the assignment's, as everywhere.
_LOCK = text(
    """
    SELECT c.user_id, c.desired_state, c.state, c.state_reason, c.generation, c.on_crash, c.is_off_schedule
    FROM strategy_configs c WHERE c.config_id = :config_id FOR UPDATE
    """
)
_HOLDS = text(
    """
    SELECT 1 FROM assignments
    WHERE config_id = :config_id AND epoch = :epoch AND instance_id = :instance_id
    FOR UPDATE
    """
)
_RUN = text(
    """
    SELECT run_id, outcome FROM strategy_runs
    WHERE config_id = :config_id AND epoch = :epoch AND pid = :pid
    ORDER BY started_at DESC LIMIT 1
    """
)
_OPEN_RUN = text(
    """
    INSERT INTO strategy_runs (config_id, epoch, runner_id, instance_id, pid, code_hash)
    VALUES (:config_id, :epoch, :runner_id, :instance_id, :pid, :code_hash)
    """
)
# The code is known once the class is loaded, the process before that.
_NAME_CODE = text("UPDATE strategy_runs SET code_hash = :code_hash WHERE run_id = :run_id AND code_hash = ''")
_END_OTHER_RUNS = text(
    """
    UPDATE strategy_runs SET outcome = 'LOST', ended_at = now(), detail = 'its end was not reported'
    WHERE config_id = :config_id AND outcome = 'RUNNING'
    """
)
_INSERT_ENDED_RUN = text(
    """
    INSERT INTO strategy_runs (config_id, epoch, runner_id, instance_id, pid, code_hash, outcome, ended_at, detail)
    VALUES (:config_id, :epoch, :runner_id, :instance_id, :pid, :code_hash, :outcome, now(), :detail)
    """
)
_END_RUN = text(
    "UPDATE strategy_runs SET outcome = :outcome, ended_at = now(), detail = :detail WHERE run_id = :run_id"
)
# On every runner and engine; a person's start or release begins the count anew.
_CRASHES = text(
    """
    SELECT count(*) AS crashes FROM strategy_runs
    WHERE config_id = :config_id AND outcome = 'CRASHED' AND ended_at > now() - CAST(:window AS interval)
      AND started_at >= coalesce((
        SELECT max(CASE WHEN k.verb = 'RELEASE' THEN k.completed_at ELSE k.claimed_at END) FROM strategy_commands k
        WHERE k.config_id = :config_id AND (k.verb IN ('START', 'RESTART') OR k.verb = 'RELEASE' AND k.status = 'DONE')
      ), '-infinity')
    """
)
_SET_STATE = text(
    """
    UPDATE strategy_configs SET state = :state, state_reason = :state_reason, updated_at = now()
    WHERE config_id = :config_id
    """
)
_FLATTEN = text(
    "UPDATE strategy_configs SET flatten_because = :reason, updated_at = now() WHERE config_id = :config_id"
)
_RELEASE = text(
    """
    UPDATE assignments SET runner_id = NULL, instance_id = NULL, updated_at = now()
    WHERE config_id = :config_id AND epoch = :epoch AND instance_id = :instance_id
    """
)


class ReportDesk:
    """Applies reports for one engine."""

    def __init__(self, database: Database, budget: CrashBudget) -> None:
        self._database = database
        self._budget = budget

    async def apply(self, reporter: RunnerIdentity, report: StrategyReport) -> Consequence | None:
        """What followed; None when the reporter does not hold the strategy at that epoch."""
        async with self._database.session() as session:
            row = await self._lock_held(session, reporter, report)
            if row is None:
                log.info(
                    "ignored", config_id=report.config_id, epoch=report.epoch, runner_id=reporter.runner_id,
                    happened=report.event.value,
                )  # fmt: skip
                return None
            wish = Wish(
                row.desired_state, row.state, row.state_reason, row.generation, is_held=True,
                is_off_schedule=row.is_off_schedule,
            )  # fmt: skip
            is_news = await _note_run(session, reporter, report, run_outcome(report, wish))
            result = consequence(report, wish, await self._crashes(session, report, row.on_crash))
            await _carry_out(session, reporter, report, result)
            if result.state == QUARANTINED and row.on_crash == "SQUARE_OFF":
                key = {"config_id": report.config_id, "reason": result.state_reason}
                await session.execute(_FLATTEN, key)
            if result.notification is not None and is_news:
                await _tell(session, row.user_id, report, result)
            await session.commit()
        _EVENTS.labels(report.event.value).inc()
        log.info(
            "applied", config_id=report.config_id, epoch=report.epoch, revision=report.revision,
            runner_id=reporter.runner_id, happened=report.event.value, process_id=report.process_id,
            state=result.state, detail=summary_line(report.detail),
        )  # fmt: skip
        return result

    async def _crashes(self, session: AsyncSession, report: StrategyReport, on_crash: str) -> CrashRecord:
        if report.event is not Event.CRASHED:
            return CrashRecord(0, self._budget, on_crash)
        values = {"config_id": report.config_id, "window": seconds(self._budget.window_seconds)}
        counted = (await session.execute(_CRASHES, values)).one().crashes
        return CrashRecord(counted, self._budget, on_crash)

    async def _lock_held(
        self, session: AsyncSession, reporter: RunnerIdentity, report: StrategyReport
    ) -> Row[Any] | None:
        row = (await session.execute(_LOCK, {"config_id": report.config_id})).one_or_none()
        if row is None:
            return None
        key = {"config_id": report.config_id, "epoch": report.epoch, "instance_id": reporter.instance_id}
        return row if (await session.execute(_HOLDS, key)).one_or_none() else None


async def _note_run(
    session: AsyncSession, reporter: RunnerIdentity, report: StrategyReport, outcome: str | None
) -> bool:
    """Open the run of the process, or end it with an outcome; whether that was news (a runner repeats itself after a reconnect)."""
    key = {"config_id": report.config_id, "epoch": report.epoch, "pid": report.process_id}
    run = (await session.execute(_RUN, key)).one_or_none()
    is_open = run is not None and run.outcome == "RUNNING"
    process = {
        **key,
        "runner_id": reporter.runner_id,
        "instance_id": reporter.instance_id,
        "code_hash": report.code_hash,
    }
    if outcome is None:
        if not is_open:
            await session.execute(_END_OTHER_RUNS, {"config_id": report.config_id})
            await session.execute(_OPEN_RUN, process)
        elif run is not None and report.code_hash:
            await session.execute(_NAME_CODE, {"run_id": run.run_id, "code_hash": report.code_hash})
        return report.event is Event.RUNNING or not is_open
    if run is not None and is_open:
        await session.execute(_END_RUN, {"run_id": run.run_id, "outcome": outcome, "detail": report.detail})
    elif run is None and report.event is Event.CRASHED:
        # It died before it could be reported as starting. What FAILED never was a process.
        await session.execute(_INSERT_ENDED_RUN, {**process, "outcome": outcome, "detail": report.detail})
    return is_open or run is None


async def _carry_out(
    session: AsyncSession, reporter: RunnerIdentity, report: StrategyReport, result: Consequence
) -> None:
    if result.state not in (None, RUNNING):
        await commands.fail_signals(session, [report.config_id])
    if result.state is not None:
        await session.execute(
            _SET_STATE,
            {"config_id": report.config_id, "state": result.state, "state_reason": result.state_reason},
        )
    if result.is_released:
        key = {"config_id": report.config_id, "epoch": report.epoch, "instance_id": reporter.instance_id}
        await session.execute(_RELEASE, key)
        await session.execute(_END_OTHER_RUNS, {"config_id": report.config_id})
        await market_wishes.want_nothing(session, [report.config_id])
    if result.command_status is not None:
        await commands.finish(session, [report.config_id], result.command_status, result.command_result)


async def _tell(session: AsyncSession, user_id: str, report: StrategyReport, result: Consequence) -> None:
    assert result.notification is not None  # noqa: S101 - the caller has looked
    message = result.state_reason or result.command_result or summary_line(report.detail)
    await notices.tell(
        session,
        result.notification,
        config_id=report.config_id,
        user_id=user_id,
        message=message,
        occurrence=f"{report.epoch}.{report.revision}.{report.process_id}",
        data={
            "epoch": report.epoch,
            "process_id": report.process_id,
            "detail": report.detail[-2000:],
        },
    )
