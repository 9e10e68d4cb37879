"""A stack whose stores, runners and wires the test itself holds, so that it can take them away for as long as it likes.

`tradewinds up` has one runner that nobody strikes by plan; the others are started here as a StatefulSet would: by number, each again
under its own name. Between each of them and the engines, and between the stack and its database, is a proxy.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from tests.support.service_process import ServiceProcess
from tests.support.stack import UpProcess
from tests.support.tcp_proxy import TcpProxy
from tradewinds import auth
from tradewinds.embedded.installation import SERVICE_TOKEN_LIFETIME, Installation
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey

STRATEGIES = Path(__file__).parent / "fleet_strategies"


class FleetRig:
    """`up`, its stores, and the runners `runner-1` and on. Use `running_rig`."""

    def __init__(
        self,
        folder: Path,
        postgres: EmbeddedPostgres,
        valkey: EmbeddedValkey,
        up: UpProcess,
        database_wire: TcpProxy,
        wires: AsyncExitStack,
    ) -> None:
        self.up = up
        self.runners: dict[str, ServiceProcess] = {}
        self.wires: dict[str, list[TcpProxy]] = {}  # of each runner: one to each engine, its own first
        self._database_wire = database_wire
        self._open_wires = wires
        self._folder = folder
        self._stores: dict[str, EmbeddedPostgres | EmbeddedValkey] = {"postgres": postgres, "valkey": valkey}
        self.database_url = postgres.url

    async def scale(self, count: int) -> None:
        """So many runners in all, the one of `up` among them: the highest go first, in order, by SIGTERM."""
        wanted = [f"runner-{n}" for n in range(1, count)]
        gone = [name for name in self.runners if name not in wanted]
        stopped = await asyncio.gather(*(self.runners.pop(name).stop() for name in gone))
        assert not any(stopped), f"{dict(zip(gone, stopped, strict=True))} are not clean exits"
        await asyncio.gather(*(self.start_runner(name) for name in wanted if name not in self.runners))

    async def start_runner(self, name: str) -> None:
        """Start it, again if it was killed."""
        if name not in self.runners:
            folder = self._folder / name
            folder.mkdir(exist_ok=True)
            if name not in self.wires:
                self.wires[name] = [await self._wire(address) for address in self._engines_from(name)]
            self.runners[name] = ServiceProcess("strategy_runner", self._runner_environment(name), folder)
        await self.runners[name].start()

    async def start_another(self, name: str) -> None:
        """A second process under the name of one that runs; returns when the older one has ended, as it must by itself."""
        older = self.runners.pop(name)
        await self.start_runner(name)
        await older.ended()

    def cut_off_from_database(self, pid: int) -> None:
        """Nothing passes between this process and PostgreSQL until `mend_database`."""
        wire, process = self._database_wire, psutil.Process(pid)

        def is_its_own(client_port: int) -> bool:
            return any(c.laddr.port == client_port for c in process.net_connections("tcp"))

        wire.silence(cache(is_its_own))

    def mend_database(self) -> None:
        """Everything that was sent arrives."""
        self._database_wire.mend()

    async def without(self, store: str, seconds: float, *, crash: bool) -> None:
        """Take a store away for so long; `crash`: with SIGKILL, in order otherwise."""
        server = self._stores[store]
        if crash:
            os.kill(server.pid, signal.SIGKILL)
        await server.stop()
        await asyncio.sleep(seconds)
        await server.start()

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """What PostgreSQL says."""
        connection = await asyncpg.connect(self.database_url, timeout=5)
        try:
            found: list[asyncpg.Record] = await connection.fetch(query, *arguments, timeout=10)
            return found
        finally:
            await connection.close(timeout=5)

    def logs(self, lines: int = 8) -> str:
        """The end of every log."""
        own = [f"--- {name}\n" + "\n".join(r.log().splitlines()[-lines:]) for name, r in self.runners.items()]
        return "\n".join([self.up.logs(lines), *own])

    def _runner_environment(self, name: str) -> dict[str, str]:
        token = Installation(self.up.state_dir).token(name, (auth.RUNNER,), SERVICE_TOKEN_LIFETIME)
        return {
            "INSTANCE_ID": name,
            "ENGINE_ADDRESS": ",".join(f"127.0.0.1:{wire.port}" for wire in self.wires[name]),
            "REDIS_URL": self.up.facts["redis_url"],
            "SERVICE_TOKEN": token,
            "STRATEGY_FOLDERS": str(STRATEGIES),
        }

    def _engines_from(self, name: str) -> list[str]:
        engines = [address for part, address in self.up.facts["grpc"].items() if part.startswith("engine-")]
        turn = int(name.removeprefix("runner-")) % len(engines)
        return engines[turn:] + engines[:turn]

    async def _wire(self, address: str) -> TcpProxy:
        host, _, port = address.rpartition(":")
        return await self._open_wires.enter_async_context(TcpProxy(host, int(port)))


@asynccontextmanager
async def running_rig(folder: Path, *, engines: int, runners: int, lease_ttl_seconds: float) -> AsyncIterator[FleetRig]:
    """Everything up, and down again whatever happened."""
    async with AsyncExitStack() as exits:
        postgres = await exits.enter_async_context(EmbeddedPostgres(folder / "postgres"))
        valkey = await exits.enter_async_context(EmbeddedValkey(folder / "valkey"))
        database = urlsplit(postgres.url)
        assert database.hostname is not None
        assert database.port is not None
        wire = await exits.enter_async_context(TcpProxy(database.hostname, database.port))
        through_wire = database._replace(netloc=database.netloc.replace(f":{database.port}", f":{wire.port}"))
        environment = {
            "DATABASE_URL": urlunsplit(through_wire),
            "REDIS_URL": valkey.url,
            "LEASE_TTL_SECONDS": str(lease_ttl_seconds),
        }
        arguments = ("--no-demo", "--engines", str(engines), "--strategies", str(STRATEGIES))
        up = await exits.enter_async_context(UpProcess(folder / "state", *arguments, environment=environment))
        wires = await exits.enter_async_context(AsyncExitStack())
        rig = FleetRig(folder, postgres, valkey, up, wire, wires)
        exits.push_async_callback(rig.scale, 1)
        await rig.scale(runners)
        yield rig
