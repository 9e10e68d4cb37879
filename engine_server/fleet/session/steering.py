"""Keeps every session of this engine in step with the assignment rows: one query for all of them, on NOTIFY and by the clock."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from engine_server.fleet.cordons import to_empty
from engine_server.fleet.directives import DirectiveWriter, InstrumentGoneError, ScripMasterMissingError
from engine_server.fleet.domain.lifecycle import Event, StrategyReport
from engine_server.fleet.domain.steering import Desired, due
from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS
from engine_server.fleet.session.registry import SessionRegistry
from engine_server.fleet.session.runner_session import RunnerSession
from engine_server.fleet.session.scribe import Scribe
from tradewinds.clock import Clock
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("fleet.steering")

_DESIRED = """
    SELECT a.config_id, a.instance_id, a.epoch, a.generation AS revision, c.desired_state = 'RUNNING' AND NOT c.is_off_schedule AS run,
           c.is_killed AS kill
    FROM assignments a JOIN strategy_configs c ON c.config_id = a.config_id
    WHERE a.instance_id = ANY($1::text[])
"""
_SAY_WHY = """
    UPDATE strategy_configs SET state_reason = $2, updated_at = now()
    WHERE config_id = $1 AND desired_state = 'RUNNING' AND state = 'STARTING' AND state_reason <> $2
"""


class Steering:
    """Run it as a watched task; `wake` it when rows have changed."""

    def __init__(
        self,
        database: Database,
        sessions: SessionRegistry,
        writer: DirectiveWriter,
        scribe: Scribe,
        clock: Clock,
        resend_seconds: float,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._writer = writer
        self._scribe = scribe
        self._clock = clock
        self._resend_seconds = resend_seconds
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something about assignments has changed."""
        self._woken.set()

    async def run(self) -> None:
        """For ever; while the database is away runners keep what they have."""
        while True:
            await self._wait()
            try:
                await self._steer_all()
            except DATABASE_FAULTS as e:
                log.warning_throttled("database.away", error=repr(e))
                await asyncio.sleep(RETRY_SECONDS)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._resend_seconds):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _steer_all(self) -> None:
        self._woken.clear()
        sessions = self._sessions.all()
        if not sessions:
            return
        await self._empty(sessions)
        before = {session.session_id: session.changes for session in sessions}
        rows = await self._database.pool.fetch(_DESIRED, [session.identity.instance_id for session in sessions])
        desired = defaultdict(list)
        for row in rows:
            desired[row["instance_id"]].append(Desired(**row))
        for session in sessions:
            wanted = desired.get(session.identity.instance_id, ())
            # A report that was being applied makes the rows that we read old; its end wakes us again.
            if (wanted or session.held) and session.changes == before[session.session_id] and session.changes % 2 == 0:
                await self._steer(session, wanted)

    async def _empty(self, sessions: Sequence[RunnerSession]) -> None:
        """Tell the runners that an operator drains; one that does not hear is told again."""
        to_leave = {row["instance_id"]: row["reason"] for row in await to_empty(self._database)}
        if not to_leave:
            return
        for session in sessions:
            reason = to_leave.get(session.identity.instance_id)
            if reason is not None and session.drain(reason):
                log.info("drained", runner_id=session.runner_id, reason=reason)

    async def _steer(self, session: RunnerSession, desired: Sequence[Desired]) -> None:
        for one in desired:
            session.resume(one)
        now = self._clock.monotonic()
        outcome = due(desired, session.held, now=now, resend_seconds=self._resend_seconds)
        for config_id in outcome.superseded:
            log.info("superseded", config_id=config_id, runner_id=session.runner_id)
            if session.supersede(config_id, "this runner does not hold it any more"):
                session.drop(config_id)
        for one in outcome.directives:
            await self._send(session, one)

    async def _send(self, session: RunnerSession, desired: Desired) -> None:
        changes = session.changes
        try:
            directive = await self._writer.write(desired)
        except ScripMasterMissingError as e:
            await self._database.pool.execute(_SAY_WHY, desired.config_id, e.message)
            return
        except InstrumentGoneError as e:
            report = StrategyReport(desired.config_id, desired.epoch, desired.revision, Event.FAILED, 0, e.message)
            await self._scribe.report(session, report)
            return
        if directive is not None and session.changes == changes and session.direct(desired, directive):
            log.info(
                "directed", config_id=desired.config_id, epoch=desired.epoch, revision=desired.revision,
                run=desired.run, runner_id=session.runner_id,
            )  # fmt: skip
