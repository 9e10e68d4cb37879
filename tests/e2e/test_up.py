"""`tradewinds up`, as a new user would run it: a strategy trades, everything agrees, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess, launch_up
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

FIRST_FILL_SECONDS = 60.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_state_dir() as path:
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(folder: Path) -> AsyncIterator[UpProcess]:
    async with UpProcess(folder / "state", whole_master=True) as up:
        yield up


async def filled_orders(stack: UpProcess) -> list[dict[str, Any]]:
    page = await stack.get("/v1/orders", state="ORDER_STATE_FILLED")
    orders: list[dict[str, Any]] = page["orders"]
    return orders


async def demo(stack: UpProcess) -> dict[str, Any]:
    page = await stack.get("/v1/strategy-configs")
    config: dict[str, Any] = page["strategy_configs"][0]
    return config


async def test_it_says_where_everything_is(stack: UpProcess) -> None:
    expected = {"engine-0", "egress", "feed", "runner-0", "notifier", "gateway", "sandbox", "postgres", "valkey"}
    assert set(stack.facts["processes"]) == expected
    assert all(stack.facts["processes"].values())


async def test_the_sample_strategy_trades_within_a_minute(stack: UpProcess) -> None:
    orders = await eventually(
        lambda: filled_orders(stack), timeout=FIRST_FILL_SECONDS, interval=0.5, what="a FILLED order in GET /v1/orders"
    )
    order = orders[0]
    assert order["config_id"] == "momentum-sandbox"
    assert order["filled_quantity"] == order["quantity"]
    assert Decimal(order["average_price"]) > 0
    assert len(order["tag"]) <= 19


async def test_what_the_services_connect_as_cannot_change_the_audit_log(stack: UpProcess) -> None:
    connection = await asyncpg.connect(stack.facts["database_url"])
    try:
        assert await connection.fetchval("SELECT count(*) FROM audit_log WHERE action = 'order.place'") > 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for table audit_log"):
            await connection.execute("DELETE FROM audit_log")
    finally:
        await connection.close()


async def test_positions_agree_with_the_broker(stack: UpProcess) -> None:
    async def agree() -> bool:
        ours = {p["instrument"]: int(p["net_quantity"]) for p in (await stack.get("/v1/positions"))["positions"]}
        async with httpx.AsyncClient(trust_env=False) as client:
            state = (await client.get(f"{stack.facts['sandbox']}/sandbox/state")).json()
        theirs = {f"{p['exchange']}:{p['tradingsymbol']}": int(p["netqty"]) for p in state["positions"]}
        assert ours == theirs
        return bool(ours)

    await eventually(agree, timeout=20, interval=0.2)


async def test_order_executed_is_seen_on_the_live_stream_as_it_happens(stack: UpProcess) -> None:
    headers = {"accept": "text/event-stream"}
    async with (
        asyncio.timeout(90),
        stack.rest.stream("GET", "/v1/notifications/stream", headers=headers, timeout=None) as live,
    ):
        assert live.status_code == 200
        async for line in live.aiter_lines():
            if line.startswith("data:") and "ORDER_EXECUTED" in line:
                return
    pytest.fail("the stream ended without ORDER_EXECUTED")


async def test_a_killed_strategy_process_comes_back_by_itself(stack: UpProcess) -> None:
    before = await eventually(lambda: running_demo(stack), timeout=20)
    os.kill(int(before["process_id"]), signal.SIGKILL)

    async def another_process() -> bool:
        config = await demo(stack)
        return config["state"] == "STRATEGY_STATE_RUNNING" and config["process_id"] not in ("0", before["process_id"])

    await eventually(another_process, timeout=15, interval=0.1)
    inbox = (await stack.get("/v1/notifications"))["notifications"]
    assert any(n["type"] == "STRATEGY_CRASHED" for n in inbox)


async def running_demo(stack: UpProcess) -> dict[str, Any] | None:
    config = await demo(stack)
    return config if config["state"] == "STRATEGY_STATE_RUNNING" and config["process_id"] != "0" else None


async def test_a_manual_order_over_rest_is_filled(stack: UpProcess) -> None:
    body = {
        "request_id": "by-hand-1",
        "instrument": "SBIN",
        "side": "SIDE_BUY",
        "quantity": "3",
        "order_type": "ORDER_TYPE_MARKET",
    }
    placed = await stack.rest.post("/v1/orders", json=body)
    assert placed.status_code == 200, placed.text
    again = await stack.rest.post("/v1/orders", json=body)
    assert again.json()["order_id"] == placed.json()["order_id"]

    async def filled() -> bool:
        order = await stack.get(f"/v1/orders/{placed.json()['order_id']}")
        return bool(order["state"] == "ORDER_STATE_FILLED")

    await eventually(filled, timeout=20, interval=0.1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"module_path": "strategies.nowhere"}, "module_path"),
        ({"class_name": "Nobody"}, "class_name"),
        ({"config": {"symbols": ["RELIANSE"]}}, "config.symbols[0]"),
        ({"config": {"execution_interval": -1}}, "config.execution_interval"),
        ({"config": {"no_such_parameter": 1}}, "config.no_such_parameter"),
    ],
)
async def test_a_bad_strategy_is_refused_naming_the_field(stack: UpProcess, change: dict[str, Any], field: str) -> None:
    good = {"symbols": ["TCS"], "capital_allocated": 50_000}
    body = {"module_path": "strategies.momentum", "class_name": "MomentumStrategy", **change}
    body["config"] = {**good, **change.get("config", {})}
    response = await stack.rest.post("/v1/strategy-configs", json=body)
    assert response.status_code == 400, response.text
    violations = [v for detail in response.json()["details"] for v in detail.get("field_violations", [])]
    assert [v["field"] for v in violations] == [field]
    assert len((await stack.get("/v1/strategy-configs"))["strategy_configs"]) == 1


async def test_the_command_line_reads_the_running_stack(stack: UpProcess) -> None:
    for command in (
        ("status",),
        ("strategies", "list"),
        ("orders", "list"),
        ("positions",),
        ("notifications",),
        ("health",),
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tradewinds.cli", *command, "--state-dir", str(stack.state_dir)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, f"{command}: {output.decode()}"
        assert output.strip(), command


async def test_a_second_stack_on_the_same_folder_is_refused_and_harms_nothing(stack: UpProcess) -> None:
    second = await launch_up("--state-dir", str(stack.state_dir), "--rest-port", "0")
    output, _ = await second.communicate()
    assert second.returncode == 1
    assert "is in use by process" in output.decode()
    assert (stack.state_dir / "stack.json").exists()


async def test_stopping_leaves_nothing_behind_and_the_next_start_continues(stack: UpProcess) -> None:
    known = {order["order_id"] for order in (await stack.get("/v1/orders"))["orders"]}
    assert await stack.stop() == 0, stack.output
    assert stack.leftovers() == []
    await stack.start()
    page = await stack.get("/v1/orders", page_size="500")
    assert known <= {order["order_id"] for order in page["orders"]}
    config = await eventually(lambda: running_demo(stack), timeout=40)
    assert config["config_id"] == "momentum-sandbox"
