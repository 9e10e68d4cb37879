"""The sandbox as a process: starting, refusing to start, stopping, dying and coming back."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_client import SandboxClient
from tests.support.sandbox_process import REPOSITORY, SandboxCredentials, SandboxProcess
from tests.support.waiting import eventually

SECRET = SandboxCredentials().totp_secret
GOOD = {"--client-code": "D12345", "--pin": "1234", "--totp-secret": SECRET, "--api-key": "k"}


async def run_to_end(**arguments: Any) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sandbox"),
        *(str(part) for pair in arguments.items() for part in pair),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    _, stderr = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0, stderr.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"--totp-secret": "not base32"}, ("--totp-secret", "pyotp.random_base32()")),
        ({"--pin": "12"}, ("--pin", "four-digit")),
        ({"--speed": "0"}, ("--speed", "0.01 to 10000")),
        ({"--port": "abc"}, ("--port", "valid integer", "--help")),
        ({"--port": "70000"}, ("--port", "0 (any free port)")),
        ({"--host": "no.such.host.invalid"}, ("--host", "127.0.0.1")),
        ({"--replay": "/nonexistent.csv"}, ("--replay", "/nonexistent.csv")),
        ({"--ready-file": "/nonexistent/ready"}, ("--ready-file", "create it first")),
        ({"--nonsense": "1"}, ("--nonsense", "--help")),
    ],
)
async def test_bad_input_is_one_clear_line_and_code_2_and_changes_nothing(
    tmp_path: Path, changes: dict[str, str], words: tuple[str, ...]
) -> None:
    code, stderr = await run_to_end(**{**GOOD, "--state-dir": tmp_path / "state", **changes})
    assert code == 2
    assert stderr.count("\n") == 1
    assert all(word in stderr for word in words)
    assert not (tmp_path / "state").exists()


async def test_an_occupied_port_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, stderr = await run_to_end(**{**GOOD, "--state-dir": tmp_path / "state", "--tls-port": port})
    assert (code, (tmp_path / "state").exists()) == (2, False)
    assert f"--tls-port: cannot listen on 127.0.0.1:{port}" in stderr


async def test_an_unknown_symbol_in_a_replay_is_named_with_its_line(tmp_path: Path) -> None:
    data = tmp_path / "ticks.csv"
    data.write_text("ts,symbol,ltp,cum_volume\n2024-10-04T09:15:02+05:30,NOSUCH,1,1\n")
    code, stderr = await run_to_end(**{**GOOD, "--state-dir": tmp_path / "state", "--replay": data})
    assert (code, (tmp_path / "state").exists()) == (2, False)
    assert "line 2: unknown symbol 'NOSUCH'; use only the listed symbols" in stderr


async def test_a_folder_in_use_of_another_client_or_damaged_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with SandboxProcess(state_dir=state):
        code, stderr = await run_to_end(**{**GOOD, "--state-dir": state})
        assert code == 2
        assert "another sandbox is running" in stderr
    code, stderr = await run_to_end(**{**GOOD, "--client-code": "X1", "--state-dir": state})
    assert code == 2
    assert "belongs to client D12345" in stderr
    (state / "truth.jsonl").write_text("rubbish\n")
    code, stderr = await run_to_end(**{**GOOD, "--state-dir": state})
    assert code == 2
    assert "damaged at line 1" in stderr


async def test_sigterm_ends_it_cleanly_with_open_sockets(tmp_path: Path) -> None:
    async with SandboxProcess(state_dir=tmp_path / "state") as sandbox, SandboxClient(sandbox) as client:
        market, orders = await client.market_stream(), await client.order_stream()
        stopping = asyncio.create_task(sandbox.stop())
        await asyncio.gather(*(_until_closed(stream) for stream in (market, orders)))
        assert (orders.close_code, market.close_code) == (1001, 1001)
        assert await stopping == 0
        assert not (tmp_path / "state.ready.json").exists()


async def _until_closed(stream: aiohttp.ClientWebSocketResponse) -> None:
    """Read to the end: a goodbye that is not answered is not waited for."""
    while not (await stream.receive()).type.name.startswith("CLOSE"):
        pass


async def test_tls_verifies_against_the_generated_ca_and_the_ca_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with SandboxProcess(state_dir=state) as sandbox, SandboxClient(sandbox, tls=True) as client:
        await client.place()
        stream = await client.order_stream()
        assert (await stream.receive_json())["order-status"] == "AB00"
        await stream.close()
        ca = sandbox.ca_file.read_bytes()
    assert (state / "server.key").stat().st_mode & 0o777 == 0o600
    assert (state / "session.key").stat().st_mode & 0o777 == 0o600
    async with SandboxProcess(state_dir=state) as sandbox:
        assert sandbox.ca_file.read_bytes() == ca


async def test_everything_survives_a_kill(tmp_path: Path) -> None:
    sandbox = SandboxProcess(state_dir=tmp_path / "state")
    await sandbox.start()
    async with SandboxClient(sandbox) as client:
        filled = await client.place(price="980.00", ordertag="FILLED")
        resting = await client.place(ordertag="RESTING")
        stop = {"variety": "STOPLOSS", "ordertype": "STOPLOSS_LIMIT", "triggerprice": "990.00", "price": "991.00"}
        armed = await client.place(ordertag="ARMED", **stop)
        wanted = {filled["orderid"]: "complete", resting["orderid"]: "open", armed["orderid"]: "trigger pending"}

        async def settled() -> bool:
            return await client.statuses() == wanted

        await eventually(settled)
        before = await client.order_book()
        under_way = await client.place(ordertag="UNDERWAY")
        await client.cancel(resting["orderid"])
        clock = await sandbox.get("/sandbox/clock")
        await sandbox.kill()
        truth_before = (tmp_path / "state" / "truth.jsonl").read_bytes()
        await sandbox.restart()

        async def recovered() -> bool:
            statuses = await client.statuses()  # with the token of before the kill
            return statuses[resting["orderid"]] == "cancelled" and statuses[under_way["orderid"]] == "open"

        await eventually(recovered)
        rows = {row["orderid"]: row for row in await client.order_book()}
        assert [rows[row["orderid"]] for row in before if row["ordertag"] != "RESTING"] == [
            row for row in before if row["ordertag"] != "RESTING"
        ]
        assert [p["netqty"] for p in await client.positions()] == ["10"]
        after = await sandbox.get("/sandbox/clock")
        assert after["market_ms"] > clock["market_ms"]
        assert after["jump"] == clock["jump"] + 1
        another = await client.place()
        assert another["orderid"] not in rows
    assert (tmp_path / "state" / "truth.jsonl").read_bytes().startswith(truth_before)
    await sandbox.stop()


async def test_the_truth_log_tells_the_story_and_keeps_no_secret(tmp_path: Path) -> None:
    async with SandboxProcess(state_dir=tmp_path / "state") as sandbox, SandboxClient(sandbox) as client:
        placed = await client.place(price="980.00", ordertag="TAG1")
        refused = await client.call("POST", "/rest/secure/angelbroking/order/v1/placeOrder", {"variety": "X"})
        assert refused["errorcode"] == "AB1008"

        async def fills() -> list[dict[str, Any]]:
            return await sandbox.truth("fill")

        (fill,) = await eventually(fills)
        records = await sandbox.truth()
        assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
        request = next(r for r in records if r["kind"] == "request" and r["body"].get("ordertag") == "TAG1")
        assert request["route"].endswith("/placeOrder")
        assert request["client_ip"] == "127.0.0.1"
        assert 0 < request["received_mono_ns"] <= request["mono_ns"]
        assert [r["event"] for r in records if r.get("order", {}).get("order_id") == placed["orderid"]] == [
            "received",
            "sent_to_exchange",
            "accepted",
            "filled",
        ]
        assert (fill["reason"], fill["fill"]["quantity"]) == ("crossed the displayed price", 10)
        refusal = next(r for r in records if r["kind"] == "refusal")
        assert (refusal["code"], records[refusal["request_seq"] - 1]["body"]) == ("AB1008", {"variety": "X"})
        assert [r["seq"] for r in await sandbox.truth("order", "fill", after=request["seq"])][-1] == fill["seq"]
        text = json.dumps(records)
        secrets = [*client.tokens.values(), sandbox.credentials.totp_secret]
        assert not any(secret in text for secret in secrets if secret)
        login = next(r for r in records if r["route"].endswith("loginByPassword"))
        assert (login["body"]["password"], login["body"]["totp"]) == ("***", "***")
