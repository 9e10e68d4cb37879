"""PostgreSQL or Valkey of the stack under supervision: started again at the same address when it dies, as the services are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from tradewinds.embedded.server_process import EmbeddedServerError

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 10.0
_HEALTHY_SECONDS = 30.0  # alive for so long: the next death starts counting anew


class Store(Protocol):
    """A server that keeps its address when it is started again."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    async def start(self) -> None:
        """Until it answers; raises `EmbeddedServerError`."""
        ...

    async def stop(self) -> None:
        """Within bounds, whatever state it is in."""
        ...

    async def wait(self) -> int:
        """Until it ends; its exit code."""
        ...


class SupervisedStore:
    """The services hold its address from their start on: it comes back there, or not at all until the address is free."""

    def __init__(self, name: str, store: Store, told: Callable[[str, str], None]) -> None:
        """`told(name, what)` hears of every death and every start that failed or succeeded afterwards."""
        self.name = name
        self._store = store
        self._told = told
        self._watch: asyncio.Task[None] | None = None
        self._runs = False

    @property
    def url(self) -> str:
        """Where it is; the same for as long as it is supervised."""
        return self._store.url

    @property
    def pid(self) -> int:
        """The process that runs now; 0 while none does."""
        return self._store.pid if self._runs else 0

    async def start(self) -> None:
        """Start and watch it; raises `EmbeddedServerError` with the reason."""
        await self._store.start()
        self._runs = True
        self._watch = asyncio.create_task(self._supervise(), name=f"watch {self.name}")
        self._watch.add_done_callback(self._unwatched)

    async def stop(self) -> None:
        """End the watch, then the server. Does nothing when it was not started."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._store.stop()
        self._runs = False

    async def _supervise(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            exit_code = await self._store.wait()
            self._runs = False
            self._told(self.name, f"ended with exit code {exit_code}, starting it again")
            pause = _FIRST_PAUSE_SECONDS if loop.time() - began > _HEALTHY_SECONDS else pause
            while not self._runs:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
                await self._try_again()

    async def _try_again(self) -> None:
        try:
            await self._store.stop()  # gives its folder back
            await self._store.start()
        except (EmbeddedServerError, OSError) as e:
            self._told(self.name, f"cannot be started again yet: {e}")
        else:
            self._runs = True
            self._told(self.name, f"up again as process {self._store.pid}")

    def _unwatched(self, watch: asyncio.Task[None]) -> None:
        if not watch.cancelled() and (error := watch.exception()) is not None:
            self._told(self.name, f"is no longer watched, restart `tradewinds up`: {error!r}")
