"""A real sandbox process for tests: `async with SandboxProcess() as sandbox: ...`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pyotp

REPOSITORY = Path(__file__).parents[2]
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SandboxCredentials:
    """What a client of the sandbox must know."""

    client_code: str = "D12345"
    pin: str = "1234"
    totp_secret: str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    api_key: str = "sandbox-key"

    def totp(self) -> str:
        """The one-time password of this instant."""
        return pyotp.TOTP(self.totp_secret).now()


@dataclass(slots=True)
class SandboxProcess:
    """Starts on free ports in a folder of its own (or `state_dir`, to restart from it); stops by its pid.

    `arguments` are further command-line arguments, as ("--speed", "60"). `state_dir` given is kept, else it is removed.
    """

    arguments: tuple[str, ...] = ()
    state_dir: Path | None = None
    credentials: SandboxCredentials = field(default_factory=SandboxCredentials)
    http_url: str = ""
    https_url: str = ""
    ca_file: Path = Path()
    pid: int = 0
    _process: asyncio.subprocess.Process | None = None
    _own_folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def market_stream_url(self) -> str:
        """`ws://` address of the tick socket; the `wss://` one follows from `https_url`."""
        return f"{self.http_url.replace('http', 'ws', 1)}/smart-stream"

    @property
    def order_stream_url(self) -> str:
        return f"{self.http_url.replace('http', 'ws', 1)}/smart-order-update"

    @property
    def scrip_master_url(self) -> str:
        return f"{self.http_url}/OpenAPI_File/files/OpenAPIScripMaster.json"

    def as_real_broker(self) -> dict[str, str]:
        """The settings that put an account at this broker in place of the stack's own."""
        known, https = self.credentials, self.https_url
        wss = https.replace("https", "wss", 1)
        return {
            "BROKER_REST_URL": https,
            "BROKER_ORDER_STREAM_URL": f"{wss}/smart-order-update",
            "BROKER_MARKET_STREAM_URL": f"{wss}/smart-stream",
            "BROKER_SCRIP_MASTER_URL": f"{https}/OpenAPI_File/files/OpenAPIScripMaster.json",
            "BROKER_CLOCK_URL": f"{https}/sandbox/clock",
            "BROKER_CA_FILE": str(self.ca_file),
            "BROKER_CLIENT_CODE": known.client_code,
            "BROKER_PIN": known.pin,
            "BROKER_TOTP_SECRET": known.totp_secret,
            "BROKER_API_KEY": known.api_key,
        }

    async def start(self) -> None:
        """Start it and wait until it really serves. Raises RuntimeError with its own words when it does not."""
        if self.state_dir is None:
            self._own_folder = tempfile.TemporaryDirectory(prefix="sandbox-")
            self.state_dir = Path(self._own_folder.name) / "state"
        ready_file = self.state_dir.parent / f"{self.state_dir.name}.ready.json"
        ready_file.unlink(missing_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
        with self._log_file.open("ab") as log:  # a file, not a pipe: nobody reads while it runs
            self._process = await asyncio.create_subprocess_exec(
                *self._command(ready_file), cwd=REPOSITORY, env=environment, stderr=log
            )
        self.pid = self._process.pid
        try:
            await asyncio.wait_for(self._until_ready(ready_file), _START_SECONDS)
        except BaseException:
            await self.kill()
            raise

    async def stop(self) -> int:
        """SIGTERM, wait, and return the exit code. Raises TimeoutError (after a SIGKILL) when it does not end."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL, as a crash does; the folder stays for a restart until the context ends."""
        await self._end(signal.SIGKILL)

    async def restart(self) -> None:
        """Start again in the same folder, on new ports."""
        await self.start()

    async def get(self, path: str, **query: str | int) -> Any:
        """A control route, as `get("/sandbox/clock")`."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.http_url}{path}", params=query) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def fault(self, name: str, **fields: Any) -> None:
        """Let a fault stand: `fault("ws_drop", route="orders", count=2)`."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.http_url}/sandbox/faults", json={"fault": name, **fields}) as answer,
        ):
            assert answer.status == 200, await answer.text()

    async def clear_faults(self) -> None:
        """No fault stands any more."""
        async with aiohttp.ClientSession() as session, session.delete(f"{self.http_url}/sandbox/faults") as answer:
            assert answer.status == 200, await answer.text()

    async def truth(self, *kinds: str, after: int = 0) -> list[dict[str, Any]]:
        """All truth records after a sequence number, of the given kinds (none given: all)."""
        records: list[dict[str, Any]] = []
        while True:
            page = await self.get("/sandbox/truth", after=after, kind=",".join(kinds))
            records += page["records"]
            if not page["more"]:
                return records
            after = records[-1]["seq"]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._own_folder is not None:
            self._own_folder.cleanup()

    def _command(self, ready_file: Path) -> list[str]:
        known = self.credentials
        return [
            *(sys.executable, "-m", "sandbox"),
            *("--client-code", known.client_code, "--pin", known.pin, "--totp-secret", known.totp_secret),
            *("--api-key", known.api_key, "--state-dir", str(self.state_dir), "--ready-file", str(ready_file)),
            # Tests of other rooms ask more often than the broker allows; the rates have tests of their own.
            *(() if "--rate-limits" in self.arguments else ("--rate-limits", "off")),
            # The whole scrip master takes every reader seconds; who is about its size asks for it.
            *(() if "--scrip-size" in self.arguments else ("--scrip-size", "small")),
            *self.arguments,
        ]

    async def _until_ready(self, ready_file: Path) -> None:
        assert self._process is not None
        while not ready_file.exists():
            if self._process.returncode is not None:
                raise RuntimeError(f"the sandbox ended with code {self._process.returncode}: {self._last_words()}")
            await asyncio.sleep(0.02)
        ready = json.loads(ready_file.read_text())
        self.http_url, self.https_url, self.ca_file = ready["http"], ready["https"], Path(ready["ca_file"])

    def _last_words(self) -> str:
        return self._log_file.read_text(errors="replace")[-2000:]

    @property
    def _log_file(self) -> Path:
        assert self.state_dir is not None
        return self.state_dir.parent / f"{self.state_dir.name}.log"

    async def _end(self, number: signal.Signals) -> int:
        process = self._process
        if process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        self._process = None
        return process.returncode or 0
