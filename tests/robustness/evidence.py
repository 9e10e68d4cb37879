"""What a run left behind: the broker's truth log on one side, our rows on the other, and what callers were promised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx

Row = Mapping[str, Any]

PLACE_ROUTE = "/order/v1/placeOrder"
ORDER_ROUTES = (PLACE_ROUTE, "/order/v1/modifyOrder", "/order/v1/cancelOrder")
_PAGE = 10_000

_QUERIES = {
    "orders": "SELECT * FROM orders ORDER BY created_at, order_id",
    "trades": "SELECT * FROM trades ORDER BY recorded_at",
    "positions": "SELECT * FROM positions",
    "events": "SELECT account_id, sequence, order_id, config_id, config_sequence, state FROM order_events ORDER BY sequence",
    "notifications": "SELECT type, data::text AS data, dedupe_key FROM notifications",
    "holds": "SELECT instrument, kind, message FROM account_holds",
    "outbox": "SELECT outbox_id, topic, dedupe_key FROM outbox",
}


@dataclass(frozen=True)
class Evidence:
    """`placements` and `broker_orders` are in the order of their arrival at the broker; the other rows are PostgreSQL's.

    `promised` maps each request id that a caller used to every order id that it was answered with. `order_requests` are all that asked the
    broker to place, change or cancel something, answered or refused.
    """

    placements: Sequence[Row] = ()
    order_requests: Sequence[Row] = ()
    broker_orders: Mapping[str, Row] = field(default_factory=dict)
    fills: Sequence[Row] = ()
    orders: Sequence[Row] = ()
    trades: Sequence[Row] = ()
    positions: Sequence[Row] = ()
    events: Sequence[Row] = ()
    notifications: Sequence[Row] = ()
    outbox: Sequence[Row] = ()
    holds: Sequence[Row] = ()
    promised: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def trades_of(self, config_id: str) -> list[Row]:
        """A strategy's trades, in the order in which they were recorded."""
        return [trade for trade in self.trades if trade["config_id"] == config_id]


class Gatherer:
    """Reads evidence from a running stack; the truth log only from where the last reading ended."""

    def __init__(self, sandbox_url: str, database_url: str) -> None:
        self._sandbox_url = sandbox_url
        self._database_url = database_url
        self._seq = 0
        self._placements: list[Row] = []
        self._order_requests: list[Row] = []
        self._broker_orders: dict[str, Row] = {}
        self._fills: list[Row] = []

    async def gather(self, promised: Mapping[str, frozenset[str]]) -> Evidence:
        """The truth first: what the broker was asked was committed before, so a row that is missing then is missing."""
        await self._read_truth()
        rows = await self._read_rows()
        return Evidence(
            placements=tuple(self._placements),
            order_requests=tuple(self._order_requests),
            broker_orders=dict(self._broker_orders),
            fills=tuple(self._fills),
            promised=dict(promised),
            **rows,
        )

    async def unanswered(self) -> int:
        """How many orders are at this moment on their way to the broker; asks PostgreSQL alone."""
        connection = await asyncpg.connect(self._database_url, timeout=5)
        try:
            return int(await connection.fetchval("SELECT count(*) FROM orders WHERE state = 'SUBMITTING'"))
        finally:
            await connection.close(timeout=5)

    async def _read_truth(self) -> None:
        async with httpx.AsyncClient(base_url=self._sandbox_url, trust_env=False, timeout=10) as client:
            more = True
            while more:
                query = {"after": str(self._seq), "kind": "request,order,fill", "limit": str(_PAGE)}
                page = (await client.get("/sandbox/truth", params=query)).raise_for_status().json()
                self._take(page["records"])
                more = page["more"]
                self._seq = page["records"][-1]["seq"] if page["records"] else page["last_seq"]

    def _take(self, records: Iterable[Row]) -> None:
        for record in records:
            if record["kind"] == "request" and record["route"].endswith(ORDER_ROUTES):
                self._order_requests.append(record)
                if record["route"].endswith(PLACE_ROUTE):
                    self._placements.append(record)
            if record["kind"] in ("order", "fill"):
                self._broker_orders[record["order"]["order_id"]] = record["order"]
            if record["kind"] == "fill":
                self._fills.append(record["fill"])

    async def _read_rows(self) -> dict[str, Sequence[Row]]:
        """All tables as of one instant."""
        connection = await asyncpg.connect(self._database_url, timeout=5)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return {name: [dict(row) for row in await connection.fetch(query)] for name, query in _QUERIES.items()}
        finally:
            await connection.close(timeout=5)
