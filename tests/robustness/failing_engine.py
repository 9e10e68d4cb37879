"""An engine that trades until a failpoint (FAILPOINTS) ends it: `python -m … DATABASE_URL JSON`.

The JSON says where the egress and the broker are, and what to order. Each answer that a caller got is a line on stdout: `REQUEST ORDER`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from tests.integration.oms.engine import Engine, running_engine
from tests.robustness.patience import PATIENT
from tests.support.angel_one import broker_settings, credentials_of
from tests.support.sandbox_process import SandboxCredentials
from tests.support.settings import database_settings
from tests.support.waiting import eventually
from tradewinds import failpoints
from tradewinds.config import load
from tradewinds.database.session import Database


async def main(url: str, facts: dict[str, Any]) -> None:
    failpoints.arm(load(failpoints.FailpointSettings).parsed())
    database = Database(database_settings(url))
    await database.connect()

    def make(account: Account, epoch: int) -> Broker:
        return AngelOneBroker(
            account.account_id,
            credentials_of(SandboxCredentials(**facts["credentials"])),
            broker_settings(facts["https_url"], Path(facts["ca_file"])),
            facts["egress_url"],
            epoch,
            PostgresSessionStore(database, bytes.fromhex(facts["seal_key"]), account.account_id),
        )

    fence = EgressFence(facts["egress_url"], facts["owner"])
    async with running_engine(
        database, ScriptedBroker(), owner=facts["owner"], make_broker=make, fence=fence, settings=PATIENT, wait=False
    ) as engine:
        await eventually(lambda: engine.management is not None and engine.management.gate.is_open, timeout=60)
        # What the engine before left unclear holds entries until it is known.
        await eventually(partial(_all_known, engine), timeout=60, what="every fate is known")
        await asyncio.gather(*(_order(engine, request_id, Decimal(facts["price"])) for request_id in facts["requests"]))
        await asyncio.sleep(20)


async def _all_known(engine: Engine) -> bool:
    rows = await engine.rows("SELECT 1 FROM orders WHERE state IN ('UNKNOWN', 'SUBMITTING', 'PENDING_SUBMIT')")
    return not rows


async def _order(engine: Engine, request_id: str, price: Decimal) -> None:
    order = await engine.place(request_id=request_id, quantity=1, price=price)
    sys.stdout.write(f"{request_id} {order.order_id}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
