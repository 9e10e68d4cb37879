"""What runs under faults: one stack with one strategy, short leases and a stream of manual orders, for all faults of a module; or a
simulated broker and an egress alone, for engines that a test starts itself."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.robustness.faults import Faults
from tests.robustness.forked_egress import ForkedEgress
from tests.robustness.trading import Trading
from tests.robustness.workload import ManualOrders
from tests.support.datastores import temporary_state_dir
from tests.support.sandbox_process import SandboxProcess
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


@pytest.fixture(scope="module")
def sandbox_arguments() -> tuple[str, ...]:
    """What the module's simulated broker is told beyond the usual; a module says its own."""
    return ()


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner, sandbox_arguments: tuple[str, ...]) -> Iterator[SandboxProcess]:
    """A simulated broker for the tests of a module: each has a database of its own, so that tags tell their orders apart."""
    process = SandboxProcess(sandbox_arguments)
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def egress(sandbox: SandboxProcess, tmp_path: Path) -> AsyncIterator[ForkedEgress]:
    """The way there."""
    egress = ForkedEgress(sandbox.https_url, tmp_path)
    await egress.start()
    yield egress
    await egress.kill()
