"""What strikes a run of orders: faults of the broker, failpoints at the edges of our durable steps, cuts, and how an engine ends.
What people do is in `order_people.py`, what befalls the stores in `order_stores.py`."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from tests.robustness.engine_process import EngineProcess
from tests.robustness.forked_egress import ForkedEgress
from tests.support.sandbox_process import SandboxProcess
from tradewinds.failpoints import Failpoint

# An order may be there all the same, whatever its sender was told; or it is not there, and nobody says so.
UNCLEAR_ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "accept_then_reset": {},
    "accept_then_empty_body": {},
    "accept_then_html": {},
    "accept_then_timeout": {"delay_seconds": 1.0},
    "truncated_body": {},
    "status_true_no_orderid": {},
    "wrong_orderid": {},
    "late_reply": {"delay_seconds": 0.7},
    "timeout_before_accept": {"delay_seconds": 0.7},
    "html_504": {},
    "refuse_403": {},
}
# (fault, what it is told): the book lags less than the bounds, as the real one does.
OTHER_FAULTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("ws_duplicate", {"route": "orders", "probability": 0.3}),
    ("ws_drop", {"route": "orders", "probability": 0.3}),
    ("ws_reorder", {"route": "orders", "probability": 0.2}),
    ("ws_delay", {"route": "orders", "probability": 0.1, "delay_seconds": 1.0}),
    ("ws_garbage", {"route": "orders", "probability": 0.1}),
    ("ws_close", {"route": "orders", "probability": 0.05, "count": 1}),
    ("book_lag", {"probability": 0.2, "delay_seconds": 1.5}),
    ("html_504", {"route": "getOrderBook", "probability": 0.15}),
    ("refuse_403", {"route": "getOrderBook", "probability": 0.1}),
    ("accept_then_reset", {"route": "cancelOrder", "probability": 0.2}),
    ("html_504", {"route": "modifyOrder", "probability": 0.2}),
    ("async_reject", {"probability": 0.03}),
    ("late_fill_after_cancel", {"probability": 0.2}),
    ("session_expire", {"route": "placeOrder", "probability": 0.02, "count": 1}),
)
# Edges of our own durable steps: broken as by a cut connection, slow, or where the process ends.
EDGES = (
    "oms.commit.before.PLACED",
    "oms.commit.after.PLACED",
    "oms.commit.before.SUBMITTED",
    "oms.commit.after.SUBMITTED",
    "oms.commit.before.ACCEPTED",
    "oms.commit.after.ACCEPTED",
    "oms.commit.before.FILLED",
    "oms.commit.after.FILLED",
    "oms.commit.after.CANCEL_REQUESTED",
    "oms.send.before.place",
    "oms.send.after.place",
    "oms.send.before.cancel",
    "oms.send.after.modify",
)
ENDS = ("engine_killed", "engine_frozen", "stopped", "killed_at_edge", "frozen_at_edge")
_CHOSEN = 0.5
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


async def strike(sandbox: SandboxProcess, rng: random.Random, probability: float) -> list[str]:
    """Let other faults of the broker stand than before, each drawn."""
    await sandbox.clear_faults()
    chosen = []
    for name, fields in UNCLEAR_ANSWERS.items():
        if rng.random() < _CHOSEN:
            chosen.append(name)
            await sandbox.fault(name, route="placeOrder", probability=probability, **fields)
    for name, fields in OTHER_FAULTS:
        if rng.random() < _CHOSEN:
            chosen.append(f"{name}@{fields['route']}" if "route" in fields else name)
            await sandbox.fault(name, **fields)
    return chosen


def drawn_failpoints(end: str, rng: random.Random) -> tuple[Failpoint, ...]:
    """What an engine is armed with that ends so."""
    armed = [_drawn(edge, rng) for edge in EDGES if rng.random() < _CHOSEN / 2]
    act = {"killed_at_edge": "kill", "frozen_at_edge": "stop"}.get(end)
    if act is not None:
        # First: where two are at one edge, this one strikes.
        armed.insert(0, Failpoint(rng.choice(EDGES), act, nth=rng.randint(1, 12)))  # type: ignore[arg-type]
    return tuple(armed)


def _drawn(edge: str, rng: random.Random) -> Failpoint:
    if rng.random() < 0.6:
        return Failpoint(edge, "error", probability=0.03)
    return Failpoint(edge, "sleep", milliseconds=200, probability=0.05)


async def blow(engine: EngineProcess, end: str, rng: random.Random) -> None:
    """From outside, at a moment of its own; what strikes at an edge strikes there."""
    if end not in ("engine_killed", "engine_frozen"):
        return
    await asyncio.sleep(rng.uniform(0.3, 2.5))
    engine.send(signal.SIGKILL if end == "engine_killed" else signal.SIGSTOP)


async def cut_database(database_url: str) -> None:
    """Every connection to it at once."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(_CUT)
    await connection.close()


async def kill_egress(egress: ForkedEgress, away_seconds: float) -> None:
    """And start it again, where it was."""
    await egress.kill()
    await asyncio.sleep(away_seconds)
    await egress.start()


class Deck:
    """Drawn one after the other; each comes up once before any comes up again."""

    def __init__(self, names: Sequence[str], rng: random.Random) -> None:
        self._names = names
        self._rng = rng
        self._left: list[str] = []

    def draw(self) -> str:
        if not self._left:
            self._left = self._rng.sample(list(self._names), len(self._names))
        return self._left.pop()
