"""A day of strategies in minutes, at a broker that misbehaves at random, with engines that take over from each other: in the end
nothing was sent twice, nothing is forgotten, and nothing closed more than was open. A sender that does as most do fails the same check.

`CHAOS_SEED` names the run; `CHAOS_STRATEGIES` times `CHAOS_ROUNDS` times three orders make it larger, `CHAOS_PACE` shorter; it prints
one line. A thousand orders of twenty strategies: CHAOS_STRATEGIES=20 CHAOS_ROUNDS=17 CHAOS_PACE=4.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

import asyncpg
import pytest

from engine_server.broker.angel_one import AngelOneBroker, Budgets
from engine_server.broker.angel_one.rates import Rate, RateSettings
from engine_server.broker.angel_one.sessions import PostgresSessionStore
from engine_server.broker.fence import EgressFence
from engine_server.broker.port import Accepted, Broker, OrderTicket, Outcome, Refused
from engine_server.broker.scripted import ScriptedBroker
from engine_server.oms.directory import Account
from engine_server.oms.pacer import PacerSettings
from tests.integration.oms.engine import ACCOUNT, Engine, add_account, add_strategy, running_engine
from tests.robustness.evidence import Evidence, Gatherer, Row
from tests.robustness.patience import PATIENT
from tests.support.angel_one import EgressForTests, broker_settings, credentials_of, running_egress
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tests.unit.oms.orders import RELIANCE
from tradewinds import failpoints
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.failpoints import Failpoint

SEED = int(os.environ.get("CHAOS_SEED", "7"))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
STRATEGIES = int(os.environ.get("CHAOS_STRATEGIES", "5"))
PACE = int(os.environ.get("CHAOS_PACE", "1"))  # so many times the broker's rates, there and here
CROSSING_BUY, CROSSING_SELL = Decimal("1490.00"), Decimal("1350.00")
SEAL_KEY = b"s" * 32
UNHURRIED = replace(PATIENT, pacer=PacerSettings(limit=9 * PACE))
_RATE = Rate.parse(f"{9 * PACE}/s")
RATES = RateSettings(place=_RATE, modify=_RATE, cancel=_RATE, order_messages=_RATE)
# What strikes: (fault, what it is told). The book lags less than the bounds, as the real one does.
PLACE_FAULTS = (
    "accept_then_reset",
    "accept_then_empty_body",
    "accept_then_html",
    "truncated_body",
    "status_true_no_orderid",
)
OTHER_FAULTS = (
    ("ws_duplicate", {"route": "orders", "probability": 0.3}),
    ("ws_drop", {"route": "orders", "probability": 0.3}),
    ("ws_reorder", {"route": "orders", "probability": 0.2}),
    ("book_lag", {"probability": 0.3, "delay_seconds": 1.5}),
    ("html_504", {"route": "getOrderBook", "probability": 0.15}),
)
# Edges of our own durable steps: broken as by a cut connection, or slow.
EDGES = (
    "oms.commit.before.PLACED",
    "oms.commit.after.PLACED",
    "oms.commit.after.SUBMITTED",
    "oms.commit.before.ACCEPTED",
    "oms.commit.after.ACCEPTED",
    "oms.commit.before.FILLED",
    "oms.commit.after.FILLED",
    "oms.send.before.place",
    "oms.send.after.place",
)
_PASSING: tuple[type[Exception], ...] = (TradewindsError, *PASSING_FAULTS)
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


_UNKNOWN_SECONDS = """
SELECT coalesce(max(extract(epoch FROM next_at - recorded_at)), 0)::float8 AS seconds FROM (
    SELECT state, recorded_at, min(recorded_at) FILTER (WHERE state <> 'UNKNOWN') OVER (
        PARTITION BY order_id ORDER BY sequence ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    ) AS next_at FROM order_events WHERE order_id IS NOT NULL
) told WHERE state = 'UNKNOWN'
"""


@dataclass(frozen=True)
class Verdict:
    """What went wrong, counted."""

    ops: int
    acked: int
    dup: int
    lost: int
    zombie: int
    overexit: int

    @property
    def is_clean(self) -> bool:
        return not (self.dup or self.lost or self.zombie or self.overexit)


def judge(evidence: Evidence) -> Verdict:
    """The broker's truth against our rows."""
    rows = {row["tag"]: row for row in evidence.orders}
    at_broker = Counter(order["tag"] for order in evidence.broker_orders.values())
    theirs = {order["tag"]: order for order in evidence.broker_orders.values()}
    lost = sum(
        tag not in rows or rows[tag]["filled_quantity"] != order["filled"] for tag, order in theirs.items()
    ) + sum(row["state"] in ("UNKNOWN", "SUBMITTING", "PENDING_SUBMIT") for row in evidence.orders)
    given_up = {row["tag"] for row in evidence.orders if row["state"] in ("NOT_PLACED", "DENIED")}
    return Verdict(
        ops=len(evidence.orders),
        acked=len(at_broker),
        dup=sum(count - 1 for count in at_broker.values()),
        lost=lost,
        zombie=sum(tag in given_up for tag in at_broker),
        overexit=_overexits(evidence),
    )


def _overexits(evidence: Evidence) -> int:
    """Fills after which the account was short: these runs only ever buy to enter, so an exit closed too much."""
    net, beyond = 0, 0
    for fill in evidence.fills:
        net += _signed(fill)
        beyond += net < 0
    return beyond


@pytest.fixture(scope="module")
def sandbox(session_runner: asyncio.Runner) -> Iterator[SandboxProcess]:
    process = SandboxProcess(("--rate-limit-multiplier", str(PACE)))
    session_runner.run(process.__aenter__())
    yield process
    session_runner.run(process.__aexit__(None, None, None))


@pytest.fixture
async def egress(sandbox: SandboxProcess) -> AsyncIterator[EgressForTests]:
    async with running_egress(sandbox.https_url) as egress:
        yield egress


@pytest.fixture
def make_broker(
    sandbox: SandboxProcess, egress: EgressForTests, database: Database
) -> Callable[[Account, int], Broker]:
    def make(account: Account, epoch: int) -> Broker:
        return AngelOneBroker(
            account.account_id,
            credentials_of(sandbox.credentials),
            broker_settings(sandbox.https_url, sandbox.ca_file),
            egress.url,
            epoch,
            PostgresSessionStore(database, SEAL_KEY, account.account_id),
            budgets=Budgets(RATES),
        )

    return make


async def strike(sandbox: SandboxProcess, rng: random.Random) -> list[str]:
    """Let faults stand, each drawn with one half."""
    chosen = []
    for name in PLACE_FAULTS:
        if rng.random() < 0.6:
            chosen.append(name)
            await sandbox.fault(name, route="placeOrder", probability=0.12)
    for name, fields in OTHER_FAULTS:
        if rng.random() < 0.6:
            chosen.append(name)
            await sandbox.fault(name, **fields)
    armed = [_drawn(edge, rng) for edge in EDGES if rng.random() < 0.6]
    failpoints.arm(armed, seed=rng.randrange(1_000_000))
    return [*chosen, *(f"{one.name}={one.act}" for one in armed)]


def _drawn(edge: str, rng: random.Random) -> Failpoint:
    if rng.random() < 0.7:
        return Failpoint(edge, "error", probability=0.05)
    return Failpoint(edge, "sleep", milliseconds=300, probability=0.1)


async def cut(database_url: str, egress: EgressForTests, rng: random.Random) -> list[str]:
    """In the middle of a round: every connection to the database, or the egress for a moment."""
    await asyncio.sleep(rng.uniform(0.3, 1.5))
    if rng.random() < 0.5:
        connection = await asyncpg.connect(database_url)
        await connection.execute(_CUT)
        await connection.close()
        return ["database_cut"]
    await egress.stop()
    await asyncio.sleep(rng.uniform(0.1, 0.5))
    await egress.start()
    return ["egress_cut"]


async def trade(engine: Engine, config_id: str, rng: random.Random) -> None:
    """One strategy's round: in, and out again by two exits at once, of which one is too many; whatever is refused is left."""
    try:
        quantity = rng.randint(1, 5)
        await engine.place_for(config_id, 1, quantity=quantity, price=CROSSING_BUY)
        await asyncio.sleep(rng.random() * 2)
        exits = [
            engine.place_for(config_id, 1, side="SELL", quantity=quantity, price=CROSSING_SELL, reduce_only=True)
            for _ in range(2)
        ]
        await asyncio.gather(*exits)
    except _PASSING:
        pass  # the gate is closed for a moment, a store is away, an engine stops: the next round


async def all_known(engine: Engine) -> bool:
    rows = await engine.rows(
        "SELECT count(*) AS n FROM orders WHERE state IN ('UNKNOWN', 'SUBMITTING', 'PENDING_SUBMIT')"
    )
    return bool(rows[0]["n"] == 0)


async def verdict_of(engine: Engine, gatherer: Gatherer) -> Verdict:
    """Once all that is under way has settled."""

    async def clean() -> Verdict:
        assert await all_known(engine)
        verdict = judge(await gatherer.gather({}))
        assert verdict.is_clean, verdict
        return verdict

    return await eventually(clean, timeout=90, interval=0.5, what="a clean verdict")


async def test_nothing_is_sent_twice_forgotten_or_closed_beyond_what_is_open(
    database: Database,
    database_url: str,
    sandbox: SandboxProcess,
    egress: EgressForTests,
    make_broker: Callable[[Account, int], Broker],
) -> None:
    rng, faults = random.Random(SEED), set[str]()
    names = [f"s{n}" for n in range(STRATEGIES)]
    await add_account(database)
    for name in names:
        await add_strategy(database, name)
    gatherer = Gatherer(sandbox.http_url, database_url)
    for number in range(ROUNDS):
        owner = f"engine-{number}"  # each takes over from the one before, in the middle of its faults
        async with running_engine(
            database,
            ScriptedBroker(),
            owner=owner,
            make_broker=make_broker,
            fence=EgressFence(egress.url, owner),
            settings=UNHURRIED,
            wait=False,
        ) as engine:
            await eventually(partial(_is_open, engine), timeout=60, what="the gate opens")
            faults |= set(await strike(sandbox, rng))
            *_, struck = await asyncio.gather(
                *(trade(engine, name, rng) for name in names), cut(database_url, egress, rng)
            )
            faults |= set(struck or ())
    failpoints.arm([])
    await sandbox.clear_faults()
    healed = time.monotonic()
    async with running_engine(
        database,
        ScriptedBroker(),
        owner="engine-last",
        make_broker=make_broker,
        fence=EgressFence(egress.url, "engine-last"),
        settings=UNHURRIED,
        wait=False,
    ) as engine:
        verdict = await verdict_of(engine, gatherer)
        unknown = await engine.rows(_UNKNOWN_SECONDS)
        books = await engine.rows("SELECT coalesce(sum(net_quantity), 0) AS n FROM positions WHERE config_id = ''")
    sys.stdout.write(
        f"seed={SEED} faults={','.join(sorted(faults))} ops={verdict.ops} acked={verdict.acked} dup={verdict.dup} "
        f"lost={verdict.lost} zombie={verdict.zombie} overexit={verdict.overexit} "
        f"unknown_max={unknown[0]['seconds']:.1f}s recovery_ms={(time.monotonic() - healed) * 1000:.0f}\n"
    )
    fills = (await gatherer.gather({})).fills
    assert books[0]["n"] == sum(_signed(fill) for fill in fills)
    assert verdict.acked > STRATEGIES


def _is_open(engine: Engine) -> bool:
    return engine.management is not None and engine.management.gate.is_open


def _signed(fill: Row) -> int:
    return int(fill["quantity"]) if fill["side"] == "BUY" else -int(fill["quantity"])


async def test_a_naive_sender_fails_the_same_check(
    database: Database, sandbox: SandboxProcess, egress: EgressForTests, make_broker: Callable[[Account, int], Broker]
) -> None:
    """The negative control: what is unclear is sent again, as most libraries do it."""
    await add_account(database)
    account = Account(ACCOUNT, "asha", "C1", b"")
    epoch = 1_000
    await EgressFence(egress.url, "naive").raise_to(ACCOUNT, epoch)
    naive = make_broker(account, epoch)
    await naive.login()
    try:
        await sandbox.fault("accept_then_empty_body", route="placeOrder", count=3)
        for number in range(3):
            ticket = OrderTicket(f"NAIVE{number}X", RELIANCE, "BUY", 1, "LIMIT", "MIS", CROSSING_BUY)
            outcome: Outcome | None = None
            while not isinstance(outcome, Accepted | Refused):
                outcome = await naive.place(ticket)
        orders = {record["order"]["order_id"]: record["order"] for record in await sandbox.truth("order")}
        tags = Counter(order["tag"] for order in orders.values() if order["tag"].startswith("NAIVE"))
    finally:
        await sandbox.clear_faults()
        await naive.close()
    assert sum(count - 1 for count in tags.values()) >= 3, tags
