"""The fleet of one engine, put together: commands, assignment, leases, sessions, the status board.

Any number of engines run it beside each other: one of them leads, which takes commands and gives out strategies (leadership.py);
each speaks for the runners that are connected to it, by what the assignment rows say.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from redis.asyncio import Redis

from engine_server.fleet import history
from engine_server.fleet.assignments import AssignmentDesk
from engine_server.fleet.checkpoints import CheckpointStore
from engine_server.fleet.commands import CommandDesk
from engine_server.fleet.config_update import UpdateExaminer
from engine_server.fleet.directives import DirectiveWriter
from engine_server.fleet.domain.crashes import CrashBudget
from engine_server.fleet.domain.patience import Patience
from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS
from engine_server.fleet.flattening import Flattener, Orders
from engine_server.fleet.inspection import Inspected, Inspections
from engine_server.fleet.leadership import Leadership, NotLeaderError
from engine_server.fleet.leases import HeartbeatLedger
from engine_server.fleet.logbook import LogBook
from engine_server.fleet.parameters_check import ParameterCheck
from engine_server.fleet.ports import Books, Instruments, OrderEvents, TradingHours
from engine_server.fleet.reports import ReportDesk
from engine_server.fleet.schedules import ScheduleKeeper
from engine_server.fleet.session.registry import SessionRegistry
from engine_server.fleet.session.runner_session import SessionParts
from engine_server.fleet.session.scribe import Scribe
from engine_server.fleet.session.steering import Steering
from engine_server.fleet.status_board import StatusBoard
from tradewinds.clock import Clock
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.ids import IdFactory
from tradewinds.service import Service
from tradewinds.telemetry import get_logger

log = get_logger("fleet")

# So many commands at most before what they want is given to runners: the first of a thousand need not wait for the last.
_COMMANDS_PER_PASS = 50

_TRIM_SECONDS = 3600.0


class Fleet:
    """`await fleet.start(service)` after the database is connected; `await fleet.stop()` before the gRPC server stops."""

    def __init__(
        self,
        *,
        database: Database,
        redis: Redis,
        leases: LeaseSettings,
        engine_id: str,
        engine_address: str,
        instruments: Instruments,
        order_events: OrderEvents,
        books: Books,
        outbox_wake: Callable[[], None],
        clock: Clock,
        ids: IdFactory,
        crash_budget: CrashBudget,
        strategy_facts_changed: Callable[[str | None], None],
        hours: TradingHours,
        orders: Orders,
    ) -> None:
        self.database = database
        self.leases = leases
        self.instruments = instruments
        self.ids = ids
        self._clock = clock
        self._woken = asyncio.Event()
        self._patience = Patience(leases, clock.monotonic())
        self.leadership = Leadership(database, leases, (engine_id, engine_address), clock, self._patience)
        self._commands = CommandDesk(database, self.leadership, engine_id)
        self._assignments = AssignmentDesk(database, leases, self.leadership, engine_id)
        self._schedules = ScheduleKeeper(database, self.leadership, hours)
        self._flattener = Flattener(database, orders, books, clock, hours.is_open)
        self._board = StatusBoard(database, redis)
        self.logs = LogBook(redis)
        self._ledger = HeartbeatLedger(database, leases, engine_id, clock, self._patience)
        self._inspections = Inspections(ids)
        self._facts_changed = strategy_facts_changed
        self.parameters = ParameterCheck(self.inspect, instruments, hours.not_in_because)
        self._updates = UpdateExaminer(database, self.parameters)
        checkpoints = CheckpointStore(database)
        scribe = Scribe(database, ReportDesk(database, crash_budget), checkpoints, self._strategy_changed, outbox_wake)
        parts = SessionParts(self._ledger, scribe, checkpoints, self._inspections, order_events, self.logs, clock, ids)
        self.sessions = SessionRegistry(database, leases, engine_id, parts, self.changed)
        writer = DirectiveWriter(database, instruments, books, hours.not_in_because)
        self._steering = Steering(database, self.sessions, writer, scribe, clock, leases.heartbeat_seconds)
        self._outbox_wake = outbox_wake

    async def start(self, service: Service) -> None:
        """Listen and spawn the watched loops."""
        await self.database.listen("strategy_commands", self._notified)
        await self.database.listen("assignments", self._assignments_notified)
        service.spawn("fleet heartbeats", self._ledger.run())
        service.spawn("fleet leadership", self.leadership.run())
        service.spawn("fleet control", self._control())
        service.spawn("fleet steering", self._steering.run())
        service.spawn("fleet flattening", self._flattener.run())
        service.spawn("fleet metrics", self._keep_metrics_bounded())
        service.spawn("fleet updates", self._updates.run())
        service.spawn("fleet status board", self._board.run())
        service.spawn("fleet logs", self.logs.run())

    async def stop(self) -> None:
        """End the sessions: runners reconnect to another engine, or to the next one, and resume."""
        await self.leadership.leave()
        self.logs.stop()
        await self.sessions.close()

    async def inspect(self, module_path: str, class_name: str, config_json: str) -> Inspected:
        """Ask a connected runner what a class is; raises `NoRunnerError`."""
        return await self._inspections.ask(self.sessions.any(), module_path, class_name, config_json)

    def changed(self, config_ids: Iterable[str] = ()) -> None:
        """Wishes, holders or runners have changed, and it is committed: look at everything again, show these."""
        self._board.touch(config_ids)
        self._woken.set()
        self._steering.wake()

    def _strategy_changed(self, config_id: str) -> None:
        self.changed([config_id])

    async def _notified(self, _payload: str | None) -> None:
        self._woken.set()
        self._updates.wake()

    async def _assignments_notified(self, payload: str | None) -> None:
        self._facts_changed(payload)
        self._board.touch([payload] if payload else ())
        self._steering.wake()

    async def _control(self) -> None:
        """Commands, then assignment, whenever something says so and at least every heartbeat (1 s); only the leader."""
        while True:
            if not self.leadership.is_held:
                await self._wait_to_lead()
                continue
            try:
                await self._ledger.forget_old()
                await self._commands.expire()
                self._board.touch(await self._schedules.keep())
                while await self._apply_commands():
                    await self._assign()
                await self._assign()
            except DATABASE_FAULTS as e:
                self._patience.fault(self._clock.monotonic())
                log.warning_throttled("database.away", error=repr(e))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            except NotLeaderError:
                log.warning_throttled("leader.lost")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._wait()

    async def _keep_metrics_bounded(self) -> None:
        """Once an hour, where this engine leads."""
        while True:
            await asyncio.sleep(_TRIM_SECONDS)
            if self.leadership.is_held:
                try:
                    await history.trim_metrics(self.database)
                except DATABASE_FAULTS as e:
                    log.warning("metrics.not_trimmed", error=repr(e))

    async def _apply_commands(self) -> bool:
        """Whether there may be more."""
        for _ in range(_COMMANDS_PER_PASS):
            config_id = await self._commands.apply_next()
            if config_id is None:
                return False
            self._board.touch([config_id])
        return True

    async def _assign(self) -> None:
        may_declare_lost = self._patience.may_declare_lost(self._clock.monotonic())
        changed = await self._assignments.run_pass(may_declare_lost=may_declare_lost)
        if changed:
            self._board.touch(changed)
            self._outbox_wake()

    async def _wait_to_lead(self) -> None:
        self.leadership.won.clear()
        if self.leadership.is_held:
            return  # won between the two looks
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.leases.heartbeat_seconds):
                await self.leadership.won.wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self.leases.heartbeat_seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()
