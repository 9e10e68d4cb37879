"""An engine that freezes between commit and send, is taken over from, and thaws: nothing of it leaves. Without the fence it does."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from tests.integration.oms.engine import MemoryFence, add_account, running_engine
from tests.integration.oms.test_with_the_sandbox import (  # noqa: F401 - fixtures
    BELOW,
    SEAL_KEY,
    egress,
    make_broker,
    pytest_asyncio_loop_factories,
    sandbox,
)
from tests.support.angel_one import EgressForTests
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database

THAW_SECONDS = 3.0


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


async def sent(sandbox: SandboxProcess, tag: str) -> int:  # noqa: F811 - a fixture's value
    requests = await sandbox.truth("request")
    return sum(1 for r in requests if r["route"].endswith("/placeOrder") and r["body"].get("ordertag") == tag)


@pytest.mark.parametrize("fenced", [True, False])
async def test_a_thawed_engine_sends_nothing(
    database: Database,
    database_url: str,
    sandbox: SandboxProcess,  # noqa: F811
    egress: EgressForTests,  # noqa: F811
    make_broker: Callable[[Account, int], Broker],  # noqa: F811
    fenced: bool,
) -> None:
    await add_account(database)
    facts = {
        "egress_url": egress.url,
        "https_url": sandbox.https_url,
        "ca_file": str(sandbox.ca_file),
        "credentials": asdict(sandbox.credentials),
        "seal_key": SEAL_KEY.hex(),
        "price": str(BELOW),
    }
    victim = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.oms.freezing_victim", database_url, json.dumps(facts)
    )
    try:
        await eventually(lambda: is_stopped(victim.pid), timeout=30, what="the victim freezes before it sends")
        row = await database.pool.fetchrow("SELECT order_id, tag, state FROM orders")
        assert row is not None
        assert row["state"] == "SUBMITTING"
        # The control takes the account over without raising the fence (and so has no way to the broker itself).
        fence = EgressFence(egress.url, "engine-b") if fenced else MemoryFence()
        make = make_broker if fenced else None
        async with running_engine(
            database, ScriptedBroker(), owner="engine-b", make_broker=make, fence=fence, wait=False
        ) as engine:
            await eventually(lambda: engine.management is not None and engine.management.gate.is_open, timeout=30)
            await engine.wait_for(row["order_id"], "NOT_PLACED")
            victim.send_signal(signal.SIGCONT)
            await asyncio.sleep(THAW_SECONDS)
            if fenced:
                assert (await engine.order(row["order_id"])).state == "NOT_PLACED"
        assert await sent(sandbox, row["tag"]) == (0 if fenced else 1)  # the control: without the fence it gets out
    finally:
        victim.kill()
        await victim.wait()
