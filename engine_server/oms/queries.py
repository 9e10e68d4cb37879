"""Reads of orders, trades and books from PostgreSQL. Any engine can serve them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from engine_server.oms.directory import Caller
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.risk.activity import REMEMBERED, Intent, intent_of
from engine_server.oms.domain.story import AuditLine, CodeLine, LogLine, StoryLine, tell
from engine_server.oms.journal import guard_record, order_record
from engine_server.oms.not_found import no_order
from engine_server.oms.records import GuardRecord, OrderRecord, PositionRecord, TradeRecord
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError

_ORDERS = ", ".join(f"o.{name}" for name in OrderRecord.__struct_fields__)
_TRADES = ", ".join(f"t.{field.name}" for field in fields(TradeRecord))
_POSITIONS = ", ".join(field.name for field in fields(PositionRecord))
_WORKING = "o.state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_PLACED', 'DENIED')"

_GET_ORDER = f"SELECT {_ORDERS} FROM orders o WHERE o.order_id = $1"  # noqa: S608 - constant columns
_ORDER_OF_REQUEST = f"SELECT {_ORDERS} FROM orders o WHERE o.request_key = $1"  # noqa: S608 - constant columns
_EVENTS_OF_ORDER = """
SELECT sequence, kind, recorded_at, payload FROM order_events WHERE order_id = $1 ORDER BY sequence LIMIT 1000
"""
_AUDIT_OF_ORDER = """
SELECT recorded_at, actor, action, reason, source, before, after FROM audit_log WHERE subject_type = 'order' AND subject_id = $1
ORDER BY recorded_at LIMIT 1000
"""
_ATTEMPTS = f"SELECT {_ORDERS} FROM orders o WHERE o.intent_id = $1 AND o.attempt > 1 ORDER BY o.attempt"  # noqa: S608
_GUARDS = ", ".join(field.name for field in fields(GuardRecord))
_GUARDS_OF_ACCOUNTS = f"""
SELECT {_GUARDS} FROM guards
WHERE account_id = ANY($1) AND ($2 = '' OR config_id = $2) AND ($3 OR state NOT IN ('DONE', 'CANCELLED'))
ORDER BY created_at DESC LIMIT 200
"""  # noqa: S608 - constant columns
_GET_GUARD = f"SELECT {_GUARDS} FROM guards WHERE guard_id = $1"  # noqa: S608 - constant columns
_HOLDS = """
SELECT account_id, instrument, kind, subject_id, message, held_at FROM account_holds WHERE account_id = ANY($1)
ORDER BY held_at
"""
# As the counters of the writer: what was denied went nowhere, what is booked or somebody else's was not asked for here.
_ACTIVITY = """
SELECT count(*) FILTER (WHERE o.created_at > clock_timestamp() - interval '1 minute') AS last_minute, count(*) AS orders,
       (SELECT count(*) FROM trades t WHERE t.account_id = $1 AND ($2 = '' OR t.config_id = $2) AND t.traded_at >= $3) AS trades
FROM orders o
WHERE o.account_id = $1 AND ($2 = '' OR o.config_id = $2) AND o.created_at >= $3 AND o.state <> 'DENIED' AND o.origin = 'CALLER'
  AND o.attempt = 1
"""
# The process that the strategy had when it asked, and what is registered of its class now.
_CODE_OF_ORDER = """
SELECT o.created_at AS recorded_at, r.code_hash, r.runner_id, r.pid, coalesce(s.code_hash, '') AS registered_hash
FROM orders o
JOIN strategy_configs c USING (config_id)
LEFT JOIN strategies s ON (s.module_path, s.class_name) = (c.module_path, c.class_name)
CROSS JOIN LATERAL (
    SELECT code_hash, runner_id, pid FROM strategy_runs r
    WHERE r.config_id = o.config_id AND r.epoch = o.epoch AND r.started_at <= o.created_at AND r.code_hash <> ''
    ORDER BY r.started_at DESC LIMIT 1
) r
WHERE o.order_id = $1
"""
_CAPITAL = "SELECT config->>'capital_allocated' FROM strategy_configs WHERE config_id = $1"
_RECENT_OF_STRATEGY = f"""
SELECT {_ORDERS} FROM orders o
WHERE o.config_id = $1 AND o.created_at > clock_timestamp() - $2::interval AND o.state <> 'DENIED' AND o.origin = 'CALLER'
ORDER BY o.created_at DESC, o.order_id DESC
"""  # noqa: S608 - constant columns
_WORKING_OF_STRATEGY = f"SELECT {_ORDERS} FROM orders o WHERE o.config_id = $1 AND {_WORKING} ORDER BY o.order_id"  # noqa: S608
_BOOK_OF_STRATEGY = f"SELECT {_POSITIONS} FROM positions WHERE config_id = $1 ORDER BY instrument, product"  # noqa: S608
_ACCOUNT_TOTALS = f"""
SELECT {_POSITIONS} FROM positions WHERE account_id = ANY($1) AND config_id = '' ORDER BY instrument, product
"""  # noqa: S608 - constant columns
_OWNED = """
SELECT account_id, instrument, product, sum(net_quantity)::bigint AS net FROM positions
WHERE account_id = ANY($1) AND config_id <> '' GROUP BY 1, 2, 3
"""
_LAST_SEQUENCE = "SELECT coalesce(max(sequence), 0) FROM order_events WHERE account_id = $1"
_WORKING_OF_ACCOUNT = f"SELECT {_ORDERS} FROM orders o WHERE o.account_id = $1 AND {_WORKING} ORDER BY o.order_id"  # noqa: S608


@dataclass(frozen=True)
class OrderFilter:
    """Which orders or trades; None means any."""

    account_ids: Sequence[str] | None = None
    config_id: str = ""
    state: str = ""
    order_id: str = ""
    start: datetime | None = None  # inclusive; of the time that they are listed by
    end: datetime | None = None  # exclusive


@dataclass(frozen=True)
class Page:
    """At most `size` rows after the last row of the page before, given by its time (ISO) and id."""

    size: int
    after: Sequence[str] | None = None


class OrderQueries:
    """Rows as records, newest first where they page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def order(self, order_id: str) -> OrderRecord | None:
        """One order."""
        row = await self._database.pool.fetchrow(_GET_ORDER, order_id)
        return order_record(row) if row is not None else None

    async def visible_order(self, order_id: str, caller: Caller) -> OrderRecord:
        """One order that the caller may see; raises `NotFoundError`."""
        order = await self.order(order_id)
        if order is None or not (caller.sees_everything or order.user_id == caller.subject):
            raise no_order(order_id)
        return order

    async def order_of_request(self, request_key: str) -> OrderRecord | None:
        """The order that a request made."""
        row = await self._database.pool.fetchrow(_ORDER_OF_REQUEST, request_key)
        return order_record(row) if row is not None else None

    async def story(self, order_id: str) -> list[StoryLine]:
        """Everything that the log and the audit have of one order."""
        events = await self._database.pool.fetch(_EVENTS_OF_ORDER, order_id)
        audit = await self._database.pool.fetch(_AUDIT_OF_ORDER, order_id)
        code = await self._database.pool.fetch(_CODE_OF_ORDER, order_id)
        return tell(
            [_log_line(row) for row in events], [AuditLine(**row) for row in audit], [CodeLine(**row) for row in code]
        )

    async def attempts(self, order: OrderRecord) -> list[OrderRecord]:
        """The attempts at the intent of `order` after the first."""
        return [order_record(row) for row in await self._database.pool.fetch(_ATTEMPTS, order.intent_id)]

    async def holds(self, account_ids: Sequence[str]) -> list[Hold]:
        """What holds entries of accounts now, oldest first."""
        rows = await self._database.pool.fetch(_HOLDS, list(account_ids))
        return [Hold(**{**row, "kind": HoldKind(row["kind"])}) for row in rows]

    async def activity(self, account_id: str, config_id: str, day_start: datetime) -> tuple[int, int, int]:
        """Orders of the last minute, orders and trades since `day_start`; of a strategy, or ('') of the account."""
        (row,) = await self._database.pool.fetch(_ACTIVITY, account_id, config_id, day_start)
        return row["last_minute"], row["orders"], row["trades"]

    async def capital_allocated(self, config_id: str) -> Decimal | None:
        """Of a strategy's configuration; None where it says none, or no number."""
        found = await self._database.pool.fetchval(_CAPITAL, config_id)
        with contextlib.suppress(InvalidOperation):
            return None if found is None else Decimal(found)
        return None

    async def recent_intents(self, config_id: str) -> list[Intent]:
        """What a strategy asked for in the last ten minutes, and got in; newest first."""
        rows = await self._database.pool.fetch(_RECENT_OF_STRATEGY, config_id, REMEMBERED)
        return [intent_of(order_record(row)) for row in rows]

    async def guards(self, account_ids: Sequence[str], config_id: str, *, ended: bool) -> list[GuardRecord]:
        """Guards of accounts, newest first."""
        rows = await self._database.pool.fetch(_GUARDS_OF_ACCOUNTS, list(account_ids), config_id, ended)
        return [guard_record(row) for row in rows]

    async def guard(self, guard_id: str) -> GuardRecord | None:
        """One guard."""
        row = await self._database.pool.fetchrow(_GET_GUARD, guard_id)
        return guard_record(row) if row is not None else None

    async def orders(self, wanted: OrderFilter, page: Page) -> list[OrderRecord]:
        """A page of orders, newest first."""
        where, arguments = _where(wanted, "o", page, "created_at", "order_id")
        sql = f"SELECT {_ORDERS} FROM orders o {where} ORDER BY o.created_at DESC, o.order_id DESC LIMIT {page.size}"  # noqa: S608
        return [order_record(row) for row in await self._database.pool.fetch(sql, *arguments)]

    async def trades(self, wanted: OrderFilter, page: Page) -> list[TradeRecord]:
        """A page of trades, newest first."""
        where, arguments = _where(wanted, "t", page, "traded_at", "trade_id")
        sql = f"SELECT {_TRADES} FROM trades t {where} ORDER BY t.traded_at DESC, t.trade_id DESC LIMIT {page.size}"  # noqa: S608
        return [TradeRecord(**row) for row in await self._database.pool.fetch(sql, *arguments)]

    async def strategy_positions(self, config_id: str) -> list[PositionRecord]:
        """A strategy's own book."""
        return [PositionRecord(**row) for row in await self._database.pool.fetch(_BOOK_OF_STRATEGY, config_id)]

    async def account_positions(self, account_ids: Sequence[str]) -> list[PositionRecord]:
        """Totals of accounts."""
        rows = await self._database.pool.fetch(_ACCOUNT_TOTALS, list(account_ids))
        return [PositionRecord(**row) for row in rows]

    async def owned_quantities(self, account_ids: Sequence[str]) -> dict[tuple[str, str, str], int]:
        """What the strategies of accounts have together, by account, instrument and product."""
        rows = await self._database.pool.fetch(_OWNED, list(account_ids))
        return {(row["account_id"], row["instrument"], row["product"]): row["net"] for row in rows}

    async def working_orders(self, config_id: str) -> list[OrderRecord]:
        """A strategy's orders that have not ended."""
        return [order_record(row) for row in await self._database.pool.fetch(_WORKING_OF_STRATEGY, config_id)]

    async def snapshot(self, account_id: str) -> tuple[int, list[OrderRecord]]:
        """The last sequence of an account's log, and its working orders at exactly that point."""
        async with (
            self._database.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            sequence = await connection.fetchval(_LAST_SEQUENCE, account_id)
            rows = await connection.fetch(_WORKING_OF_ACCOUNT, account_id)
        return sequence, [order_record(row) for row in rows]


def _log_line(row: Mapping[str, Any]) -> LogLine:
    payload = row["payload"]
    trade, note = payload["trade"], payload.get("note") or {}
    return LogLine(
        row["sequence"],
        row["kind"],
        row["recorded_at"],
        msgspec.convert(payload["order"], OrderRecord),
        msgspec.convert(trade, TradeRecord) if trade is not None else None,
        str(note.get("from", "")),
    )


def _where(wanted: OrderFilter, table: str, page: Page, time: str, key: str) -> tuple[str, list[Any]]:
    """The condition of a keyset page: `(time, key)` below those of the last row served."""
    conditions: dict[str, Any] = {}
    if wanted.account_ids is not None:
        conditions[f"{table}.account_id = ANY(?::text[])"] = list(wanted.account_ids)
    if wanted.config_id:
        conditions[f"{table}.config_id = ?"] = wanted.config_id
    if wanted.state:
        conditions[f"{table}.state = ?"] = wanted.state
    if wanted.order_id:
        conditions[f"{table}.order_id = ?"] = wanted.order_id
    if wanted.start is not None:
        conditions[f"{table}.{time} >= ?"] = wanted.start
    if wanted.end is not None:
        conditions[f"{table}.{time} < ?"] = wanted.end
    arguments = list(conditions.values())
    clauses = [clause.replace("?", f"${n}") for n, clause in enumerate(conditions, start=1)]
    if page.after is not None:
        arguments += [_moment(page.after[0]), page.after[1]]
        clauses.append(f"({table}.{time}, {table}.{key}) < (${len(arguments) - 1}::timestamptz, ${len(arguments)})")
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), arguments


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as e:
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e


def page_key(row: OrderRecord | TradeRecord) -> tuple[str, str]:
    """The keyset of the last row of a page."""
    if isinstance(row, OrderRecord):
        return row.created_at.isoformat(), row.order_id
    return row.traded_at.isoformat(), row.trade_id
