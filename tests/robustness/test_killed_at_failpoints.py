"""Engines that are killed one after the other, each at another edge of a durable step, while they trade: the next one takes over, and
in the end every order was sent once or not at all, and everybody who asked again got the first order.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from itertools import chain

from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Broker
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from tests.integration.oms.engine import add_account, running_engine
from tests.robustness import checker
from tests.robustness.evidence import Gatherer
from tests.robustness.patience import PATIENT
from tests.robustness.test_orders_under_faults import (  # noqa: F401 - fixtures
    CROSSING_BUY,
    SEAL_KEY,
    all_known,
    egress,
    make_broker,
    sandbox,
    verdict_of,
)
from tests.support.angel_one import EgressForTests
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database

# Twelve at once are more than the rate lets go: some are sent with their intent, some wait for their turn.
ORDERS = 12
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


async def killed_at(failpoint: str, database_url: str, facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Run an engine until it dies; what its callers were answered."""
    environment = {**os.environ, "FAILPOINTS": failpoint, "FAILPOINTS_ALLOWED": "true"}
    victim = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.robustness.failing_engine", database_url, json.dumps(facts)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await victim.communicate()
    assert victim.returncode == -signal.SIGKILL, f"{failpoint} was not reached: {victim.returncode}"
    answers = [line.split() for line in output.decode().splitlines() if line.startswith("r-")]
    return [(answer[0], answer[1]) for answer in answers if len(answer) == 2]


async def test_whatever_edge_it_is_killed_at_nothing_is_sent_twice_or_forgotten(
    database: Database,
    database_url: str,
    sandbox: SandboxProcess,  # noqa: F811 - a fixture's value
    egress: EgressForTests,  # noqa: F811
    make_broker: Callable[[Account, int], Broker],  # noqa: F811
) -> None:
    await add_account(database)
    promised: defaultdict[str, set[str]] = defaultdict(set)
    requests = [[f"r-{kill}-{number}" for number in range(ORDERS)] for kill in range(len(KILLS))]
    for kill, failpoint in enumerate(KILLS):
        facts = {
            "owner": f"victim-{kill}",
            "egress_url": egress.url,
            "https_url": sandbox.https_url,
            "ca_file": str(sandbox.ca_file),
            "credentials": asdict(sandbox.credentials),
            "seal_key": SEAL_KEY.hex(),
            "price": str(CROSSING_BUY),
            "requests": requests[kill],
        }
        for request_id, order_id in await killed_at(failpoint, database_url, facts):
            promised[request_id].add(order_id)
    healed = time.monotonic()
    gatherer = Gatherer(sandbox.http_url, database_url)
    async with running_engine(
        database,
        ScriptedBroker(),
        owner="engine-last",
        make_broker=make_broker,
        fence=EgressFence(egress.url, "engine-last"),
        settings=PATIENT,
        wait=False,
    ) as engine:
        await eventually(lambda: engine.management is not None and engine.management.gate.is_open, timeout=60)
        await eventually(partial(all_known, engine), timeout=60, what="every fate is known")
        for request_id in chain.from_iterable(requests):  # a careful client asks again for all of it
            order = await engine.place(request_id=request_id, quantity=1, price=CROSSING_BUY)
            promised[request_id].add(order.order_id)

        async def nothing_wrong() -> bool:
            evidence = await gatherer.gather({request: frozenset(ids) for request, ids in promised.items()})
            wrong = [words for check in PROMISES for words in check(evidence, frozenset())]
            assert not wrong, "\n".join(wrong[:20])
            return True

        await eventually(nothing_wrong, timeout=90, interval=0.5, what="no violations")
        verdict = await verdict_of(engine, gatherer)  # what was asked for again is still on its way
    sys.stdout.write(
        f"faults={','.join(KILLS)} ops={verdict.ops} acked={verdict.acked} dup={verdict.dup} lost={verdict.lost} "
        f"zombie={verdict.zombie} recovery_ms={(time.monotonic() - healed) * 1000:.0f}\n"
    )
    assert verdict.ops == ORDERS * len(KILLS)
