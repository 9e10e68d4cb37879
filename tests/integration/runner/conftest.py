"""A scripted engine, a real Valkey, and the runner as a real process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.runner.published_clock import publish_clock
from tests.integration.runner.scripted_engine import ScriptedEngine, serving
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tradewinds.auth import RUNNER, TokenVerifier
from tradewinds.database.redis_connection import RedisConnection

LAB = Path(__file__).parent / "lab_strategies"
SECRET = "a-secret-that-no-strategy-sees"


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(tmp_path)


@pytest.fixture
def verifier(signing: Signing) -> TokenVerifier:
    return TokenVerifier(signing.jwks_file)


@pytest.fixture
async def engine(verifier: TokenVerifier) -> AsyncIterator[ScriptedEngine]:
    async with serving(ScriptedEngine(), verifier) as engine:
        yield engine


@pytest.fixture
def runner_settings() -> dict[str, str]:
    """What a module of tests wants otherwise."""
    return {}


@pytest.fixture
async def runner_without_clock(
    engine: ScriptedEngine, redis_url: str, signing: Signing, tmp_path: Path, runner_settings: dict[str, str]
) -> AsyncIterator[ServiceProcess]:
    """A runner beside an empty Valkey: no feed has told the market clock."""
    environment = {
        "INSTANCE_ID": "runner-0",
        "ENGINE_ADDRESS": engine.address,
        "REDIS_URL": redis_url,
        "SERVICE_TOKEN": signing.token("runner-0", RUNNER),
        "STRATEGY_FOLDERS": str(LAB),
        "STRATEGY_STOP_SECONDS": "1",
        "STRATEGY_MEMORY_MB": "256",
        "STRATEGY_FILE_MB": "1",
        "PLANTED_SECRET": SECRET,
        **runner_settings,
    }
    process = ServiceProcess("strategy_runner", environment, tmp_path)
    async with process:
        yield process


@pytest.fixture
async def runner(redis: RedisConnection, runner_without_clock: ServiceProcess) -> ServiceProcess:
    """A runner that knows the market clock: the real one."""
    await publish_clock(redis, time.time_ns() // 1_000_000, 1.0)
    return runner_without_clock
