"""A runner without strategies: it speaks the real session to a real server and does what a test tells it to."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
from google.protobuf import struct_pb2

from tradewinds.auth import bearer
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import strategy_runner_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2_grpc

_PIDS = itertools.count(1000)


@dataclass
class Process:
    """What stands for a strategy's process."""

    epoch: int
    revision: int
    pid: int
    watermark: int
    loops: int = 0
    events: list[int] = field(default_factory=list)
    caught_up: int = 0
    hangs: bool = False


class ScriptedRunner:
    """`connect`, then it beats and obeys. `obeys=False`: it takes directives and says nothing."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        runner_id: str = "runner-0",
        instance_id: str = "",
        capacity: int = 5,
        obeys: bool = True,
    ) -> None:
        self.runner_id = runner_id
        self.instance_id = instance_id or f"{runner_id}-{next(_PIDS)}"
        self.capacity = capacity
        self.obeys = obeys
        self.processes: dict[str, Process] = {}
        self.directives: list[pb.Directive] = []
        self.superseded: list[str] = []
        self.drained: list[str] = []
        self.acked = 0
        self.sent_heartbeat = 0
        self.raw_events: list[tuple[str, int]] = []
        self.welcome: pb.Welcome | None = None
        self.ended: grpc.aio.AioRpcError | None = None
        self.answer: Callable[[pb.Inspect], pb.InspectResult | None] = accept
        self._address, self._token = address, token
        self._channel: Any = None
        self._call: Any = None
        self._sequence = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._writing = asyncio.Lock()
        self._beating = asyncio.Event()
        self._reading = asyncio.Event()
        self.over = asyncio.Event()

    async def connect(self, held: Sequence[pb.HeldAssignment] = ()) -> ScriptedRunner:
        """Open a session and register; returns after Welcome."""
        self._channel = open_channel(self._address)
        self._call = strategy_runner_pb2_grpc.StrategyRunnerStub(self._channel).Session(metadata=bearer(self._token))
        self._sequence = 0
        self.over.clear()
        self._beating.set()
        self._reading.set()
        await self.send(
            register=pb.Register(
                runner_id=self.runner_id, instance_id=self.instance_id, capacity=self.capacity, build="test", held=held
            )
        )
        welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._receive(welcomed))]
        async with asyncio.timeout(5):
            await welcomed
        if self.welcome is not None:
            self._tasks.append(asyncio.create_task(self._beat()))
        return self

    async def reconnect(self) -> None:
        """The connection breaks, the processes live: come back with what is held."""
        await self.vanish()
        await self.connect(
            [
                pb.HeldAssignment(config_id=c, epoch=p.epoch, revision=p.revision, last_event_sequence=p.watermark)
                for c, p in self.processes.items()
            ]
        )

    async def vanish(self) -> None:
        """End without a word, as after SIGKILL: the engine sees the end of the stream."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._call is not None:
            self._call.cancel()
        if self._channel is not None:
            await self._channel.close()

    def silence(self) -> None:
        """No more heartbeats; it reads on."""
        self._beating.clear()

    def freeze(self) -> None:
        """As after SIGSTOP: neither heartbeats nor reads, the connection stands."""
        self._beating.clear()
        self._reading.clear()

    def thaw(self) -> None:
        """As after SIGCONT."""
        self._beating.set()
        self._reading.set()

    async def goodbye(self) -> None:
        """Leave on purpose."""
        await self.send(goodbye=pb.Goodbye(reason="SIGTERM"))
        await self._call.done_writing()
        async with asyncio.timeout(5):
            await self.over.wait()

    async def send(self, **message: Any) -> None:
        """One message."""
        async with self._writing:  # gRPC takes one write at a time; two at once end the call
            self._sequence += 1
            await self._call.write(pb.SessionRequest(sequence=self._sequence, **message))

    async def report(self, config_id: str, event: int, *, detail: str = "", process: Process | None = None) -> None:
        """Say what happened to a process."""
        about = process or self.processes[config_id]
        await self.send(
            strategy_report=pb.StrategyReport(
                config_id=config_id,
                epoch=about.epoch,
                revision=about.revision,
                event=event,  # type: ignore[arg-type] # the enum's number
                process_id=about.pid,
                detail=detail,
                code_hash="c0de" if event == pb.STRATEGY_EVENT_RUNNING else "",  # known once the class is loaded
            )
        )

    async def crash_and_restart(self, config_id: str, detail: str = "ValueError: boom") -> Process:
        """The process dies and is started again here, from the last checkpoint that it sent."""
        old = self.processes[config_id]
        await self.report(config_id, pb.STRATEGY_EVENT_CRASHED, detail=detail)
        new = Process(old.epoch, old.revision, next(_PIDS), old.watermark)
        self.processes[config_id] = new
        await self.report(config_id, pb.STRATEGY_EVENT_STARTING)
        await self.report(config_id, pb.STRATEGY_EVENT_RUNNING)
        return new

    async def checkpoint(
        self, config_id: str, sequence: int, state: dict[str, object], epoch: int | None = None
    ) -> None:
        """Save a state."""
        epoch = self.processes[config_id].epoch if epoch is None else epoch
        text = msgspec.json.encode(state).decode()
        await self.send(
            checkpoint=pb.Checkpoint(config_id=config_id, epoch=epoch, last_event_sequence=sequence, state_json=text)
        )

    async def _beat(self) -> None:
        assert self.welcome is not None
        while True:
            await self._beating.wait()
            for process in self.processes.values():
                process.loops += not process.hangs
            self.sent_heartbeat += 1
            vitals = [
                pb.StrategyVitals(config_id=c, epoch=p.epoch, loop_count=p.loops, process_id=p.pid)
                for c, p in self.processes.items()
            ]
            await self.send(heartbeat=pb.Heartbeat(number=self.sent_heartbeat, strategies=vitals))
            await asyncio.sleep(self.welcome.heartbeat_seconds)

    async def _receive(self, welcomed: asyncio.Future[None]) -> None:
        try:
            async for message in self._messages():
                await self._take(message, welcomed)
        except grpc.aio.AioRpcError as e:
            self.ended = e
            if not welcomed.done():
                welcomed.set_exception(e)
        finally:
            self._beating.clear()
            self.over.set()

    async def _messages(self) -> AsyncIterator[pb.SessionResponse]:
        async for message in self._call:
            await self._reading.wait()
            yield message

    async def _take(self, message: pb.SessionResponse, welcomed: asyncio.Future[None]) -> None:
        kind = message.WhichOneof("message")
        if kind == "welcome":
            self.welcome = message.welcome
            welcomed.set_result(None)
        elif kind == "heartbeat_ack":
            self.acked = message.heartbeat_ack.number
        elif kind == "directive":
            self.directives.append(message.directive)
            if self.obeys:
                await self._obey(message.directive)
        elif kind == "order_events":
            self._events(message.order_events)
        elif kind == "inspect":
            if (result := self.answer(message.inspect)) is not None:
                await self.send(inspect_result=result)
        elif kind == "drain":
            self.drained.append(message.drain.reason)
        elif kind == "superseded":
            self.superseded.append(message.superseded.config_id)
            self.processes.pop(message.superseded.config_id, None)
            if not welcomed.done():
                welcomed.set_result(None)

    async def _obey(self, directive: pb.Directive) -> None:
        known = self.processes.get(directive.config_id)
        if not directive.run:
            about = known or Process(directive.epoch, directive.revision, 0, 0)
            about.epoch, about.revision = directive.epoch, directive.revision
            self.processes.pop(directive.config_id, None)
            await self.report(directive.config_id, pb.STRATEGY_EVENT_STOPPED, process=about)
            return
        if known is not None and (known.epoch, known.revision) >= (directive.epoch, directive.revision):
            return
        if known is not None and known.epoch == directive.epoch and 0 < directive.process_revision <= known.revision:
            known.revision = directive.revision
            await self.report(directive.config_id, pb.STRATEGY_EVENT_RUNNING)
            return
        if known is not None:
            await self.report(directive.config_id, pb.STRATEGY_EVENT_STOPPED, process=known)
        self.processes[directive.config_id] = Process(
            directive.epoch, directive.revision, next(_PIDS), directive.last_event_sequence
        )
        await self.report(directive.config_id, pb.STRATEGY_EVENT_STARTING)
        await self.report(directive.config_id, pb.STRATEGY_EVENT_RUNNING)

    def _events(self, message: pb.OrderEvents) -> None:
        process = self.processes.get(message.config_id)
        self.raw_events += [(message.config_id, event.sequence) for event in message.events]
        if process is None:
            return
        if not message.events:
            process.caught_up += 1
        for event in message.events:
            if event.sequence == process.watermark + 1:
                process.watermark = event.sequence
                process.events.append(event.sequence)


def accept(question: pb.Inspect) -> pb.InspectResult:
    """Every class is fine as it is asked for."""
    config = struct_pb2.Struct()
    config.update(msgspec.json.decode(question.config_json))
    schema = struct_pb2.Struct()
    schema.update({"type": "object"})
    return pb.InspectResult(
        inspection_id=question.inspection_id,
        config=config,
        params_schema=schema,
        description="A strategy.",
        code_hash="c0de",
    )
