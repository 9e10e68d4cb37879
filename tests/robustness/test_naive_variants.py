"""The negative controls of `test_orders_under_faults.py`. What sends again what is unclear, takes silence for a no, takes over without a
fence, or closes without a cap, fails the same check (`judge`), each for its own reason: so the check sees.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.oms.domain import exits
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, add_strategy
from tests.robustness import checker
from tests.robustness.engine_process import EngineProcess, Say, Surroundings, engine_at, is_open
from tests.robustness.evidence import Gatherer
from tests.robustness.forked_egress import ForkedEgress
from tests.robustness.naive import SendsAgain, TakesSilenceForNo, Unfenced, with_adapter
from tests.robustness.shares import SHARES
from tests.robustness.verdict import Verdict, judge
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.failpoints import Failpoint

SHARE = SHARES[0]
UNCLEAR = 3
SETTLING_SECONDS = 2.5  # the books are read more than once meanwhile


@pytest.fixture
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    """A broker for each: what one leaves there would be the other's."""
    process = SandboxProcess()
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def around(database: Database, database_url: str, sandbox: SandboxProcess, egress: ForkedEgress) -> Surroundings:
    await add_account(database)
    await add_strategy(database)
    return await Surroundings.of(sandbox, database_url, egress.url, pace=4)


async def judged(name: str, engine: Engine, gatherer: Gatherer) -> Verdict:
    evidence = await gatherer.gather({})
    verdict = judge(evidence, await engine.event_log.read_account_after(ACCOUNT, 0, 10_000))
    sys.stdout.write(f"naive={name} {verdict}\n")
    return verdict


async def place(engine: Engine, request_id: str, **changes: object) -> None:
    facts = {"instrument": SHARE.instrument.symbol, "quantity": 1, "price": SHARE.crossing_buy, **changes}
    await engine.place_for("momo", 1, request_id=request_id, **facts)


async def ended(engine: Engine, count: int) -> bool:
    rows = await engine.rows("SELECT state FROM orders WHERE state IN ('FILLED', 'REJECTED')")
    return len(rows) >= count


@pytest.mark.parametrize(("adapter", "wrong"), [(SendsAgain, "dup"), (TakesSilenceForNo, "lost")])
async def test_how_an_unclear_answer_is_taken(
    database: Database, around: Surroundings, sandbox: SandboxProcess, adapter: type[AngelOneBroker], wrong: str
) -> None:
    around = with_adapter(around, adapter)
    await sandbox.fault("accept_then_empty_body", route="placeOrder", count=UNCLEAR)
    async with engine_at(around, "engine-0", database) as engine:
        await eventually(lambda: is_open(engine), timeout=30, what="the gate opens")
        for number in range(UNCLEAR):
            await place(
                engine, f"r{number}", instrument=SHARES[number].instrument.symbol, price=SHARES[number].crossing_buy
            )
        await eventually(lambda: ended(engine, UNCLEAR), timeout=30, what="each has an end")
        await asyncio.sleep(SETTLING_SECONDS)
        gatherer = Gatherer(sandbox.http_url, around.database_url)
        verdict = await judged(adapter.__name__, engine, gatherer)
        told = list(checker.never_forgotten(await gatherer.gather({}), frozenset()))
    counted = {name: getattr(verdict, name) for name in ("dup", "lost", "zombie", "overexit")}
    assert counted == {**dict.fromkeys(counted, 0), wrong: UNCLEAR}
    assert told or wrong == "dup"  # whose second order no row names


async def order_one(engine: Engine, _say: Say) -> None:
    await place(engine, "r1")


@pytest.mark.parametrize("fenced", [True, False])
async def test_taking_over_from_one_that_is_frozen(
    database: Database, around: Surroundings, sandbox: SandboxProcess, tmp_path: Path, fenced: bool
) -> None:
    around = around if fenced else Unfenced(**vars(around))
    stop = Failpoint("oms.send.before.place", "stop", nth=1)
    async with EngineProcess(around, "engine-0", order_one, tmp_path / "engine.log", (stop,)) as frozen:
        await eventually(lambda: frozen.is_frozen, timeout=60, what="it freezes before it sends")
        async with engine_at(around, "engine-1", database) as engine:
            await eventually(lambda: is_open(engine), timeout=30, what="the account is taken over")
            (row,) = await engine.rows("SELECT order_id FROM orders")
            await eventually(lambda: _is_given_up(engine, row["order_id"]), timeout=30, what="it is given up")
            frozen.send(signal.SIGCONT)
            await asyncio.sleep(SETTLING_SECONDS)
            verdict = await judged(type(around).__name__, engine, Gatherer(sandbox.http_url, around.database_url))
    assert verdict.zombie == (0 if fenced else 1)


async def _is_given_up(engine: Engine, order_id: str) -> bool:
    return (await engine.order(order_id)).state == "NOT_PLACED"


async def test_two_exits_at_once_of_which_one_is_too_many(
    database: Database, around: Surroundings, sandbox: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exits, "denial_of_exit", lambda *_: None)
    async with engine_at(around, "engine-0", database) as engine:
        await eventually(lambda: is_open(engine), timeout=30, what="the gate opens")
        await place(engine, "in", quantity=3)
        await eventually(lambda: ended(engine, 1), timeout=30, what="it is in")
        leave = {"side": "SELL", "quantity": 3, "price": SHARE.crossing_sell, "reduce_only": True}
        await asyncio.gather(*(place(engine, f"out-{number}", **leave) for number in range(2)))
        await eventually(lambda: ended(engine, 3), timeout=30, what="both are out")
        verdict = await judged("uncapped", engine, Gatherer(sandbox.http_url, around.database_url))
    assert verdict.overexit
    assert (verdict.dup, verdict.lost, verdict.zombie) == (0, 0, 0)
