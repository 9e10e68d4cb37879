"""An engine that places one order and is killed (SIGKILL) at a failpoint: `python -m … DATABASE_URL FAILPOINT SENT_FILE`.

Every message that reaches the broker is a line of SENT_FILE, which outlives the process.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from engine_server.broker.port import OrderTicket, Outcome
from engine_server.broker.scripted import ScriptedBroker
from tests.integration.oms.engine import running_engine
from tests.support.settings import database_settings
from tradewinds.database.session import Database


class DyingBroker(ScriptedBroker):
    """Kills its own process before or after the message has left."""

    def __init__(self, failpoint: str, sent_file: Path) -> None:
        super().__init__()
        self._failpoint = failpoint
        self._sent_file = sent_file

    async def place(self, ticket: OrderTicket) -> Outcome:
        if self._failpoint == "before_send":
            os.kill(os.getpid(), signal.SIGKILL)
        with self._sent_file.open("a") as sent:
            sent.write(f"{ticket.tag}\n")
        if self._failpoint == "after_send":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.accept(ticket)


async def main(url: str, failpoint: str, sent_file: str) -> None:
    database = Database(database_settings(url))
    await database.connect()
    async with running_engine(database, DyingBroker(failpoint, Path(sent_file)), owner="victim") as engine:
        await engine.place(request_id="r1")
        await asyncio.sleep(30)
    raise AssertionError("it should have died")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
