"""A notifier with its stores, and the gateway before it, as real processes on their own ports; or several notifiers, as in production."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.support.datastores import temporary_state_dir
from tests.support.gateway_process import GatewayProcess
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds import auth
from tradewinds.database import migrations
from tradewinds.embedded.postgres import EmbeddedPostgres
from tradewinds.embedded.valkey import EmbeddedValkey
from tradewinds.grpc_server import open_channel
from tradewinds.v1.notifier_pb2_grpc import NotifierStub

_STORES: Final = {"postgres": "postgres", "valkey-server": "valkey"}


@dataclass(frozen=True)
class Notifier:
    """One of them."""

    channel: Any
    stub: Any
    grpc_address: str
    http_address: str
    pid: int


@dataclass(frozen=True)
class Rig:
    """What is running, and how it is reached; the gateway leads to the first notifier."""

    notifiers: Sequence[Notifier]
    signing: Signing
    gateway_url: str
    redis_url: str

    @property
    def stub(self) -> Any:
        """Of the first one."""
        return self.notifiers[0].stub

    def metadata(self, user: str, *roles: str) -> Any:
        """Of a call by `user`."""
        return auth.bearer(self.signing.token(user, *roles))

    def notifier_cpu_seconds(self) -> float:
        """What the notifiers have used of processors so far."""
        return sum(_cpu_seconds(notifier.pid) for notifier in self.notifiers)

    def cpu_seconds(self) -> dict[str, float]:
        """What everybody has used of processors so far: the notifiers, their stores, and this process."""
        used = {"notifier": self.notifier_cpu_seconds(), "bench": _cpu_seconds(os.getpid())}
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if (name := process.name()) in _STORES:
                    used[_STORES[name]] = used.get(_STORES[name], 0.0) + _cpu_seconds(process.pid)
        return used

    def notifier_megabytes(self) -> float:
        """What the first notifier holds in memory."""
        status = Path(f"/proc/{self.notifiers[0].pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def rig(replicas: int = 1) -> AsyncIterator[Rig]:
    """Everything started, and stopped afterwards."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(temporary_state_dir())
        signing = Signing(folder)
        postgres = await stack.enter_async_context(EmbeddedPostgres(folder / "postgres"))
        valkey = await stack.enter_async_context(EmbeddedValkey(folder / "valkey"))
        await migrations.upgrade(postgres.url)
        environment = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "JWKS_FILE": str(signing.jwks_file)}
        notifiers = [
            await stack.enter_async_context(_notifier(environment, folder / f"notifier-{number}"))
            for number in range(replicas)
        ]
        gateway = await stack.enter_async_context(
            GatewayProcess(
                folder, signing.jwks_file, notifier=notifiers[0].grpc_address, notifier_http=notifiers[0].http_address
            )
        )
        yield Rig(notifiers, signing, gateway.url, valkey.url)


@asynccontextmanager
async def _notifier(environment: Mapping[str, str], folder: Path) -> AsyncIterator[Notifier]:
    folder.mkdir()
    async with ServiceProcess("notifier", environment, folder) as process:
        channel = open_channel(process.facts["grpc"])
        yield Notifier(
            channel, NotifierStub(channel), process.facts["grpc"], process.facts["http"], process.facts["pid"]
        )
        await channel.close()
