"""What people do while strategies trade: kill switches thrown and released, sales in the broker's own app, and the decisions that the books
alone cannot make."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import aiohttp

from engine_server.broker.fence import EgressFence
from engine_server.oms import risk_decisions
from engine_server.oms.decisions import AccountDecisions
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.kill_switch import KillAction, KillSwitch
from engine_server.oms.domain.risk.limits import Scope
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.risk_decisions import Actor, DecisionPolicy
from engine_server.oms.risk_subjects import Subject
from tests.integration.oms.engine import ACCOUNT, ASHA, Engine
from tests.robustness.shares import SHARES, Share
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.clock import SystemClock
from tradewinds.database.faults import PASSING_FAULTS, is_passing
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.ids import new_id

T = TypeVar("T")

_WHO = Actor("asha", "10.0.0.7")
_AT_ONCE = DecisionPolicy(approvals=1, cool_off_seconds=0.0)
_RELEASE_SECONDS = 30.0
_LOOK_SECONDS = 0.3
_PASSES: tuple[type[Exception], ...] = (TradewindsError, *PASSING_FAULTS)
_NOW = "SELECT clock_timestamp()"
# What strategies hold, the largest first: what somebody would see in the app and sell.
_HELD = """
SELECT instrument, config_id, net_quantity FROM positions
WHERE account_id = $1 AND config_id <> '' AND net_quantity > 0 AND product = 'MIS' ORDER BY net_quantity DESC, config_id
"""
_LET_IN = """
SELECT order_id FROM order_events
WHERE kind = 'PLACED' AND recorded_at > $1 AND recorded_at < $2 AND NOT (payload #>> '{order,is_exit}')::boolean
  AND ($3 = '' OR config_id = $3)
"""
BY_NAME = {share.instrument.key: share for share in SHARES}


@dataclass(frozen=True)
class Stopped:
    """From when on nobody might enter, and until when. `config_id` is the strategy concerned, '' all of them."""

    config_id: str
    since: datetime
    until: datetime


class KillDrills:
    """One kill switch after the other, each of a drawn scope and action, released again."""

    def __init__(self, database: Database, egress_url: str, names: list[str], rng: random.Random) -> None:
        fence = EgressFence(egress_url, "desk")
        self._desk = KillDesk(database, fence, SystemClock(), new_id, _AT_ONCE)
        self._database = database
        self._names = names
        self._rng = rng
        self.stopped: list[Stopped] = []
        self.outcomes: Counter[str] = Counter()

    async def throw(self) -> str:
        """Engage one, wait, and release it; what it was."""
        action = self._rng.choice([KillAction.HALT, KillAction.CANCEL_ALL, KillAction.SQUARE_OFF])
        scope = self._rng.choice([Scope.GLOBAL, Scope.ACCOUNT, Scope.STRATEGY])
        wanted = {Scope.ACCOUNT: ACCOUNT, Scope.STRATEGY: self._rng.choice(self._names)}.get(scope, "")
        subject = Subject(scope, wanted, "" if scope is Scope.GLOBAL else ACCOUNT)
        kill = await _until_it_passes(lambda: self._engaged(subject, action))
        enforced = await self._enforced(kill)
        await asyncio.sleep(self._rng.uniform(0.5, 2.0))
        until = await _until_it_passes(lambda: self._released(kill))
        if enforced is not None:
            self.stopped.append(Stopped(wanted if scope is Scope.STRATEGY else "", enforced, until))
        return f"{action}:{scope}"

    async def let_in_meanwhile(self) -> list[str]:
        """Entries that were admitted although they were stopped."""
        rows = [await self._database.pool.fetch(_LET_IN, one.since, one.until, one.config_id) for one in self.stopped]
        return [row["order_id"] for found in rows for row in found]

    async def _engaged(self, subject: Subject, action: KillAction) -> KillSwitch:
        async with self._database.session() as session:
            status = await self._desk.engage(session, subject, action, "a drill", _WHO)
            await session.commit()
        return status.kill

    async def _enforced(self, kill: KillSwitch) -> datetime | None:
        """When it was said that nothing is admitted any more; None where the database went away before it could be."""
        try:
            await self._desk.enforce(kill)
            since: datetime = await self._database.pool.fetchval(_NOW)
        except PASSING_FAULTS:
            self.outcomes["cut off"] += 1
            return None
        return since

    async def _released(self, kill: KillSwitch) -> datetime:
        async with self._database.session() as session:
            status = await self._desk.status(session, kill.kill_id)
            fenced = sum(one.fenced_at is not None for one in status.progress)
            self.outcomes["proven" if status.is_done else "fenced off" if fenced else "under way"] += 1
            until: datetime = await self._database.pool.fetchval(_NOW)
            if status.released_at is None:
                await self._desk.release(session, kill.kill_id, "the drill is over", _WHO)
                await session.commit()
        await eventually(lambda: self._is_released(kill), timeout=_RELEASE_SECONDS, interval=0.05)
        return until

    async def _is_released(self, kill: KillSwitch) -> bool:
        await risk_decisions.apply_due(self._database)
        async with self._database.session() as session:
            return (await self._desk.status(session, kill.kill_id)).released_at is not None


class AppHand:
    """Somebody at the broker's own app, who knows nothing of us."""

    def __init__(self, database: Database, sandbox: SandboxProcess, rng: random.Random) -> None:
        self._database = database
        self._sandbox = sandbox
        self._rng = rng
        self.sold = 0

    async def sell(self) -> None:
        """What one strategy holds, a part of it, or a whole line: whatever exits are on their way at this moment."""
        held = await _until_it_passes(lambda: self._database.pool.fetch(_HELD, ACCOUNT))
        if not held:
            return
        row = self._rng.choice(held)
        of_all = sum(one["net_quantity"] for one in held if one["instrument"] == row["instrument"])
        own = row["net_quantity"]
        quantity = self._rng.choice([own, own, self._rng.randint(1, own), of_all])
        self.sold += await sell_in_app(self._sandbox, BY_NAME[row["instrument"]], quantity)


async def sell_in_app(sandbox: SandboxProcess, share: Share, quantity: int, price: Decimal | None = None) -> bool:
    """At a price that fills at once unless another one is said; whether the broker took it."""
    body = {
        "variety": "NORMAL",
        "exchange": share.instrument.exchange,
        "tradingsymbol": share.instrument.symbol,
        "symboltoken": share.instrument.token,
        "transactiontype": "SELL",
        "ordertype": "LIMIT",
        "producttype": "INTRADAY",
        "duration": "DAY",
        "price": str(price or share.crossing_sell),
        "quantity": str(quantity),
    }
    async with aiohttp.ClientSession() as http, http.post(f"{sandbox.http_url}/sandbox/orders", json=body) as answer:
        return answer.status == 200


@asynccontextmanager
async def deciding_person(engine: Engine) -> AsyncIterator[None]:
    """Says whose the sales are that close what several strategies hold, as `tradewinds positions attribute` does."""
    task = asyncio.create_task(_decide(engine), name="a person decides")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _decide(engine: Engine) -> None:
    decisions = AccountDecisions(engine.registry, engine.queries)
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            for hold in await engine.queries.holds([ACCOUNT]):
                if hold.kind is HoldKind.UNATTRIBUTED:
                    await _say_whose(engine, decisions, hold)
        except _PASSES:
            continue  # the account has moved, a store is away, or somebody else was faster


async def _say_whose(engine: Engine, decisions: AccountDecisions, hold: Hold) -> None:
    """The largest holder's; nobody's where nobody holds anything any more."""
    held = [row["config_id"] for row in await engine.rows(_HELD, ACCOUNT) if row["instrument"] == hold.instrument]
    order = await engine.order(hold.subject_id)
    if order.state.is_terminal and held and order.filled_quantity:
        await decisions.attribute(ASHA, hold.subject_id, held[0], "it was his position")
    elif order.state.is_terminal:
        await decisions.release_hold(ASHA, ACCOUNT, hold.kind, hold.subject_id, "nobody holds any of it")


async def _until_it_passes(act: Callable[[], Awaitable[T]]) -> T:
    """Again while a store is away, as a person at the command line would."""
    while True:
        try:
            return await act()
        except Exception as e:
            if not is_passing(e):
                raise
            await asyncio.sleep(0.1)
