"""An engine that freezes while it admits an order does not delay a kill: it is fenced off at once, and what it had in hand when it
thaws is neither committed nor sent.
"""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine_server.broker.fence import EgressFence
from tests.integration.oms.engine import ACCOUNT, Engine, add_account
from tests.integration.oms.risk_server import serving_operations
from tests.robustness.engine_process import EngineProcess, Say, Surroundings, engine_at, is_open
from tests.robustness.forked_egress import ForkedEgress
from tests.robustness.shares import SHARES
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.failpoints import Failpoint
from tradewinds.v1 import risk_pb2 as pb

SHARE, OTHER = SHARES[:2]
THAW_SECONDS = 1.0


async def order_one(engine: Engine, _say: Say) -> None:
    await engine.place(request_id="r1", instrument=SHARE.instrument.symbol, quantity=1, price=SHARE.crossing_buy)


@pytest.mark.parametrize("edge", ["oms.commit.before.PLACED", "oms.send.before.place"])
async def test_an_engine_frozen_while_it_admits_does_not_delay_a_kill(
    database: Database, database_url: str, sandbox: SandboxProcess, egress: ForkedEgress, tmp_path: Path, edge: str
) -> None:
    await add_account(database)
    # Longer than it takes to engage the kill: nobody takes the account over because a lease has run out.
    around = replace(await Surroundings.of(sandbox, database_url, egress.url, pace=4), ttl_seconds=15.0)
    frozen = EngineProcess(around, "engine-a", order_one, tmp_path / "engine.log", (Failpoint(edge, "stop", nth=1),))
    async with frozen:
        await eventually(lambda: frozen.is_frozen, timeout=60, what=f"it freezes at {edge}")
        await kill_it(frozen, around, database, sandbox, egress, tmp_path)


async def kill_it(
    frozen: EngineProcess,
    around: Surroundings,
    database: Database,
    sandbox: SandboxProcess,
    egress: ForkedEgress,
    folder: Path,
) -> None:
    sent = len(await placements(sandbox))
    epoch = await database.pool.fetchval("SELECT epoch FROM account_leases")
    async with engine_at(around, "engine-b", database) as other:
        async with serving_operations(other, folder, EgressFence(egress.url, "engine-b")) as operations:
            request = pb.EngageKillSwitchRequest(
                scope=pb.RISK_SCOPE_ACCOUNT, subject_id=ACCOUNT, action=pb.KILL_ACTION_HALT, reason="drill"
            )
            started = time.monotonic()
            kill = await operations.stub.EngageKillSwitch(request, metadata=operations.as_("asha"))
            elapsed = time.monotonic() - started
        (progress,) = kill.progress
        assert progress.HasField("fenced_at")
        assert elapsed < 5  # 250 ms, and what a loaded machine adds; it is frozen all the time
        frozen.send(signal.SIGCONT)
        await asyncio.sleep(THAW_SECONDS)
        assert len(await placements(sandbox)) == sent
        # Whoever owns the account next begins with the kill switch in force.
        await eventually(lambda: is_open(other), timeout=60, what="another owner")
        assert await database.pool.fetchval("SELECT epoch FROM account_leases") > epoch + 1
        refused = await other.place(instrument=OTHER.instrument.symbol, quantity=1, price=OTHER.crossing_buy)
        assert refused.reason == "TRADING_HALTED"


async def placements(sandbox: SandboxProcess) -> list[str]:
    """The tags of what was placed there."""
    records = await sandbox.truth("request")
    return [record["body"].get("ordertag", "") for record in records if record["route"].endswith("/placeOrder")]
