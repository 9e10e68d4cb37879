"""An egress in a process of its own that keeps its fences on disk, to be killed and started again at its address."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from urllib.parse import urlsplit

from engine_server.egress.connect_request import Target
from engine_server.egress.fences import Fences
from engine_server.egress.proxy import EgressProxy
from tests.support.waiting import eventually

_FORKS = multiprocessing.get_context("forkserver")
_START_SECONDS = 30.0


class ForkedEgress:
    """Opens tunnels to the host of `broker_url` alone. Closed until a fence is raised."""

    def __init__(self, broker_url: str, folder: Path) -> None:
        self._target = Target.parse(urlsplit(broker_url).netloc)
        self._folder = folder
        self._address = ""
        self._process: BaseProcess | None = None

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    async def start(self) -> None:
        """At its first start on a free port, then always there: again where somebody's outgoing connection has the port at that moment."""
        self._address = await eventually(self._started, timeout=_START_SECONDS, interval=0.2, what="the egress listens")

    async def _started(self) -> str:
        """Where it listens; empty when it could not."""
        hears, says = _FORKS.Pipe(duplex=False)
        port = int(self._address.rpartition(":")[2] or 0)
        self._process = _FORKS.Process(
            target=_run, args=(self._target, self._folder, port, says), name="egress", daemon=True
        )
        self._process.start()
        says.close()
        await eventually(hears.poll, timeout=_START_SECONDS, what="the egress says something")
        try:
            return str(hears.recv())
        except EOFError:
            await self.kill()
            return ""
        finally:
            hears.close()

    async def kill(self) -> None:
        """SIGKILL: every tunnel breaks, what it had on disk stays."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await eventually(lambda: process.exitcode is not None, what="the egress is gone")
            process.close()


def _run(target: Target, folder: Path, port: int, says: Connection) -> None:
    with (folder / "egress.log").open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    asyncio.run(_serve(EgressProxy(frozenset({target}), Fences(folder)), port, says))


async def _serve(proxy: EgressProxy, port: int, says: Connection) -> None:
    says.send(await proxy.start("127.0.0.1", port))
    await asyncio.Event().wait()
