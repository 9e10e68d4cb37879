"""The egress as a process: ready file, health, metrics, a clean end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.waiting import eventually
from tradewinds.grpc_server import open_channel

PROGRAM = "from engine_server.egress.server import main; from tradewinds.service import run; run('egress', main)"


@asynccontextmanager
async def egress_process(folder: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "EGRESS_ALLOWED": "127.0.0.1:1", "READY_FILE": str(folder / "ready.json"), **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def ready(folder: Path) -> dict[str, Any]:
    await eventually((folder / "ready.json").exists, timeout=20)
    facts: dict[str, Any] = json.loads((folder / "ready.json").read_text())
    return facts


async def test_it_says_where_it_serves_is_healthy_has_metrics_and_ends_cleanly_with_a_tunnel_open(
    tmp_path: Path,
) -> None:
    async with egress_process(tmp_path) as process:
        facts = await ready(tmp_path)
        host, _, port = facts["egress"].rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        channel = open_channel(facts["grpc"])
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        await channel.close()
        async with aiohttp.ClientSession() as session, session.get(f"http://{facts['metrics']}/metrics") as metrics:
            assert "tradewinds_egress_open_tunnels" in await metrics.text()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        writer.close()


async def test_a_taken_port_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    blocker = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = blocker.sockets[0].getsockname()[1]
    async with egress_process(tmp_path, EGRESS_PORT=str(port)) as process:
        _, errors = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 2
    assert errors.decode().splitlines()[-1].startswith(f"egress: EGRESS_PORT: 127.0.0.1:{port} cannot be bound")
    blocker.close()
    await blocker.wait_closed()
