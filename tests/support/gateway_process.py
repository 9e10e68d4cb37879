"""A real Envoy with the rendered configuration."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.launch import envoy_command, listening_address
from gateway.render import render
from gateway.settings import GatewaySettings

_START_SECONDS = 20.0
# Nobody listens there (RFC 863's discard port): what a test does not need is down.
NOWHERE = "127.0.0.1:9"


class GatewayProcess:
    """On a free port; `url` is where it serves REST, `address` where it serves gRPC."""

    def __init__(
        self,
        folder: Path,
        jwks_file: Path,
        *,
        engine: str = NOWHERE,
        notifier: str = NOWHERE,
        notifier_http: str = NOWHERE,
    ) -> None:
        self._folder = folder
        self._settings = GatewaySettings(
            port=0,
            engine_addresses=(engine,),
            notifier_address=notifier,
            notifier_http_address=notifier_http,
            jwks_file=jwks_file,
        )
        self._process: asyncio.subprocess.Process | None = None
        self.address = ""

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    async def __aenter__(self) -> Self:
        config, admin = self._folder / "envoy.yaml", self._folder / "envoy-admin"
        config.write_text(render(self._settings))
        command = [*envoy_command(config, admin), "--concurrency", "1"]
        with (self._folder / "envoy.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(*command, stderr=log)
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await self._serves():
                    assert self._process.returncode is None, (self._folder / "envoy.log").read_text()
                    with contextlib.suppress(OSError, ValueError):
                        self.address = await asyncio.to_thread(listening_address, admin.read_text())
                    await asyncio.sleep(0.02)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _serves(self) -> bool:
        """Envoy names its port before its worker listens there: until then connections are refused."""
        if not self.address:
            return False
        host, _, port = self.address.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        """SIGKILL: nothing of it is worth a drain."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
