"""The fleet's times, in a stack with two engines and three runners: commands, moves, and what a loss costs.

Commands are measured by the database's own clock, from the INSERT to the report that ended them. Beside them the ceiling: the start of a
bare interpreter, which no process can beat. A loss is measured from the SIGKILL on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import httpx

from bench.result import Result, percentile
from tests.robustness.faults import Faults
from tests.robustness.fleet_rig import FleetRig, running_rig
from tests.support.waiting import eventually

_STRATEGIES = 6
_ROUNDS = 3
_SECONDS = """
    SELECT extract(epoch FROM completed_at - created_at)::float AS seconds, status FROM strategy_commands WHERE command_id = $1
"""
_ONE = "INSERT INTO strategy_commands (config_id, verb) VALUES ($1, $2) RETURNING command_id"
_NOT_THERE = """
    SELECT 1 FROM strategy_configs c LEFT JOIN assignments a ON a.config_id = c.config_id AND a.instance_id IS NOT NULL
    WHERE c.state <> 'RUNNING' OR a.runner_id = $1
"""


async def run() -> list[Result]:
    """Commands one at a time; then a drain, a lost runner and a lost engine."""
    with _folder() as folder:
        async with running_rig(folder, engines=2, runners=3, lease_ttl_seconds=6.0) as rig:
            config_ids = [await _created(rig, number) for number in range(_STRATEGIES)]
            starts, stops = [], []
            for _ in range(_ROUNDS):
                starts += [await _done(rig, config_id, "START") for config_id in config_ids]
                stops += [await _done(rig, config_id, "STOP") for config_id in config_ids]
            for config_id in config_ids:
                await _done(rig, config_id, "START")
            return [
                *_commands(starts, stops),
                Result("fleet.graceful_move", await _moved(rig, "runner-1"), "s", "< 2"),
                Result("fleet.runner_lost", await _lost(rig, "runner-2"), "s", "< 10"),
                Result("fleet.engine_lost", await _engine_lost(rig), "s", "< 10"),
            ]


def _commands(starts: list[float], stops: list[float]) -> list[Result]:
    bare = _bare_interpreter_seconds() * 1000
    return [
        Result("fleet.command_to_running_p50", percentile(starts, 50) * 1000, "ms", "< 150", bare),
        Result("fleet.command_to_running_worst", max(starts) * 1000, "ms", None, bare),
        Result("fleet.command_to_stopped_p50", percentile(stops, 50) * 1000, "ms", "< 150", bare),
        Result("fleet.command_to_stopped_worst", max(stops) * 1000, "ms", None, bare),
    ]


@contextmanager
def _folder() -> Iterator[Path]:
    # On a disk: a commit in memory would cost nothing.
    with tempfile.TemporaryDirectory(prefix="tradewinds-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database may run as another user
        yield folder


async def _created(rig: FleetRig, number: int) -> str:
    body = {
        "config_id": f"bench-{number}",
        "module_path": "fleet_strategies.turnover",
        "class_name": "Turnover",
        "config": {"symbols": ["RELIANCE"], "pace": 3600},
    }

    async def created() -> bool:
        answer = await rig.up.rest.post("/v1/strategy-configs", json=body)
        return answer.status_code == 200 or "ALREADY_EXISTS" in answer.text

    await eventually(created, timeout=40, interval=0.3, what="a strategy is registered")
    return f"bench-{number}"


async def _done(rig: FleetRig, config_id: str, verb: str) -> float:
    (command,) = await rig.rows(_ONE, config_id, verb)

    async def ended() -> float | None:
        (row,) = await rig.rows(_SECONDS, command["command_id"])
        return row["seconds"] if row["status"] == "DONE" else None

    seconds = await eventually(ended, timeout=20, interval=0.02, what=f"{verb} of {config_id}")
    assert seconds is not None
    return float(seconds)


async def _moved(rig: FleetRig, runner_id: str) -> float:
    began = time.perf_counter()
    answer = await rig.up.rest.post(f"/v1/runners/{runner_id}:drain", json={"reason": "bench"})
    assert answer.status_code == 200, answer.text
    return await _elsewhere(rig, runner_id, began)


async def _lost(rig: FleetRig, runner_id: str) -> float:
    began = time.perf_counter()
    await rig.runners[runner_id].kill()
    return await _elsewhere(rig, runner_id, began)


async def _elsewhere(rig: FleetRig, runner_id: str, began: float) -> float:
    async def all_run() -> bool:
        return not await rig.rows(_NOT_THERE, runner_id)

    await eventually(all_run, timeout=40, interval=0.02, what=f"everything of {runner_id} runs elsewhere")
    return time.perf_counter() - began


async def _engine_lost(rig: FleetRig) -> float:
    """The engine that owns the account: until an order that was sent after its death is admitted."""
    quotes = await rig.up.get("/v1/quotes", instruments="RELIANCE")
    price = str((Decimal(quotes["quotes"][0]["last_price"]) * Decimal("0.97")).quantize(Decimal(1)))
    assert await _admitted(rig, "before", price)
    (lease,) = await rig.rows("SELECT owner_id FROM account_leases")
    os.kill(Faults(rig.up).pid(lease["owner_id"]), signal.SIGKILL)
    began, number = time.perf_counter(), 0
    while not await _admitted(rig, f"after-{number}", price):
        number += 1
        assert time.perf_counter() - began < 60, "no order was admitted within a minute"
    return time.perf_counter() - began


async def _admitted(rig: FleetRig, request_id: str, price: str) -> bool:
    body = {
        "request_id": request_id,
        "instrument": "RELIANCE",
        "side": "SIDE_BUY",
        "quantity": "1",
        "order_type": "ORDER_TYPE_LIMIT",
        "price": price,
    }
    try:
        answer = await rig.up.rest.post("/v1/orders", json=body, timeout=1.0)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def _bare_interpreter_seconds() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", "pass"], check=True, cwd=Path("/"))
    return time.perf_counter() - began
