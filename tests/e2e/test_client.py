"""The three ways in that are not REST: the Python client's functions, the command line's JSON, and a row in a table."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess
from tests.support.waiting import eventually
from tradewinds import client
from tradewinds.errors import InvalidArgumentError

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

PARAMETERS = {"symbols": ["RELIANCE", "TCS"], "execution_interval": 5, "capital_allocated": 100000}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_state_dir() as path:
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(folder: Path) -> AsyncIterator[UpProcess]:
    async with UpProcess(folder / "state", "--no-demo") as up:
        yield up


@pytest.fixture(autouse=True)
def environment(stack: UpProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a script of a user has in its environment, from the ready file."""
    monkeypatch.setenv("TRADEWINDS_STATE_DIR", str(stack.state_dir))
    monkeypatch.setenv("DATABASE_URL", stack.facts["database_url"])
    monkeypatch.setenv("REDIS_URL", stack.facts["redis_url"])


async def test_a_strategy_is_created_started_watched_and_stopped_by_four_functions(stack: UpProcess) -> None:
    config_id = await client.create_strategy_config("trader", "MomentumStrategy", "strategies.momentum", PARAMETERS)
    assert (await client.get_all_strategies_status())[config_id]["status"] == "STOPPED"

    await client.start_strategy(config_id)
    status = (await client.get_all_strategies_status())[config_id]
    assert (status["status"], status["running"], status["runner_id"]) == ("RUNNING", True, "runner-0")
    assert status["process_id"] > 0

    async def beats() -> bool:
        heartbeat = (await client.get_all_strategies_status())[config_id]["heartbeat"]
        return heartbeat is not None and abs((datetime.now(UTC) - heartbeat).total_seconds()) < 5

    await eventually(beats, timeout=10, interval=0.2)

    await client.stop_strategy(config_id)
    status = (await client.get_all_strategies_status())[config_id]
    assert (status["status"], status["running"], status["process_id"]) == ("STOPPED", False, 0)


async def test_a_mistake_is_refused_naming_its_field(stack: UpProcess) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        await client.create_strategy_config(
            "trader", "MomentumStrategy", "strategies.momentum", {**PARAMETERS, "symbols": ["RELIANSE"]}
        )
    assert [v.field for v in refused.value.violations] == ["config.symbols[0]"]
    assert "RELIANCE" in refused.value.message, "the nearest name is suggested"


async def test_a_notification_is_in_the_inbox_when_the_call_returns(stack: UpProcess) -> None:
    sent = await client.send_notification("trader", "CUSTOM_HELLO", "Hello", "from a script", data={"answer": 42})
    inbox = (await stack.get("/v1/notifications"))["notifications"]
    found = [n for n in inbox if n["notification_id"] == sent]
    assert [(n["type"], n["title"], n["message"], n["data"]) for n in found] == [
        ("CUSTOM_HELLO", "Hello", "from a script", {"answer": 42.0})
    ]


async def test_both_stores_are_healthy_with_the_addresses_of_the_ready_file(stack: UpProcess) -> None:
    try:
        assert await client.db_manager.health_check() == {"database": True, "redis": True}
    finally:
        await client.db_manager.close()


INSERT_COMMAND = "INSERT INTO strategy_commands (config_id, verb) VALUES ($1, $2)"


async def test_an_inserted_row_starts_and_stops_a_strategy(stack: UpProcess) -> None:
    await client.create_strategy_config(
        "trader", "MomentumStrategy", "strategies.momentum", PARAMETERS, config_id="by-sql"
    )
    await execute(stack, INSERT_COMMAND, "by-sql", "START")
    await eventually(lambda: command_is_done(stack, "START", "RUNNING"), timeout=15, interval=0.1)
    await execute(stack, INSERT_COMMAND, "by-sql", "STOP")
    await eventually(lambda: command_is_done(stack, "STOP", "STOPPED"), timeout=15, interval=0.1)


async def command_is_done(stack: UpProcess, verb: str, state: str) -> bool:
    status = (await client.get_all_strategies_status())["by-sql"]
    page = await stack.get("/v1/strategy-commands", config_id="by-sql")
    statuses = [c["status"] for c in page["commands"] if c["verb"] == f"COMMAND_VERB_{verb}"]
    assert (status["status"], statuses) == (state, ["COMMAND_STATUS_DONE"])
    return True


async def execute(stack: UpProcess, statement: str, *arguments: str) -> None:
    """As psql would."""
    connection = await asyncpg.connect(stack.facts["database_url"])
    try:
        await connection.execute(statement, *arguments)
    finally:
        await connection.close()


async def test_the_command_line_speaks_json(stack: UpProcess) -> None:
    placed = await command_line(
        "orders", "place", "BUY", "SBIN", "3", "--price", "900", "--reason", "by hand", "--json"
    )
    assert (placed["instrument"], placed["price"], placed["quantity"]) == ("NSE:SBIN-EQ", "900.00", "3")
    status, strategies, orders, positions, notifications, health = await asyncio.gather(
        command_line("status", "--json"),
        command_line("strategies", "list", "--json"),
        command_line("orders", "list", "--json"),
        command_line("positions", "--json"),
        command_line("notifications", "--json"),
        command_line("health", "--json"),
    )
    assert placed["order_id"] in {order["order_id"] for order in orders}
    assert "by-sql" in {config["config_id"] for config in strategies}
    assert {a["account_id"] for a in status["broker_accounts"]} == {stack.facts["account_id"]}
    assert isinstance(positions, list)
    assert "CUSTOM_HELLO" in {n["type"] for n in notifications}
    assert health["healthy"] is True
    shown = await command_line("strategies", "show", "by-sql")
    assert shown["config"]["symbols"] == ["NSE:RELIANCE-EQ", "NSE:TCS-EQ"]


async def test_the_audit_log_is_exported_for_people_who_were_not_there(stack: UpProcess) -> None:
    placed = await command_line(
        "orders", "place", "BUY", "SBIN", "2", "--price", "900", "--reason", "an average", "--json"
    )
    export = ("audit", "export", "--account", stack.facts["account_id"], "--format")
    rows = [
        row
        for row in csv.DictReader(io.StringIO(await printed(*export, "csv")))
        if row["subject_id"] == placed["order_id"]
    ]
    assert [(row["actor"], row["action"], row["reason"]) for row in rows] == [("trader", "order.place", "an average")]
    recorded_at = datetime.fromisoformat(rows[0]["recorded_at"])
    assert recorded_at.utcoffset() == timedelta(hours=5, minutes=30)
    assert abs(datetime.now(UTC) - recorded_at) < timedelta(minutes=5)
    lines = [json.loads(line) for line in (await printed(*export, "json")).splitlines()]
    same = next(line for line in lines if line["subject_id"] == placed["order_id"])
    assert (same["hash"], same["after"]["tag"]) == (rows[0]["hash"], placed["tag"])
    assert datetime.fromisoformat(same["recorded_at"]) == recorded_at


async def command_line(*words: str) -> Any:
    """What `tradewinds WORDS…` prints, parsed."""
    return json.loads(await printed(*words))


async def printed(*words: str) -> str:
    """What `tradewinds WORDS…` prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tradewinds.cli", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    output, errors = await process.communicate()
    assert process.returncode == 0, f"{words}: {errors.decode()}"
    return output.decode()
