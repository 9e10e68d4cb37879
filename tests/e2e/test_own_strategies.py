"""A user's own folder of strategies: what is good runs, what is wrong is refused by name, what crashes harms nobody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from tests.support.datastores import temporary_state_dir
from tests.support.stack import UpProcess
from tests.support.waiting import eventually

pytestmark = [pytest.mark.timeout(180), pytest.mark.asyncio(loop_scope="module")]

AT_ONCE_SECONDS = 10.0  # design: running again within a second; this machine may be very busy

README = Path(__file__).parents[2] / "README.md"

MODULES = {
    "misspelt": "from tradewinds.sdk import BaseStrategy\n\nclass Broken(BaseStrategy)\n    pass\n",
    "no_strategy": "class Calculator:\n    pass\n",
    "raising": """
from tradewinds.sdk import BaseStrategy, Params, Tick


class RaisingParams(Params):
    symbols: list[str]


class RaisingStrategy(BaseStrategy):
    Params = RaisingParams

    def on_tick(self, tick: Tick) -> None:
        raise ZeroDivisionError("the strategy's own mistake")
""",
}


def readme_strategy() -> str:
    """The module that the README tells its reader to write, to the letter."""
    blocks = re.findall(r"```python\n# my_strategies/dip\.py\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 1, "the README shows my_strategies/dip.py once"
    return str(blocks[0])


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with temporary_state_dir() as path:
        own = path / "my_strategies"
        own.mkdir()
        for name, source in {**MODULES, "dip": readme_strategy()}.items():
            (own / f"{name}.py").write_text(source)
        yield path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(folder: Path) -> AsyncIterator[UpProcess]:
    async with UpProcess(folder / "state", "--strategies", str(folder / "my_strategies")) as up:
        yield up


async def configure(stack: UpProcess, module: str, class_name: str, config_id: str) -> dict[str, Any]:
    """Create one over REST on TCS; the answer with its status."""
    body = {
        "config_id": config_id,
        "module_path": f"my_strategies.{module}",
        "class_name": class_name,
        "config": {"symbols": ["TCS"]},
    }
    response = await stack.rest.post("/v1/strategy-configs", json=body)
    return {"status_code": response.status_code, **response.json()}


async def start(stack: UpProcess, config_id: str) -> None:
    response = await stack.rest.post(f"/v1/strategy-configs/{config_id}:start", json={})
    assert response.status_code == 200, response.text


async def running(stack: UpProcess, config_id: str) -> dict[str, Any] | None:
    config = await stack.get(f"/v1/strategy-configs/{config_id}")
    return config if config["state"] == "STRATEGY_STATE_RUNNING" and config["process_id"] != "0" else None


async def fetch(stack: UpProcess, query: str) -> list[asyncpg.Record]:
    """Rows of the stack's database."""
    connection = await asyncpg.connect(stack.facts["database_url"])
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_the_strategy_of_the_readme_runs_as_it_is_written(stack: UpProcess) -> None:
    created = await configure(stack, "dip", "DipStrategy", "dip")
    assert created["status_code"] == 200, created
    assert created["config"]["symbols"] == ["NSE:TCS-EQ"]
    await start(stack, "dip")
    process = await eventually(lambda: running(stack, "dip"), timeout=20, interval=0.1)

    async def keeps_its_first_price() -> bool:
        rows = await fetch(stack, "SELECT state::text FROM strategy_checkpoints WHERE config_id = 'dip'")
        return any("NSE:TCS-EQ" in row["state"] for row in rows)

    await eventually(keeps_its_first_price, timeout=20, interval=0.2)
    assert (await running(stack, "dip") or {}).get("process_id") == process["process_id"], "it was started again"


@pytest.mark.parametrize(
    ("module", "class_name", "field", "words"),
    [
        ("misspelt", "Broken", "module_path", "misspelt.py:3"),
        ("no_strategy", "Calculator", "class_name", "does not derive from tradewinds.sdk.BaseStrategy"),
        ("dip", "DipStategy", "class_name", "its strategies are: DipStrategy"),
        ("dips", "DipStrategy", "module_path", "there are: dip, misspelt, no_strategy, raising"),
    ],
)
async def test_what_cannot_be_a_strategy_is_refused_by_name_and_not_stored(
    stack: UpProcess, module: str, class_name: str, field: str, words: str
) -> None:
    refused = await configure(stack, module, class_name, "refused")
    assert refused["status_code"] == 400, refused
    violations = [v for detail in refused["details"] for v in detail.get("field_violations", [])]
    assert [v["field"] for v in violations] == [field]
    assert words in refused["message"]
    assert (await stack.rest.get("/v1/strategy-configs/refused")).status_code == 404


async def test_a_strategy_that_raises_in_every_tick_is_restarted_told_of_and_harms_nobody(stack: UpProcess) -> None:
    others = {}
    for name in ("momentum-sandbox", "dip"):
        others[name] = await eventually(partial(running, stack, name), timeout=20)
    trades_before = await trade_count(stack, "momentum-sandbox")
    assert (await configure(stack, "raising", "RaisingStrategy", "raising"))["status_code"] == 200
    await start(stack, "raising")

    crashing = await eventually(partial(crashed_twice, stack, "raising"), timeout=20, interval=0.1)
    assert "ZeroDivisionError: the strategy's own mistake" in crashing["state_reason"]

    runs = await fetch(
        stack, "SELECT started_at, ended_at FROM strategy_runs WHERE config_id = 'raising' ORDER BY started_at"
    )
    assert (runs[1]["started_at"] - runs[0]["ended_at"]).total_seconds() < AT_ONCE_SECONDS

    told = await eventually(lambda: crash_notice(stack, "raising"), timeout=10, interval=0.2)
    assert "ZeroDivisionError" in told["message"]

    async def sample_trades_on() -> bool:
        return await trade_count(stack, "momentum-sandbox") > trades_before

    await eventually(sample_trades_on, timeout=60, interval=0.5)
    for name, before in others.items():
        now = await running(stack, name)
        assert now is not None, f"{name} no longer runs"
        assert (now["process_id"], now["crash_count"]) == (before["process_id"], 0)


async def crashed_twice(stack: UpProcess, config_id: str) -> dict[str, Any] | None:
    """It, once it has been started again and has crashed again."""
    config = await stack.get(f"/v1/strategy-configs/{config_id}")
    return config if config["crash_count"] >= 2 else None


async def trade_count(stack: UpProcess, config_id: str) -> int:
    return len((await stack.get("/v1/trades", config_id=config_id, page_size="500"))["trades"])


async def crash_notice(stack: UpProcess, config_id: str) -> dict[str, Any] | None:
    inbox = (await stack.get("/v1/notifications", page_size="100"))["notifications"]
    found = [n for n in inbox if n["type"] == "STRATEGY_CRASHED" and n["data"]["config_id"] == config_id]
    return found[0] if found else None


async def test_a_strategy_that_crashes_again_and_again_can_be_stopped_and_stays_stopped(stack: UpProcess) -> None:
    # One of its own, stopped at its second crash: another four, and it would be quarantined, which a stop leaves as it is.
    assert (await configure(stack, "raising", "RaisingStrategy", "stopped"))["status_code"] == 200
    await start(stack, "stopped")
    await eventually(partial(crashed_twice, stack, "stopped"), timeout=20, interval=0.05)
    response = await stack.rest.post("/v1/strategy-configs/stopped:stop", json={})
    assert response.status_code == 200, response.text

    async def ended() -> bool:
        return bool((await stack.get("/v1/strategy-configs/stopped"))["state"] == "STRATEGY_STATE_STOPPED")

    await eventually(ended, timeout=15, interval=0.1)
    config = await stack.get("/v1/strategy-configs/stopped")
    assert (config["desired_state"], config["process_id"]) == ("DESIRED_STATE_STOPPED", "0")


async def test_it_all_stops_in_order(stack: UpProcess) -> None:
    assert await stack.stop() == 0, stack.output
    assert stack.leftovers() == []
