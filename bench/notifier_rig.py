"""A notifier with its stores, and the gateway before it, as real processes on their own ports."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Rig:
    """What is running, and how it is reached."""

    channel: Any
    stub: Any
    signing: Signing
    gateway_url: str
    http_address: str
    redis_url: str
    notifier_pid: int

    def metadata(self, user: str, *roles: str) -> Any:
        """Of a call by `user`."""
        return auth.bearer(self.signing.token(user, *roles))

    def notifier_cpu_seconds(self) -> float:
        """What the notifier has used of processors so far."""
        fields = Path(f"/proc/{self.notifier_pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def notifier_megabytes(self) -> float:
        """What the notifier holds in memory."""
        status = Path(f"/proc/{self.notifier_pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    """Everything started, and stopped afterwards."""
    with temporary_state_dir() as folder:
        signing = Signing(folder)
        async with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey") as valkey:
            await migrations.upgrade(postgres.url)
            environment = {"DATABASE_URL": postgres.url, "REDIS_URL": valkey.url, "JWKS_FILE": str(signing.jwks_file)}
            async with ServiceProcess("notifier", environment, folder) as notifier:
                grpc_address, http_address = notifier.facts["grpc"], notifier.facts["http"]
                async with GatewayProcess(
                    folder, signing.jwks_file, notifier=grpc_address, notifier_http=http_address
                ) as gateway:
                    channel = open_channel(grpc_address)
                    yield Rig(
                        channel, NotifierStub(channel), signing, gateway.url, http_address, valkey.url, notifier.pid
                    )
                    await channel.close()
