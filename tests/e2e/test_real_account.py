"""An account of one's own in place of the simulated broker, by settings alone. The account here is at a sandbox, which the stack
knows no more of than of any other broker."""

from __future__ import annotations

import asyncio
import sys
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.datastores import temporary_state_dir
from tests.support.sandbox_process import SandboxProcess
from tests.support.stack import UpProcess, launch_up
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(180)


async def test_orders_go_to_the_account_in_the_environment_and_no_sample_strategy_runs() -> None:
    with temporary_state_dir() as folder:
        async with (
            SandboxProcess() as broker,
            UpProcess(folder / "state", environment=broker.as_real_broker()) as stack,
        ):
            assert "sandbox" not in stack.facts["processes"]
            assert stack.facts["account_id"] == broker.credentials.client_code.upper()
            assert (await stack.get("/v1/strategy-configs"))["strategy_configs"] == []
            accounts = (await stack.get("/v1/broker-accounts"))["broker_accounts"]
            assert [account["account_id"] for account in accounts] == [stack.facts["account_id"]]
            body = {
                "instrument": "SBIN",
                "side": "SIDE_BUY",
                "quantity": 3,
                "order_type": "ORDER_TYPE_MARKET",
                "product": "PRODUCT_CNC",
            }
            placed = await stack.rest.post("/v1/orders", json=body, headers={"idempotency-key": "first"})
            assert placed.status_code == 200, placed.text

            async def filled() -> bool:
                return bool(
                    (await stack.get(f"/v1/orders/{placed.json()['order_id']}"))["state"] == "ORDER_STATE_FILLED"
                )

            await eventually(filled, timeout=20, interval=0.2)
            fills = [record["fill"] for record in await broker.truth("fill")]
            assert [(fill["symbol"], fill["side"], fill["quantity"]) for fill in fills] == [("SBIN-EQ", "BUY", 3)]
            trades = (await stack.get("/v1/trades"))["trades"]
            assert [Decimal(trade["price"]) for trade in trades] == [Decimal(fills[0]["price"]) / 100]
            account = stack.facts["account_id"]
            funds = await stack.get(f"/v1/broker-accounts/{account}/funds")
            assert 9_000_000 < float(funds["net"]) < 10_000_000, "three shares cost something"
            assert (await stack.get("/v1/holdings", account_id=account))["holdings"] == [], "they settle tomorrow"
            typed = ("--one-time-password", broker.credentials.totp(), "--reason", "to see that it works")
            told = await command_line("accounts", "login", account, *typed, "--state-dir", str(stack.state_dir))
            assert "usable, until" in told
            refused = await stack.rest.post(f"/v1/broker-accounts/{account}:login", json={"one_time_password": "12"})
            assert refused.status_code == 400
            audited = (await stack.get("/v1/audit", subject_type="broker_account"))["audit_events"]
            assert [(event["action"], event["reason"]) for event in audited if "login" in event["action"]] == [
                ("broker_account.login", "to see that it works")
            ]
            assert_no_secret_in(folder, broker)
        assert f"account {account} at {urlsplit(broker.https_url).netloc}" in stack.output


async def test_half_of_the_credentials_are_refused_by_name() -> None:
    with temporary_state_dir() as folder:
        process = await launch_up("--state-dir", str(folder / "state"), environment={"BROKER_CLIENT_CODE": "A1"})
        output, _ = await process.communicate()
        words = " ".join(output.decode().split())
    assert process.returncode == 1
    assert "BROKER_PIN, BROKER_TOTP_SECRET, BROKER_API_KEY: not set" in words


async def command_line(*words: str) -> str:
    """What `tradewinds WORDS…` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tradewinds.cli", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


def assert_no_secret_in(folder: Path, broker: SandboxProcess) -> None:
    known = broker.credentials
    for log in (folder / "state" / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert known.totp_secret not in text, log
        assert known.api_key not in text, log
