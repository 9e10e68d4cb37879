"""What PostgreSQL and Valkey have in common: one process that owns one folder, started once at a time and stopped within bounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tradewinds.embedded.server_process import EmbeddedServerError, ServerProcess, StopStep
from tradewinds.embedded.state_dir import StateDir


class EmbeddedServer(ABC):
    """Use it with `async with`, or `start` and `stop`. Started again by the same owner it keeps its address."""

    NAME: ClassVar[str]
    STOP_STEPS: ClassVar[Sequence[StopStep]]

    def __init__(self, state_dir: Path) -> None:
        self._state = StateDir(state_dir)
        self._process: ServerProcess | None = None
        self._url = ""
        self._port = 0

    @property
    def url(self) -> str:
        """With user and password, on loopback."""
        self._running()
        return self._url

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._running().pid

    async def start(self) -> None:
        """Take the folder, end what a crash left in it, and answer when this returns.

        Raises `EmbeddedServerError` with the reason: it runs already, the folder is in use, the server ended.
        """
        if self._process is not None:
            raise EmbeddedServerError(f"{self.NAME} in {self._state.path} was started already")
        await self._settle_in()
        self._state.acquire()
        try:
            await self._launch()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """By `STOP_STEPS`, then SIGKILL. Does nothing when it is not running."""
        try:
            if self._process is not None:
                await self._process.stop(self.STOP_STEPS)
                self._process = None
        finally:
            self._state.release()

    async def wait(self) -> int:
        """Wait until the server ends, for whatever reason; its exit code."""
        return await self._running().wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def _running(self) -> ServerProcess:
        if self._process is None:
            raise EmbeddedServerError(f"{self.NAME} in {self._state.path} is not running: call start() first")
        return self._process

    async def _settle_in(self) -> None:
        """Choose where it lives, before the folder is taken."""
        return

    @abstractmethod
    async def _launch(self) -> None:
        """Until it answers at `_url`; the folder is ours."""
