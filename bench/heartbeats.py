"""One engine with a thousand runners that beat once a second: what share of a core it takes, and how soon a beat is acknowledged.

The engine is a process of a whole stack; the runners are sessions of this process without strategies. Beside it, as ceiling, what the
engine takes without them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import psutil

from bench.result import Result, percentile
from tests.robustness.faults import Faults
from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess
from tradewinds import auth
from tradewinds.embedded.installation import SERVICE_TOKEN_LIFETIME, Installation
from tradewinds.grpc_server import open_channel
from tradewinds.v1 import strategy_runner_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2_grpc

_RUNNERS = 1_000
_PER_CHANNEL = 50
_MEASURED_SECONDS = 15.0
_BEAT_SECONDS = 1.0


async def run() -> list[Result]:
    """Cores in use over some seconds, idle first."""
    with temporary_state_dir() as folder:
        async with UpProcess(folder / "state", "--no-demo") as stack:
            engine = psutil.Process(Faults(stack).pid("engine-0"))
            idle = await _cores(engine, 5.0)
            waits: list[float] = []
            sessions = await _beating(stack.facts["grpc"]["engine-0"], stack.state_dir, waits)
            await asyncio.sleep(5.0)  # the thousand registrations are over
            waits.clear()
            busy = await _cores(engine, _MEASURED_SECONDS)
            for task in sessions:
                task.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)
    return [
        Result(f"heartbeats.engine_of_{_RUNNERS}_runners", busy, "cores", "< 0.5", idle),
        Result(
            "heartbeats.acknowledged_per_second", len(waits) / _MEASURED_SECONDS, "beats/s", f">= {_RUNNERS * 0.98:g}"
        ),
        Result("heartbeats.acknowledged_p50", percentile(waits, 50) * 1000, "ms"),
        Result("heartbeats.acknowledged_p99", percentile(waits, 99) * 1000, "ms", "< 1000"),
    ]


async def _cores(process: psutil.Process, seconds: float) -> float:
    before = process.cpu_times()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


async def _beating(address: str, state_dir: Path, waits: list[float]) -> list[asyncio.Task[None]]:
    installation = Installation(state_dir)
    channels = [open_channel(address) for _ in range(_RUNNERS // _PER_CHANNEL)]
    tasks = []
    for number in range(_RUNNERS):
        runner_id = f"simulated-{number}"
        token = installation.token(runner_id, (auth.RUNNER,), SERVICE_TOKEN_LIFETIME)
        session = _Session(runner_id, waits)
        stub = strategy_runner_pb2_grpc.StrategyRunnerStub(channels[number % len(channels)])
        call = stub.Session(session.requests(number / _RUNNERS), metadata=auth.bearer(token))
        tasks.append(asyncio.create_task(session.listen(call), name=runner_id))
        await asyncio.sleep(0.003)
    return tasks


class _Session:
    """A runner without strategies."""

    def __init__(self, runner_id: str, waits: list[float]) -> None:
        self._runner_id = runner_id
        self._waits = waits
        self._sent: dict[int, float] = {}

    async def requests(self, phase: float) -> AsyncIterator[pb.SessionRequest]:
        register = pb.Register(runner_id=self._runner_id, instance_id=f"{self._runner_id}-1", capacity=1, build="bench")
        yield pb.SessionRequest(sequence=1, register=register)
        await asyncio.sleep(phase * _BEAT_SECONDS)
        due, number = time.perf_counter(), 0
        while True:
            number += 1
            self._sent[number] = time.perf_counter()
            yield pb.SessionRequest(sequence=number + 1, heartbeat=pb.Heartbeat(number=number))
            due += _BEAT_SECONDS
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def listen(self, call: Any) -> None:
        try:
            async for response in call:
                if response.WhichOneof("message") == "heartbeat_ack":
                    sent = self._sent.pop(response.heartbeat_ack.number, None)
                    if sent is not None:
                        self._waits.append(time.perf_counter() - sent)
        except grpc.aio.AioRpcError as e:
            if e.code() is not grpc.StatusCode.CANCELLED:
                raise
