"""`broker check` as a person runs it, against the real sandbox: what it proves, what it says when it cannot, what it never shows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import pytest

from tests.support.sandbox_process import REPOSITORY, SandboxProcess


def environment_of(sandbox: SandboxProcess, **other: str) -> dict[str, str]:
    usual = {name: value for name, value in os.environ.items() if not name.startswith("BROKER_")}
    return {**usual, **sandbox.as_real_broker(), **other}


async def check(environment: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tradewinds.cli", "broker", "check", *arguments),
        cwd=REPOSITORY,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(90):
        output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def steps_of(output: str) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in map(json.loads, output.splitlines())}


async def test_a_ready_account_passes_every_step_and_sends_no_order(sandbox: SandboxProcess) -> None:
    code, output, errors = await check(environment_of(sandbox), "--json")
    steps = steps_of(output)
    assert [step for step in steps.values() if step["ok"] is not True] == [], errors
    assert code == 0
    assert list(steps) == [
        *("clock", "login", "profile", "funds", "books", "order stream", "one tick", "scrip master"),
    ]
    assert "CNC" in steps["profile"]["facts"]["products"]
    assert 20_000 < float(steps["one tick"]["facts"]["nifty_50"]) < 32_000
    asked = {record["route"] for record in await sandbox.truth("request")}
    assert not {route for route in asked if "placeOrder" in route or "modifyOrder" in route or "cancelOrder" in route}


async def test_a_wrong_pin_fails_the_login_says_what_to_do_and_shows_no_secret(sandbox: SandboxProcess) -> None:
    environment = environment_of(sandbox, BROKER_PIN="9876")
    code, output, errors = await check(environment)
    assert code == 1
    assert "ok   clock" in output
    assert "FAIL login" in output
    assert "do: check BROKER_CLIENT_CODE, BROKER_PIN" in output
    assert "-    funds" in output
    assert "ok   scrip master" in output
    assert output.endswith("\nFailed: 1 of 8 steps; not tried for want of a session: 5.\n")
    for secret in ("9876", sandbox.credentials.totp_secret, sandbox.credentials.api_key):
        assert secret not in output + errors


@pytest.mark.parametrize("missing", ["BROKER_PIN", "BROKER_API_KEY"])
async def test_what_is_not_set_is_named(sandbox: SandboxProcess, missing: str) -> None:
    code, output, errors = await check(environment_of(sandbox, **{missing: ""}))
    assert (code, output) == (2, "")
    assert errors.startswith(f"{missing}: not set; ")
