"""Whatever is killed or frozen, at whatever moment: no order is sent twice, none is forgotten, all books agree.

One stack lives through all of it, under a strategy that turns over every second and a stream of manual orders; every test
leaves it well again. `ROBUSTNESS_SEED` moves the moments.
"""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from tests.robustness.conftest import LEASE_TTL_SECONDS
from tests.robustness.faults import Faults
from tests.robustness.trading import BURST, CONFIG_ID, Trading

pytestmark = [pytest.mark.timeout(420), pytest.mark.asyncio(loop_scope="module")]

ENGINE_KILLS = 5


async def a_moment(trading: Trading, moments: random.Random) -> None:
    """Somewhere in the strategy's second, and amid a burst of orders on their way: nothing is waited for, it is the fault's."""
    await asyncio.sleep(moments.uniform(0.0, 1.0))
    trading.manual.burst(BURST)
    await asyncio.sleep(moments.uniform(0.005, 0.25))


async def test_nothing_is_wrong_while_nothing_is_broken(trading: Trading) -> None:
    await trading.agrees()


@pytest.mark.parametrize("time", range(ENGINE_KILLS))
async def test_a_killed_engine(trading: Trading, faults: Faults, moments: random.Random, time: int) -> None:
    await a_moment(trading, moments)
    await faults.kill("engine-0")
    await trading.goes_on()
    await trading.agrees()


@pytest.mark.parametrize("name", ["egress", "feed", "notifier", "runner-0", "gateway", "sandbox"])
async def test_a_killed_process(trading: Trading, faults: Faults, moments: random.Random, name: str) -> None:
    await a_moment(trading, moments)
    await faults.kill(name)
    await trading.goes_on()
    await trading.agrees()


async def test_a_killed_strategy(trading: Trading, faults: Faults, moments: random.Random) -> None:
    await a_moment(trading, moments)
    await faults.kill_strategy(CONFIG_ID)
    await trading.goes_on()
    await trading.agrees()


async def test_an_emptied_valkey(trading: Trading, faults: Faults, moments: random.Random) -> None:
    await a_moment(trading, moments)
    await faults.empty_valkey()
    await trading.goes_on()
    await trading.agrees()


@pytest.mark.parametrize("name", ["engine-0", "runner-0"])
async def test_frozen_for_longer_than_its_lease(
    trading: Trading, faults: Faults, moments: random.Random, name: str
) -> None:
    await a_moment(trading, moments)
    with faults.frozen(name):
        await asyncio.sleep(LEASE_TTL_SECONDS * 2)
    await trading.goes_on()
    await trading.agrees()


@pytest.mark.parametrize("name", ["valkey", "postgres"])
async def test_a_killed_store(trading: Trading, faults: Faults, moments: random.Random, name: str) -> None:
    await a_moment(trading, moments)
    await faults.kill(name)
    await trading.goes_on()
    await trading.agrees()


@pytest.mark.parametrize("name", ["engine-0", "egress", "sandbox"])
async def test_killed_while_the_broker_owes_answers(trading: Trading, faults: Faults, name: str) -> None:
    """Whether these orders reached the broker, nobody here can know: they are UNKNOWN until its books have told."""
    with faults.frozen("sandbox"):
        await trading.orders_wait_for_the_broker()
        faults.strike(name)
    await trading.goes_on()
    await trading.agrees()


async def test_an_engine_frozen_while_the_broker_owes_answers(trading: Trading, faults: Faults) -> None:
    with faults.frozen("sandbox"):
        await trading.orders_wait_for_the_broker()
        with faults.frozen("engine-0"):
            await asyncio.sleep(LEASE_TTL_SECONDS * 2)
    await trading.goes_on()
    await trading.agrees()


async def test_in_the_end_the_fate_of_every_order_is_known(trading: Trading) -> None:
    evidence = await trading.end()
    summary = f"{len(evidence.placements)} placements, {len(evidence.trades)} trades, {dict(trading.manual.answers)}"
    sys.stdout.write(summary)
    assert len(evidence.placements) > 100
