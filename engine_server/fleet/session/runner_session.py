"""One runner's session: receives, writes, relays. Decisions about its strategies come from `steering`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from engine_server.fleet.checkpoints import CheckpointStore
from engine_server.fleet.domain.command import QUARANTINED
from engine_server.fleet.domain.lifecycle import Consequence, Event, StrategyReport
from engine_server.fleet.domain.steering import ENDED, Desired, Held
from engine_server.fleet.inspection import Inspections
from engine_server.fleet.leases import Beat, HeartbeatLedger, RunnerIdentity
from engine_server.fleet.logbook import LogBook
from engine_server.fleet.ports import OrderEvents
from engine_server.fleet.session import messages
from engine_server.fleet.session.intake import Intake
from engine_server.fleet.session.order_relay import OrderRelay
from engine_server.fleet.session.outgoing import Outgoing
from engine_server.fleet.session.scribe import Scribe
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError, TradewindsError
from tradewinds.ids import IdFactory
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_runner_pb2 as pb

log = get_logger("fleet.session")


@dataclass(frozen=True)
class SessionParts:
    """What all sessions of an engine share."""

    ledger: HeartbeatLedger
    scribe: Scribe
    checkpoints: CheckpointStore
    inspections: Inspections
    order_events: OrderEvents
    logs: LogBook
    clock: Clock
    ids: IdFactory


class RunnerSession:
    """`run` it as a task, and read `outgoing`. It ends with the runner's stream, with Goodbye, or when it is superseded."""

    def __init__(self, identity: RunnerIdentity, register: pb.Register, parts: SessionParts) -> None:
        self.identity = identity
        self.session_id = parts.ids("session")
        self.outgoing = Outgoing()
        self.relay = OrderRelay(parts.order_events, self.outgoing)
        # Taken at its word; the next steering compares it with the assignment rows.
        self.held = {
            one.config_id: Held(one.epoch, one.revision, is_reported=True, resume_after=one.last_event_sequence)
            for one in register.held
        }
        self.changes = 0  # grows around every report, so that steering knows when its rows are older than our knowledge
        self.goodbye: str | None = None
        self._parts = parts
        self._intake = Intake()
        self._receiving: asyncio.Task[None] | None = None
        self._is_closing = False
        self._is_drained = False
        self._loops: dict[tuple[str, int], int] = {}

    @property
    def runner_id(self) -> str:
        """The runner's stable name."""
        return self.identity.runner_id

    def inspect(self, inspection_id: str, module_path: str, class_name: str, config_json: str) -> bool:
        """Ask the runner what a class is."""
        question = pb.Inspect(
            inspection_id=inspection_id, module_path=module_path, class_name=class_name, config_json=config_json
        )
        return self.outgoing.try_send(inspect=question)

    async def run(self, requests: AsyncIterator[pb.SessionRequest]) -> None:
        """Until the stream ends and what it said is written. A bad message ends the stream with its error."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._work(group, requests)
        except* TradewindsError as errors:
            error = next(e for e in errors.exceptions if isinstance(e, TradewindsError))
            log.warning("refused", runner_id=self.runner_id, reason=error.reason, message=error.message)
            self.outgoing.end(error)
        finally:
            self._parts.inspections.gone(self)

    async def _work(self, group: asyncio.TaskGroup, requests: AsyncIterator[pb.SessionRequest]) -> None:
        relays = [
            group.create_task(self.relay.listen(), name=f"session {self.runner_id} listen"),
            group.create_task(self.relay.replay(), name=f"session {self.runner_id} replay"),
        ]
        writing = group.create_task(self._write(), name=f"session {self.runner_id} write")
        self._receiving = group.create_task(self._receive(requests), name=f"session {self.runner_id} receive")
        if self._is_closing:
            self._receiving.cancel()
        await asyncio.wait([self._receiving])
        # What was said before the end (STOPPED, checkpoints) counts: it is written before the session goes.
        self._intake.close()
        await asyncio.wait([writing])
        for relay in relays:
            relay.cancel()

    def close(self) -> None:
        """Receive no more; `run` writes what there is and returns."""
        self._is_closing = True
        if self._receiving is not None:
            self._receiving.cancel()

    def supersede(self, config_id: str, reason: str) -> bool:
        """Tell the runner to give up one strategy, or with an empty `config_id` everything; that ends the session."""
        sent = self.outgoing.try_send(superseded=pb.Superseded(config_id=config_id, reason=reason))
        if not config_id:
            self.outgoing.end()
        return sent

    def drain(self, reason: str) -> bool:
        """Tell the runner to move everything away and leave; once a session."""
        if not self._is_drained:
            self._is_drained = self.outgoing.try_send(drain=pb.Drain(reason=reason))
            return self._is_drained
        return False

    def direct(self, desired: Desired, directive: pb.Directive) -> bool:
        """Send a directive. Order events follow when its process is STARTING: before, nobody there could take them."""
        known = self.held.get(desired.config_id)
        if not self.outgoing.try_send(directive=directive):
            return False
        now = self._parts.clock.monotonic()
        if known is not None and (known.epoch, known.revision) == (desired.epoch, desired.revision):
            known.sent_at = now
            return True
        # An older process may still be taking events: its successor's STARTING makes them come again.
        process_id = ENDED if known is not None and known.process_id != 0 else 0
        self.held[desired.config_id] = Held(desired.epoch, desired.revision, sent_at=now, process_id=process_id)
        return True

    def resume(self, desired: Desired) -> None:
        """A strategy that the runner said it holds is indeed its own: its order events go on where it had them."""
        known = self.held.get(desired.config_id)
        if known is not None and known.epoch == desired.epoch and known.resume_after is not None:
            self.relay.follow(desired.config_id, known.resume_after)
            known.resume_after = None

    def drop(self, config_id: str) -> None:
        """The strategy is not this runner's any more."""
        self.held.pop(config_id, None)
        self.relay.forget(config_id)

    async def _receive(self, requests: AsyncIterator[pb.SessionRequest]) -> None:
        async for request in requests:
            kind = request.WhichOneof("message")
            if kind == "heartbeat":
                self._heartbeat(request.heartbeat)
            elif kind == "goodbye":
                self.goodbye = request.goodbye.reason or "no reason given"
                return
            else:
                self._take(kind, request)

    def _heartbeat(self, heartbeat: pb.Heartbeat) -> None:
        seen = {(v.config_id, v.process_id): v.loop_count for v in heartbeat.strategies}
        progress = {
            v.config_id: v.epoch
            for v in heartbeat.strategies
            if self._loops.get((v.config_id, v.process_id)) != v.loop_count
        }
        self._loops = seen
        self._parts.ledger.note(
            Beat(
                self.identity,
                heartbeat.number,
                len(heartbeat.strategies),
                acknowledge=self._acknowledge,
                claimed_by_another=self._claimed_by_another,
                progress=progress,
            )
        )

    def _acknowledge(self, number: int) -> None:
        self.outgoing.try_send(heartbeat_ack=pb.HeartbeatAck(number=number))

    def _claimed_by_another(self) -> None:
        self.supersede("", f"another process has the name {self.runner_id} now")

    def _take(self, kind: str | None, request: pb.SessionRequest) -> None:
        if kind == "strategy_report":
            self._intake.event(messages.report_of(request.strategy_report))
        elif kind == "checkpoint":
            self._checkpoint(request.checkpoint)
        elif kind == "inspect_result":
            result = request.inspect_result
            self._parts.inspections.answered(result.inspection_id, messages.inspected_of(result))
        elif kind == "notification":
            fallback_key = f"{self.session_id}.{request.sequence}"
            self._intake.event(messages.message_of(request.notification, fallback_key))
        elif kind == "metrics":
            for metric in request.metrics.metrics:
                self._intake.metric(messages.metric_of(metric))
        elif kind == "subscriptions":
            self._intake.wish(messages.wish_of(request.subscriptions))
        elif kind == "logs":
            # Not fenced: the last words of a process come after it is nobody's, and harm nothing.
            self._parts.logs.write(request.logs.config_id, messages.log_lines_of(request.logs))
        else:
            raise InvalidArgumentError.field("message", f"{kind or 'an empty message'} is not expected after Register")

    def _checkpoint(self, message: pb.Checkpoint) -> None:
        try:
            self._intake.checkpoint(messages.checkpoint_of(message))
        except ValueError as e:
            log.warning_throttled("checkpoint.refused", config_id=message.config_id, error=str(e))

    async def _write(self) -> None:
        while (batch := await self._intake.take()) is not None:
            await self._parts.scribe.write(self, batch)

    async def reported(self, report: StrategyReport, result: Consequence) -> None:
        """A report of ours has been committed: keep what is known of the strategy in step."""
        known = self.held.get(report.config_id)
        if known is None or known.epoch != report.epoch:
            return
        if result.is_released:
            # The runner of a quarantined one still means to start it again: steering tells it that it is superseded.
            if result.state != QUARANTINED:
                self.drop(report.config_id)
            return
        if report.event is Event.STARTING:
            if known.process_id != report.process_id:
                after = await self._parts.checkpoints.last_event_sequence(report.config_id)
                self.relay.follow(report.config_id, after)
                known.resume_after = None  # the watermark of a process that has ended
            known.process_id = report.process_id
        elif report.event is Event.RUNNING:
            known.process_id = report.process_id
        else:
            known.process_id = ENDED
        if known.revision == report.revision:
            # STOPPED though it shall run: said again unless the runner says goodbye first.
            known.is_reported = report.event is not Event.STOPPED
            known.sent_at = self._parts.clock.monotonic()
