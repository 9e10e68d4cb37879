"""Runners, engines and stores die, freeze and are scaled while a fleet trades: nothing runs twice, misses a fill, or repeats an exit.

`make chaos` makes it larger: `CHAOS_SEED`, `FLEET_STRATEGIES`, `FLEET_RUNNERS`, `FLEET_ROUNDS`, `FLEET_FAULTS` (names, separated by
commas), `FLEET_LEASE_TTL`, `FLEET_SOAK_SECONDS`. It prints one line. The oracle is the sandbox's truth log.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.robustness.fleet_faults import FleetFaults
from tests.robustness.fleet_rig import running_rig
from tests.robustness.fleet_run import FleetRun
from tests.robustness.status_watch import StatusWatch
from tests.support.datastores import temporary_state_dir

SEED = int(os.environ.get("CHAOS_SEED", "1"))
STRATEGIES = int(os.environ.get("FLEET_STRATEGIES", "8"))
RUNNERS = int(os.environ.get("FLEET_RUNNERS", "2"))
ROUNDS = int(os.environ.get("FLEET_ROUNDS", "4"))
SOAK_SECONDS = float(os.environ.get("FLEET_SOAK_SECONDS", "0"))
LEASE_TTL_SECONDS = float(os.environ.get("FLEET_LEASE_TTL", "3"))
# What runs in CI: the faults that no other test has with a whole fleet around.
_FEW = ("runner_frozen", "postgres_1s", "leader_killed", "scaled")


def rounds(dice: random.Random, faults: FleetFaults) -> list[str]:
    """Which faults strike, in which order: each as often as any other."""
    names = os.environ.get("FLEET_FAULTS", ",".join(_FEW)).split(",")
    names = sorted(faults.table) if names == ["all"] else names
    assert set(names) <= faults.table.keys(), f"FLEET_FAULTS: there are {', '.join(faults.table)}, or all"
    drawn = [name for _ in range(ROUNDS // len(names) + 1) for name in dice.sample(names, len(names))]
    return drawn[:ROUNDS]


@asynccontextmanager
async def a_fleet(dice: random.Random) -> AsyncIterator[tuple[FleetRun, FleetFaults]]:
    """Started, and trading."""
    with temporary_state_dir() as folder:
        async with running_rig(folder, engines=2, runners=RUNNERS, lease_ttl_seconds=LEASE_TTL_SECONDS) as rig:
            faults = FleetFaults(rig, dice, runners=RUNNERS, many=RUNNERS + 2, ttl_seconds=LEASE_TTL_SECONDS)
            async with StatusWatch(rig) as watch:
                run = FleetRun(rig, faults, watch, seed=SEED, strategies=STRATEGIES, pace=max(2, STRATEGIES // 3))
                await run.begin()
                yield run, faults


@pytest.mark.timeout(3600)
async def test_a_fleet_that_is_broken_all_the_time_keeps_its_promises() -> None:
    dice = random.Random(SEED)
    async with a_fleet(dice) as (run, faults):
        for name in rounds(dice, faults):
            await run.strike(name)
        verdict = await run.end()
    sys.stdout.write(verdict.line() + "\n")
    assert not verdict.wrong, "\n".join(verdict.wrong[:20])
    assert verdict.acked > STRATEGIES


@pytest.mark.skipif(not SOAK_SECONDS, reason="takes minutes: FLEET_SOAK_SECONDS=300, or `make chaos`")
@pytest.mark.timeout(3600)
async def test_a_night_of_restarts_stops_no_strategy_and_wakes_nobody() -> None:
    """What a night brings in hours, in minutes: every part is away now and then, for 1 to 30 s; mostly for few."""
    dice = random.Random(SEED)
    async with a_fleet(dice) as (run, _):
        until = time.monotonic() + SOAK_SECONDS
        while time.monotonic() < until:
            what = dice.choice(("engines", "postgres", "valkey", "runner"))
            await run.outage(what, min(30.0, 1 + dice.expovariate(1 / 6)))
        verdict = await run.end(nobody_stops=True)
    sys.stdout.write(verdict.line() + "\n")
    assert not verdict.wrong, "\n".join(verdict.wrong[:20])
