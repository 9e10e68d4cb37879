"""A fleet that turns over while it is being broken, and the verdict: the truth log, the orders table and what each strategy itself
has counted must agree to the last fill.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TypeVar

import asyncpg
import httpx

from tests.robustness.checker import one_process_at_a_time, sent_at_most_once, violations
from tests.robustness.evidence import Evidence, Gatherer
from tests.robustness.fleet_faults import FleetFaults
from tests.robustness.fleet_rig import FleetRig
from tests.robustness.status_watch import StatusWatch
from tests.support.waiting import eventually

T = TypeVar("T")

SYMBOLS = ("RELIANCE", "TCS", "SBIN", "INFY", "HDFCBANK", "ICICIBANK")
WELL_SECONDS = 60.0
SETTLED_SECONDS = 120.0
QUANTITY = 2

_LIMITS = (
    "INSERT INTO risk_limits (scope, subject_id, name, value) VALUES ('GLOBAL', '', 'duplicate_window_seconds', 0)"
)
_COMMAND = "INSERT INTO strategy_commands (config_id, verb, reason) SELECT config_id, $1, 'chaos' FROM strategy_configs"
_HOLDERS = """
    SELECT a.config_id, a.epoch, r.pid FROM assignments a JOIN strategy_configs c ON c.config_id = a.config_id
    LEFT JOIN strategy_runs r ON r.config_id = a.config_id AND r.epoch = a.epoch AND r.outcome = 'RUNNING'
"""
_OWN_WORDS = """
    SELECT c.config_id, coalesce(k.state->'state'->'trades', '[]')::text AS trades, coalesce(k.last_event_sequence, 0) AS taken,
           (SELECT coalesce(max(e.config_sequence), 0) FROM order_events e WHERE e.config_id = c.config_id) AS written
    FROM strategy_configs c LEFT JOIN strategy_checkpoints k ON k.config_id = c.config_id
"""
_AT_WORK = """
    SELECT (SELECT count(*) FROM orders WHERE state IN ('PENDING_SUBMIT','SUBMITTING','UNKNOWN','OPEN','PARTIALLY_FILLED'))
         + (SELECT count(*) FROM positions WHERE config_id <> '' AND buy_quantity <> sell_quantity) AS open
"""
_PAGES = "SELECT type, title FROM notifications WHERE must_acknowledge AND coalesce(data->>'config_id', '') NOT LIKE 'rogue-%'"
_NOT_RUNNING = "SELECT config_id, state, state_reason FROM strategy_configs WHERE state <> 'RUNNING'"
_STOPPED_MEANWHILE = """
    SELECT data->>'config_id' AS config_id, type AS state, title || ' ' || message AS state_reason FROM notifications
    WHERE type IN ('STRATEGY_STOPPED', 'STRATEGY_CRASHED', 'STRATEGY_FAILED', 'STRATEGY_QUARANTINED')
"""
_UNKNOWN_SECONDS = """
    SELECT coalesce(max(extract(epoch FROM until - since)), 0) AS longest FROM (
        SELECT state, recorded_at AS since, lead(recorded_at) OVER (PARTITION BY order_id ORDER BY sequence) AS until
        FROM order_events) AS spans WHERE state = 'UNKNOWN'
"""


@dataclass
class FleetVerdict:
    """One line of a run. Everything from `dup` to `pages` has to be zero."""

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    ops: int = 0
    acked: int = 0
    dup: int = 0
    lost: int = 0
    zombie: int = 0
    overexit: int = 0
    moved: int = 0
    stopped: int = 0
    pages: int = 0
    unknown_max: float = 0.0
    status_ms: int = 0
    recovery_ms: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


class FleetRun:
    """`begin`, `strike` as often as wanted, `end`."""

    def __init__(
        self, rig: FleetRig, faults: FleetFaults, watch: StatusWatch, *, seed: int, strategies: int, pace: int
    ) -> None:
        self._rig = rig
        self._faults = faults
        self._watch = watch
        self._strategies, self._pace = strategies, pace
        self._gatherer = Gatherer(rig.up.facts["sandbox"], rig.database_url)
        self.verdict = FleetVerdict(seed)

    async def begin(self) -> None:
        """Register, start by plain SQL, and wait until all trade."""
        await self._rig.rows(_LIMITS)
        for number in range(self._strategies):
            create = partial(self._create, number)
            await eventually(create, timeout=WELL_SECONDS, interval=0.3, what="a strategy is registered")
        await self._rig.rows(_COMMAND, "START")
        await self.well()

    async def strike(self, name: str) -> None:
        """One fault, and until everything is well again."""
        holders = await self._holders()
        await self._break(name, self._faults.strike(name))
        if name in FleetFaults.moves_nothing and (moved := _changed(holders, await self._holders())):
            self.verdict.moved += len(moved)
            self.verdict.wrong.append(f"{name} moved {moved}")

    async def outage(self, what: str, seconds: float) -> None:
        """A part is away for so long, and until everything is well again."""
        holders = await self._holders()
        await self._break(f"no_{what}", self._faults.outage(what, seconds))
        if what != "runner" and (moved := _changed(holders, await self._holders())):
            self.verdict.moved += len(moved)
            self.verdict.wrong.append(f"{seconds:.1f} s without {what} moved {moved}")

    async def _break(self, name: str, fault: Awaitable[None]) -> None:
        await fault
        began = time.monotonic()
        await self.well()
        took = round((time.monotonic() - began) * 1000)
        verdict = self.verdict
        told = round(await self._watch.tells_the_truth() * 1000)
        verdict.status_ms = max(told, verdict.status_ms)
        sys.stderr.write(f"{name}: well after {took} ms, and said to be {told} ms later\n")
        verdict.faults[name] = verdict.faults.get(name, 0) + 1
        verdict.recovery_ms[name] = max(took, verdict.recovery_ms.get(name, 0))

    async def well(self) -> None:
        """Every strategy is RUNNING, as REST says, and orders flow."""
        since = await self._orders()

        async def running() -> bool:
            page = await self._rig.up.get("/v1/strategy-configs", page_size="200")
            waiting = [c for c in page["strategy_configs"] if c["state"] != "STRATEGY_STATE_RUNNING"]
            assert not waiting, [(c["config_id"], c["state"], c.get("state_reason", "")) for c in waiting[:5]]
            assert len(page["strategy_configs"]) == self._strategies
            return True

        async def trading() -> bool:
            return await self._orders() > since

        await self._eventually(running, "every strategy runs")
        await self._eventually(trading, "orders flow")

    async def end(self, *, nobody_stops: bool = False) -> FleetVerdict:
        """No more entries, wait until all is flat and told, and compare; `nobody_stops`: not even for a moment."""
        stopped = await self._rig.rows(_NOT_RUNNING)
        if nobody_stops:
            stopped += await self._rig.rows(_STOPPED_MEANWHILE)
        self.verdict.stopped = len(stopped)
        self.verdict.wrong += [f"{row['config_id']} is {row['state']}: {row['state_reason']}" for row in stopped]
        await self._rig.rows(_COMMAND, "PAUSE")
        await self._eventually(self._settled, "all is flat, and every strategy was told of everything", SETTLED_SECONDS)
        evidence = await self._gatherer.gather({})
        await self._judge(evidence)
        await self._rig.rows(_COMMAND, "STOP")
        return self.verdict

    async def _settled(self) -> bool:
        assert (at_work := (await self._rig.rows(_AT_WORK))[0]["open"]) == 0, f"{at_work} open"
        behind = {row["config_id"]: (row["taken"], row["written"]) for row in await self._rig.rows(_OWN_WORDS)}
        assert all(taken == written for taken, written in behind.values()), behind
        assert not (wrong := violations(await self._gatherer.gather({}))), "\n".join(wrong[:20])
        return True

    async def _judge(self, evidence: Evidence) -> None:
        verdict = self.verdict
        own = {row["config_id"]: json.loads(row["trades"]) for row in await self._rig.rows(_OWN_WORDS)}
        unequal = list(_counts_that_differ(evidence, own))
        beyond = list(_beyond_their_bounds(evidence))
        pages = await self._rig.rows(_PAGES)
        nothing: frozenset[str] = frozenset()
        verdict.ops, verdict.acked = len(evidence.orders), len(evidence.broker_orders)
        verdict.dup = len(list(sent_at_most_once(evidence, nothing))) + sum(len(t) - len(set(t)) for t in own.values())
        verdict.lost, verdict.overexit, verdict.pages = len(unequal), len(beyond), len(pages)
        verdict.zombie = len(list(one_process_at_a_time(evidence, nothing)))
        verdict.unknown_max = round(float((await self._rig.rows(_UNKNOWN_SECONDS))[0]["longest"]), 1)
        verdict.wrong += [*unequal, *beyond, *violations(evidence), *(f"page: {row['title']}" for row in pages)]

    async def _create(self, number: int) -> bool:
        body = {
            "config_id": f"turnover-{number:02}",
            "module_path": "fleet_strategies.turnover",
            "class_name": "Turnover",
            "config": {"symbols": [SYMBOLS[number % len(SYMBOLS)]], "pace": self._pace, "quantity": QUANTITY},
        }
        answer = await self._rig.up.rest.post("/v1/strategy-configs", json=body)
        assert answer.status_code == 200 or "ALREADY_EXISTS" in answer.text, answer.text
        return True

    async def _orders(self) -> int:
        query = "SELECT count(*) AS orders FROM orders"
        rows = await self._eventually(lambda: self._rig.rows(query), "the database answers")
        return int(rows[0]["orders"])

    async def _holders(self) -> dict[str, tuple[int, int | None]]:
        """Of each strategy its epoch and its process."""
        return {row["config_id"]: (row["epoch"], row["pid"]) for row in await self._rig.rows(_HOLDERS)}

    async def _eventually(self, condition: Callable[[], Awaitable[T]], what: str, timeout: float = WELL_SECONDS) -> T:
        """Whatever may be away meanwhile; fails with the verdict so far and the end of all logs."""

        async def tolerant() -> T:
            try:
                return await condition()
            except (httpx.TransportError, OSError, asyncpg.PostgresError) as e:
                raise AssertionError(repr(e)) from e

        try:
            return await eventually(tolerant, timeout=timeout, interval=0.2, what=what)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.verdict.line()}\n{self._rig.logs()}") from e


def _changed(before: Mapping[str, tuple[int, int | None]], after: Mapping[str, tuple[int, int | None]]) -> list[str]:
    return [config_id for config_id, holder in before.items() if after[config_id] != holder]


def _counts_that_differ(evidence: Evidence, own: Mapping[str, list[str]]) -> Iterator[str]:
    """The broker's fills, our trades, and what each strategy remembers: three counts of the same."""
    config_of = {row["tag"]: row["config_id"] for row in evidence.orders}
    theirs = Counter(config_of.get(evidence.broker_orders[fill["order_id"]]["tag"]) for fill in evidence.fills)
    for config_id, told in own.items():
        ours = sorted(trade["trade_id"] for trade in evidence.trades_of(config_id))
        if sorted(told) != ours or theirs[config_id] != len(ours):
            yield f"{config_id}: the broker filled {theirs[config_id]} times, {len(ours)} trades are ours, it was told {len(told)}"


def _beyond_their_bounds(evidence: Evidence) -> Iterator[str]:
    """An exit that was doubled makes a strategy short, an entry that was doubled makes it hold too much."""
    rows = {row["tag"]: row for row in evidence.orders}
    net: defaultdict[str, int] = defaultdict(int)
    for fill in evidence.fills:
        config_id = rows[evidence.broker_orders[fill["order_id"]]["tag"]]["config_id"]
        net[config_id] += fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
        if not 0 <= net[config_id] <= QUANTITY:
            yield f"{config_id} held {net[config_id]} after fill {fill}"
