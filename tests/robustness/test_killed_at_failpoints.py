"""Engines that are killed one after the other, each at another edge of a durable step, while they trade: the next one takes over, and
in the end every order was sent once or not at all, and everybody who asked again got the first order.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from tests.integration.oms.engine import Engine, add_account
from tests.robustness import checker
from tests.robustness.engine_process import EngineProcess, Say, Surroundings, engine_at, is_open
from tests.robustness.evidence import Gatherer
from tests.robustness.forked_egress import ForkedEgress
from tests.robustness.shares import SHARES
from tests.robustness.verdict import judge
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.failpoints import Failpoint

SHARE = SHARES[0]

# At this pace an engine has waited long enough for an order that never left after 3 s. So many at once are more than the rate lets go:
# some are sent with their intent, some wait for their turn.
PACE = 2
ORDERS = 24
KILLS = (
    "oms.commit.before.PLACED=kill@5",  # nothing is committed
    "oms.commit.after.PLACED=kill@5",  # between the intent and its SUBMITTING, or its POST
    "oms.commit.before.SUBMITTED=kill",
    "oms.commit.after.SUBMITTED=kill",  # between SUBMITTING and the POST
    "oms.send.before.place=kill@3",
    "oms.send.after.place=kill@3",  # between the POST and the commit of its outcome
    "oms.commit.after.ACCEPTED=kill@2",  # between the outcome and its event
    "oms.commit.after.FILLED=kill",
)
PROMISES = (
    checker.sent_at_most_once,
    checker.never_forgotten,
    checker.every_fate_is_known,
    checker.trades_sum_to_fills,
    checker.account_positions_are_the_brokers,
    checker.the_log_has_no_holes,
    checker.promises_are_kept,
)


async def all_known(engine: Engine) -> bool:
    rows = await engine.rows("SELECT 1 FROM orders WHERE state IN ('UNKNOWN', 'SUBMITTING', 'PENDING_SUBMIT') LIMIT 1")
    return not rows


async def order_all(requests: Sequence[str], engine: Engine, say: Say) -> None:
    """At once; what the engine before left unclear holds entries until it is known."""
    await eventually(partial(all_known, engine), timeout=60, interval=0.1, what="every fate is known")

    async def ask(request_id: str) -> None:
        order = await engine.place(
            request_id=request_id, instrument=SHARE.instrument.symbol, quantity=1, price=SHARE.crossing_buy
        )
        say(request_id, order.order_id)

    await asyncio.gather(*(ask(request_id) for request_id in requests))
    await asyncio.sleep(20)


async def killed_at(failpoint: str, around: Surroundings, requests: Sequence[str], log: Path) -> list[tuple[str, str]]:
    """Run an engine until it dies; what its callers were answered."""
    armed = (Failpoint.parse(failpoint),)
    victim = EngineProcess(around, f"victim-{requests[0]}", partial(order_all, requests), log, armed)
    try:
        await eventually(lambda: victim.is_over, timeout=90, what=f"{failpoint} is reached")
        log_end = log.read_text(errors="replace")[-4000:]
        assert victim.exit_code == -signal.SIGKILL, (
            f"{failpoint} was not reached, it ended with {victim.exit_code}: {log_end}"
        )
    finally:
        await victim.kill()
    return [(words[0], words[1]) for words in victim.said if len(words) == 2]


async def test_whatever_edge_it_is_killed_at_nothing_is_sent_twice_or_forgotten(
    database: Database, database_url: str, sandbox: SandboxProcess, egress: ForkedEgress, tmp_path: Path
) -> None:
    await add_account(database)
    around = await Surroundings.of(sandbox, database_url, egress.url, PACE)
    promised: defaultdict[str, set[str]] = defaultdict(set)
    requests = [[f"r-{kill}-{number}" for number in range(ORDERS)] for kill in range(len(KILLS))]
    for kill, failpoint in enumerate(KILLS):
        for request_id, order_id in await killed_at(failpoint, around, requests[kill], tmp_path / "victims.log"):
            promised[request_id].add(order_id)
    healed = time.monotonic()
    gatherer = Gatherer(sandbox.http_url, database_url)
    async with engine_at(around, "engine-last", database) as engine:
        await eventually(lambda: is_open(engine), timeout=60, what="the gate opens")
        await eventually(partial(all_known, engine), timeout=60, what="every fate is known")
        for request_id in chain.from_iterable(requests):  # a careful client asks again for all of it
            order = await engine.place(
                request_id=request_id, instrument=SHARE.instrument.symbol, quantity=1, price=SHARE.crossing_buy
            )
            promised[request_id].add(order.order_id)

        async def nothing_wrong() -> bool:
            evidence = await gatherer.gather({request: frozenset(ids) for request, ids in promised.items()})
            wrong = [words for check in PROMISES for words in check(evidence, frozenset())]
            assert not wrong, "\n".join(wrong[:20])
            return True

        await eventually(nothing_wrong, timeout=90, interval=0.5, what="no violations")
        verdict = judge(await gatherer.gather({}))
    sys.stdout.write(f"faults={','.join(KILLS)} {verdict} recovery_ms={(time.monotonic() - healed) * 1000:.0f}\n")
    assert verdict.is_clean
    assert verdict.ops == ORDERS * len(KILLS)
