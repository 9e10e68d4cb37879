"""Break-glass at a real sandbox: no PostgreSQL, no Redis, no engine; with the egress alive and with it dead."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from engine_server.break_glass import bundle as bundles
from engine_server.break_glass.bundle import Bundle, SealedAccount
from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Accepted, ReportStatus
from engine_server.egress.fences import FenceAheadError, Fences
from engine_server.oms.domain.tags import Tags, tag_key
from tests.support.angel_one import ACCOUNT, EgressForTests, broker_at, running_egress, ticket
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.errors import ConfigurationError
from tradewinds.ids import new_id

SEAL_KEY = b"s" * 32
TAGS = Tags(ACCOUNT, tag_key(SEAL_KEY))
PHONE = "000-DEALING-DESK"


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def egress(sandbox: SandboxProcess) -> AsyncIterator[EgressForTests]:
    async with running_egress(sandbox.https_url) as egress:
        yield egress


@pytest.fixture
def bundle_file(sandbox: SandboxProcess, tmp_path: Path) -> Path:
    known, wss = sandbox.credentials, sandbox.https_url.replace("https", "wss", 1)
    account = SealedAccount(known.client_code, known.pin, known.totp_secret, known.api_key)
    bundle = Bundle(
        {ACCOUNT: account},
        sandbox.https_url,
        f"{wss}/smart-order-update",
        f"{wss}/smart-stream",
        sandbox.ca_file.read_text(),
        PHONE,
    )
    path = tmp_path / "bundle"
    bundles.write(path, SEAL_KEY, bundle)
    return path


async def traded(broker: AngelOneBroker) -> dict[str, str]:
    """A position and a resting order of ours, and a resting order of somebody else; broker ids by what they are."""
    await broker.login()
    ids = {}
    for name, tag, price in (
        ("bought", TAGS.of(new_id("ord")), "985"),
        ("resting", TAGS.of(new_id("ord")), "870"),
        ("foreign", "byhand", "871"),
    ):
        outcome = await broker.place(ticket(tag, quantity=10, price=Decimal(price)))
        assert isinstance(outcome, Accepted), outcome
        ids[name] = outcome.broker_order_id

    async def filled() -> bool:
        book = {report.broker_order_id: report.status for report in await broker.order_book()}
        return book[ids["bought"]] is ReportStatus.FILLED

    await eventually(filled, timeout=20, interval=1.1, what="the position is there")
    return ids


async def break_glass(tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """A process of its own, with nothing but SEAL_KEY."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine_server", "break-glass", *arguments),
        env={**environment, "SEAL_KEY": base64.b64encode(SEAL_KEY).decode()},
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return int(process.returncode or 0), output.decode()


@pytest.mark.parametrize("egress_lives", [True, False])
async def test_it_cancels_and_squares_off_until_the_broker_shows_nothing(
    sandbox: SandboxProcess, egress: EgressForTests, bundle_file: Path, tmp_path: Path, egress_lives: bool
) -> None:
    async with broker_at(sandbox, egress.url) as broker:
        ids = await traded(broker)
    state_dir, url = tmp_path / "egress", egress.url
    if not egress_lives:
        await egress.stop()
    common = (
        "--bundle",
        str(bundle_file),
        "--account",
        ACCOUNT,
        "--egress-url",
        url,
        "--journal",
        str(tmp_path / "log"),
    )
    code, output = await break_glass(tmp_path, "square-off", *common, "--egress-state-dir", str(state_dir))
    assert code == 0, output
    assert output.count(PHONE) == 2
    assert ("the egress" in output, "this node itself" in output) == (egress_lives, not egress_lives)
    if egress_lives:
        with pytest.raises(FenceAheadError):  # no engine gets in any more, whatever its epoch
            await EgressFence(url, "engine-0").raise_to(ACCOUNT, 1_000)
        assert (await break_glass(tmp_path, "reopen", "--account", ACCOUNT, "--egress-url", url))[0] == 0
        epoch = (await EgressFence(url, "engine-0").raise_to(ACCOUNT, 1_000)).epoch
    else:
        assert Fences(state_dir).in_force[ACCOUNT].owner == "break-glass"  # the egress comes back closed
        await egress.start()
        epoch = 1
    async with broker_at(sandbox, egress.url, epoch=epoch) as broker:
        await broker.login()
        book = {report.broker_order_id: report.status for report in await broker.order_book()}
        assert book[ids["resting"]] is ReportStatus.CANCELLED
        assert book[ids["foreign"]] is ReportStatus.WORKING  # not ours
        assert [p for p in await broker.positions() if p.net_quantity] == []
        await broker.cancel(ids["foreign"], "LIMIT")
    lines = (tmp_path / "log").read_text().splitlines()
    assert all(re.search(r"\t[0-9a-f]{64}$", line) for line in lines)


async def test_a_bundle_opens_with_its_own_key_alone(bundle_file: Path) -> None:
    assert bundles.read(bundle_file, SEAL_KEY).phone == PHONE
    assert bundle_file.stat().st_mode & 0o077 == 0
    with pytest.raises(ConfigurationError, match="SEAL_KEY"):
        bundles.read(bundle_file, b"x" * 32)
    with pytest.raises(ConfigurationError, match="break-glass bundle"):
        bundles.read(bundle_file.with_name("none"), SEAL_KEY)
    assert b"1234" not in bundle_file.read_bytes()


async def test_it_says_what_it_was_told_wrongly(bundle_file: Path, tmp_path: Path) -> None:
    code, output = await break_glass(tmp_path, "show", "--bundle", str(bundle_file), "--account", "NOPE")
    assert (code, f"it has {ACCOUNT}" in output) == (2, True), output
