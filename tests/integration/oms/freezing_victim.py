"""An engine that commits one order and freezes (SIGSTOP) before it sends it: `python -m … DATABASE_URL JSON`.

The JSON says where the egress and the broker are. Thawed, it goes on where it was: the message is pushed into the tunnel that stood.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import OrderTicket, Outcome
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from tests.integration.oms.engine import running_engine
from tests.support.angel_one import broker_settings, credentials_of
from tests.support.sandbox_process import SandboxCredentials
from tests.support.settings import database_settings
from tradewinds.database.session import Database


class FreezingBroker(AngelOneBroker):
    """Stops its own process between the commit of the intent and the send."""

    async def place(self, ticket: OrderTicket) -> Outcome:
        os.kill(os.getpid(), signal.SIGSTOP)
        return await super().place(ticket)


async def main(url: str, facts: dict[str, Any]) -> None:
    database = Database(database_settings(url))
    await database.connect()
    seal_key = bytes.fromhex(facts["seal_key"])

    def make(account: Account, epoch: int) -> FreezingBroker:
        return FreezingBroker(
            account.account_id,
            credentials_of(SandboxCredentials(**facts["credentials"])),
            broker_settings(facts["https_url"], Path(facts["ca_file"])),
            facts["egress_url"],
            epoch,
            PostgresSessionStore(database, seal_key, account.account_id),
        )

    fence = EgressFence(facts["egress_url"], "victim")
    async with running_engine(database, ScriptedBroker(), owner="victim", make_broker=make, fence=fence) as engine:
        await engine.place(request_id="r1", price=facts["price"])
        await asyncio.sleep(30)


if __name__ == "__main__":
    told = json.loads(sys.argv[2])

    asyncio.run(main(sys.argv[1], {**told, "price": Decimal(told["price"])}))
