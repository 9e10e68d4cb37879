"""The session with the engine: registers, beats, sends what is to be told, takes directives; opened again whenever it ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import Any, Final

import grpc
from prometheus_client import Gauge

from strategy_runner import session_messages
from strategy_runner.engines import Engines
from strategy_runner.event_forwarding import EventGapError
from strategy_runner.gate import OrderGate
from strategy_runner.inspection import Inspector
from strategy_runner.roster import Roster
from strategy_runner.session_outbox import SessionOutbox
from strategy_runner.settings import RunnerIdentity
from tradewinds.auth import bearer
from tradewinds.clock import Clock
from tradewinds.sdk.vocabulary import StopReason
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_runner_pb2, strategy_runner_pb2_grpc

log = get_logger("session")

_WELCOME_SECONDS: Final = 5.0
_FAREWELL_SECONDS: Final = 2.0
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 2.0
_LOST_AFTER_TTLS: Final = 10  # 60 s at the default TTL (design §5.2)

_gate_gauge = Gauge("tradewinds_runner_order_gate_open", "1 while strategies may place orders")
_strategies_gauge = Gauge("tradewinds_runner_strategies", "Strategies that this runner holds")


class SessionEndedError(Exception):
    """The engine has ended the session, or said nothing for a whole TTL."""


class RunnerSession:
    """Separate loops for sending and receiving; the end of either ends the session, and a new one is opened."""

    def __init__(
        self,
        *,
        engines: Engines,
        token: str,
        identity: RunnerIdentity,
        roster: Roster,
        outbox: SessionOutbox,
        gate: OrderGate,
        inspector: Inspector,
        clock: Clock,
    ) -> None:
        self._engines = engines
        self._token = token
        self._identity = identity
        self._roster = roster
        self._outbox = outbox
        self._gate = gate
        self._inspector = inspector
        self._clock = clock
        self._welcome: strategy_runner_pb2.Welcome | None = None
        self._beats = 0
        self._sequence = 0
        self._was_open = False
        self.registered = asyncio.Event()
        self.superseded = asyncio.Event()
        self.said_goodbye = asyncio.Event()
        self.drain_asked = asyncio.Event()

    async def run(self) -> None:
        """Keep a session until Goodbye has been said or this process is superseded."""
        pause = _FIRST_PAUSE_SECONDS
        while not (self.superseded.is_set() or self.said_goodbye.is_set()):
            began = self._clock.monotonic()
            try:
                await self._one_session()
            except (grpc.aio.AioRpcError, SessionEndedError, TimeoutError) as e:
                log.warning_throttled("ended", engine=self._engines.address, error=_describe(e))
                self._engines.move_on()
            if self._clock.monotonic() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            # Full jitter: a hundred runners must not return to a restarted engine at the same moment.
            await asyncio.sleep(random.random() * pause)  # noqa: S311 - jitter
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def watch_gate(self) -> None:
        """Log and measure the order gate; end the strategies when the engine has been away for ten TTLs."""
        while True:
            is_open = self._gate.is_open
            if is_open != self._was_open:
                self._was_open = is_open
                note = log.info if is_open else log.warning
                note("gate.opened" if is_open else "gate.closed", silent_seconds=round(self._gate.silent_seconds(), 3))
            _gate_gauge.set(is_open)
            _strategies_gauge.set(len(self._roster))
            ttl = self._welcome.lease_ttl_seconds if self._welcome is not None else 6.0
            if len(self._roster) and self._gate.silent_seconds() > _LOST_AFTER_TTLS * ttl:
                log.warning_throttled("engine.lost", silent_seconds=round(self._gate.silent_seconds(), 1))
                self._roster.stop_all(StopReason.RUNNER_LOST)
            await asyncio.sleep(ttl / 24)

    async def _one_session(self) -> None:
        stub = strategy_runner_pb2_grpc.StrategyRunnerStub(self._engines.session_channel)
        call = stub.Session(metadata=bearer(self._token))
        self._sequence = 0
        try:
            welcome = await self._register(call)
            loops = [
                asyncio.create_task(self._send(call, welcome), name="session.send"),
                asyncio.create_task(self._receive(call, welcome), name="session.receive"),
            ]
            try:
                done, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
                _raise_what_ended(done)
                if (
                    self.said_goodbye.is_set()
                ):  # hear the engine end the stream: what is cancelled may not have been read
                    await asyncio.wait(loops, timeout=_FAREWELL_SECONDS)
            finally:
                for loop in loops:
                    loop.cancel()
                await asyncio.gather(*loops, return_exceptions=True)
        finally:
            call.cancel()

    async def _register(self, call: Any) -> strategy_runner_pb2.Welcome:
        i = self._identity
        sent_at = self._clock.monotonic()
        async with asyncio.timeout(_WELCOME_SECONDS):
            held = self._roster.held()
            await self._write(call, session_messages.register(i.runner_id, i.instance_id, i.capacity, i.build, held))
            answer = await call.read()
        if answer is grpc.aio.EOF:
            raise SessionEndedError(f"the engine ended the session before Welcome: {await call.details()}")
        if answer.WhichOneof("message") == "superseded":
            self._supersede(answer.superseded)
            raise SessionEndedError(answer.superseded.reason)
        if answer.WhichOneof("message") != "welcome":
            raise SessionEndedError(f"the engine answered Register with {answer.WhichOneof('message')}")
        welcome: strategy_runner_pb2.Welcome = answer.welcome
        self._welcome = welcome
        self._gate.configure(welcome.gate_close_seconds)
        self._gate.note_registered(sent_at)
        log.info("opened", session_id=welcome.session_id, held=len(held), ttl_seconds=welcome.lease_ttl_seconds)
        self._roster.session_opened()
        self.registered.set()
        return welcome

    async def _send(self, call: Any, welcome: strategy_runner_pb2.Welcome) -> None:
        beat_at = self._clock.monotonic() + welcome.heartbeat_seconds
        while True:
            now = self._clock.monotonic()
            if now >= beat_at:
                beat_at = now + welcome.heartbeat_seconds
                self._beats += 1
                self._gate.note_sent(self._beats)
                await self._write(call, session_messages.heartbeat(self._beats, self._roster.held()))
            elif (message := self._outbox.take()) is not None:
                await self._write_or_put_back(call, message)
                if message.WhichOneof("message") == "goodbye":
                    await call.done_writing()
                    self.said_goodbye.set()
                    return
            else:
                await self._outbox.wait(beat_at - now)

    async def _receive(self, call: Any, welcome: strategy_runner_pb2.Welcome) -> None:
        while True:
            # Acknowledgements come with every beat: silence means that this engine, or the way to it, is gone.
            async with asyncio.timeout(welcome.lease_ttl_seconds):
                message = await call.read()
            if message is grpc.aio.EOF:
                raise SessionEndedError(f"{await call.code()}: {await call.details()}")
            self._take(message)

    def _take(self, message: strategy_runner_pb2.SessionResponse) -> None:
        match message.WhichOneof("message"):
            case "heartbeat_ack":
                self._gate.note_acknowledged(message.heartbeat_ack.number)
            case "directive":
                self._roster.direct(session_messages.assignment(message.directive))
            case "order_events":
                events = [session_messages.order_event(event) for event in message.order_events.events]
                try:
                    self._roster.take_order_events(message.order_events.config_id, events)
                except EventGapError as e:
                    # Registering again names the last event taken: the engine replays from there.
                    raise SessionEndedError(str(e)) from e
            case "inspect":
                self._inspector.ask(message.inspect)
            case "superseded":
                self._supersede(message.superseded)
            case "drain":
                log.info("drain", reason=message.drain.reason)
                self.drain_asked.set()
            case other:
                log.warning("unexpected", message=other)

    def _supersede(self, message: strategy_runner_pb2.Superseded) -> None:
        if message.config_id:
            self._roster.supersede(message.config_id, message.reason)
            return
        log.error("superseded", reason=message.reason)
        self._roster.abandon_all()
        self.superseded.set()

    async def _write(self, call: Any, message: strategy_runner_pb2.SessionRequest) -> None:
        self._sequence += 1
        message.sequence = self._sequence
        try:
            await call.write(message)
        except asyncio.InvalidStateError as e:
            # How grpc.aio says that the call had ended before this write: the reader has not been told yet.
            raise SessionEndedError(f"the session has ended: {e}") from e

    async def _write_or_put_back(self, call: Any, message: strategy_runner_pb2.SessionRequest) -> None:
        try:
            await self._write(call, message)
        except BaseException:
            self._outbox.put_back(message)
            raise


def _raise_what_ended(loops: Iterable[asyncio.Task[None]]) -> None:
    """A loop that is cancelled here was not by us: the reader's timeout has cancelled the call, and grpc.aio says that to whoever writes
    on it as if the writer were meant. Taken for our own end it would leave this runner without a session for ever."""
    ended = [loop for loop in loops if not loop.cancelled()]
    for loop in ended:
        loop.result()
    if not ended:
        raise SessionEndedError("the call was cancelled")


def _describe(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return str(error) or type(error).__name__
