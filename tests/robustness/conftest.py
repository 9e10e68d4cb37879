"""One stack with one strategy, short leases and a stream of manual orders, for all faults of a module."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.robustness.faults import Faults
from tests.robustness.trading import Trading
from tests.robustness.workload import ManualOrders
from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess

LEASE_TTL_SECONDS = 1.5


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the stack keeps its state: ROBUSTNESS_FOLDER, which stays for a look afterwards, or a temporary one."""
    if kept := os.environ.get("ROBUSTNESS_FOLDER"):
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
    else:
        with temporary_state_dir() as path:
            yield path


@pytest.fixture(scope="module")
def moments() -> random.Random:
    """When faults strike: the same moments under the same ROBUSTNESS_SEED."""
    return random.Random(int(os.environ.get("ROBUSTNESS_SEED", "1")))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(folder: Path) -> AsyncIterator[UpProcess]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LEASE_TTL_SECONDS", str(LEASE_TTL_SECONDS))
        up = UpProcess(folder / "state", "--no-demo")
        await up.start()
    try:
        yield up
    finally:
        await up.stop()
        sys.stdout.write(up.output)  # shown with a failure: who was started again, and when


@pytest.fixture(scope="module")
def faults(stack: UpProcess) -> Faults:
    return Faults(stack)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trading(stack: UpProcess, faults: Faults) -> AsyncIterator[Trading]:
    async with ManualOrders(stack) as manual:
        trading = Trading(stack, faults, manual)
        await trading.begin()
        yield trading
