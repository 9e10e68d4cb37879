"""The writer's connection to PostgreSQL: commits drafts, and finds out what became of a commit that was not answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import asyncpg

from engine_server.broker.port import SentBefore
from engine_server.oms import statements
from engine_server.oms.account_lease import AccountLease, LeaseLostError
from engine_server.oms.account_state import KEEP_ENDED, AccountState, loaded_state
from engine_server.oms.domain.books import Book, BookKey
from engine_server.oms.domain.holds import Hold, HoldKind
from engine_server.oms.domain.resolution import UnknownBefore
from engine_server.oms.domain.states import OrderState
from engine_server.oms.draft import Draft
from engine_server.oms.records import GuardRecord, OrderEventRecord, OrderRecord, PositionRecord
from tradewinds import failpoints
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("oms.journal")

Fence = tuple[str, int]

_RETRY_SECONDS = 0.1
_REQUEST_KEYS = "uq_orders_request_key"
_ACQUIRE_SECONDS = 5.0


@dataclass(frozen=True)
class Verdict:
    """What the guards said: committed when neither list has anything."""

    stale: frozenset[Fence] = frozenset()
    taken: Mapping[str, OrderRecord] = field(default_factory=dict)

    @property
    def committed(self) -> bool:
        """Whether the batch is there."""
        return not self.stale and not self.taken


@dataclass(frozen=True)
class Commit:
    """A statement and its parameters, but for the lease."""

    statement: str
    arguments: Sequence[Any]


class Journal:
    """One account's writes, over one connection that is kept (taking one from the pool costs a round trip)."""

    def __init__(self, database: Database, lease: AccountLease) -> None:
        self._database = database
        self._lease = lease
        self._connection: Any = None

    async def commit(self, draft: Draft, fences: Iterable[Fence]) -> Verdict:
        """Commit the draft whole, or not at all because a guard refused.

        An error is not a rollback: what was sent may be committed. So it is looked up, and sent again as it is (same ids,
        same sequence: it can only be there once) until it is known. Raises `LeaseLostError` when somebody else owns the
        account; then nobody here knows what became of it, and the next owner finds it.
        """
        commit, is_repeat = commit_of(draft, fences), False
        while True:
            try:
                await failpoints.reach("oms.commit.before", (event.kind for event in draft.events))
                verdict = await self._commit_once(draft.events[-1], commit, is_repeat=is_repeat)
                await failpoints.reach("oms.commit.after", (event.kind for event in draft.events))
            except PASSING_FAULTS as e:
                log.warning_throttled("commit.unanswered", account_id=self._lease.account_id, error=repr(e))
            else:
                return verdict
            is_repeat = True
            await self._drop_connection()
            self._lease.check_not_lost()
            await asyncio.sleep(_RETRY_SECONDS)

    async def load(self) -> AccountState:
        """The account as PostgreSQL has it. Nobody else writes it: the lease is ours."""
        account_id = self._lease.account_id
        async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection, connection.transaction():
            # Start-up may read more than the usual bound allows.
            await connection.execute("SET LOCAL statement_timeout = '30s'")
            sequence = await connection.fetchval(statements.LAST_SEQUENCE, account_id)
            configs = await connection.fetch(statements.CONFIG_SEQUENCES)
            orders = await connection.fetch(statements.LOAD_ORDERS, account_id, KEEP_ENDED)
            books = await connection.fetch(statements.LOAD_BOOKS, account_id)
            holds = await connection.fetch(statements.LOAD_HOLDS, account_id)
            guards = await connection.fetch(statements.LOAD_GUARDS, account_id)
            unknown = await connection.fetch(statements.LOAD_UNKNOWN, account_id)
            sent = await connection.fetch(statements.LOAD_SENT, account_id, sequence)
        await self._connected()  # and planned: the first order does not wait for it
        return loaded_state(
            account_id,
            sequence=sequence,
            config_sequences={row["config_id"]: row["last"] for row in configs},
            orders=[_booked_order(row) for row in orders],
            books=(_book(row) for row in books),
            holds=[_hold(account_id, row) for row in holds],
            guards=[guard_record(row) for row in guards],
            unknown={row["order_id"]: UnknownBefore(row["seconds"], row["is_told"]) for row in unknown},
            sent=_sent_before(sent),
        )

    async def load_by_tags(self, tags: Sequence[str]) -> list[tuple[OrderRecord, Decimal]]:
        """Orders that memory no longer has, by what the broker calls them, with the value booked of each."""
        rows = await self._database.pool.fetch(statements.LOAD_BY_TAGS, self._lease.account_id, list(tags))
        return [_booked_order(row) for row in rows]

    async def close(self) -> None:
        """Give the connection back, as it was taken."""
        if self._connection is None:
            return
        try:
            await self._connection.execute(statements.PLAN_AS_USUAL)
        except PASSING_FAULTS:
            await self._drop_connection()
            return
        connection, self._connection = self._connection, None
        await self._database.pool.release(connection)

    async def _commit_once(self, last: OrderEventRecord, commit: Commit, *, is_repeat: bool) -> Verdict:
        if is_repeat and await self._is_committed(last):
            return Verdict()
        try:
            verdict = await self._try_commit(commit)
        except asyncpg.UniqueViolationError as e:
            if await self._is_committed(last):
                return Verdict()
            if e.constraint_name != _REQUEST_KEYS:
                raise
            # Another account's writer took the key in this very moment: the next attempt sees it as taken.
            raise asyncpg.SerializationError("a request key was taken meanwhile") from e
        # The first attempt may have been committed just now, after all: then it is its own keys that are taken.
        if is_repeat and not verdict.committed and await self._is_committed(last):
            return Verdict()
        return verdict

    async def _try_commit(self, commit: Commit) -> Verdict:
        connection, lease = await self._connected(), self._lease
        row = await connection.fetchrow(
            commit.statement, lease.account_id, lease.owner_id, lease.epoch, *commit.arguments
        )
        if not row["leased"]:
            await self._explain_refusal()
            raise asyncpg.LockNotAvailableError("the account lease has lapsed and is being renewed")
        taken = await self._orders_of(connection, row["taken"]) if row["taken"] else {}
        return Verdict(frozenset((config_id, epoch) for config_id, epoch in row["stale"]), taken)

    async def _explain_refusal(self) -> None:
        """Lapsed, or lost? Only the row tells. Raises `LeaseLostError`."""
        await self._lease.renew()
        self._lease.check_not_lost()

    async def _is_committed(self, last: OrderEventRecord) -> bool:
        connection = await self._connected()
        row = await connection.fetchrow(statements.FIND_LINE, last.account_id, last.sequence)
        if row is None:
            return False
        if (row["order_id"], row["kind"]) != (last.order.order_id if last.order else None, last.kind):
            raise LeaseLostError(f"somebody else writes the log of account {last.account_id} at {last.sequence}")
        return True

    async def _orders_of(self, connection: Any, keys: Sequence[str]) -> dict[str, OrderRecord]:
        rows = await connection.fetch(statements.LOAD_BY_KEYS, keys)
        return {row["request_key"]: order_record(row) for row in rows}

    async def _connected(self) -> Any:
        if self._connection is None:
            connection = await self._database.pool.acquire(timeout=_ACQUIRE_SECONDS)
            try:
                await plan(connection)
            except BaseException:
                await self._cut(connection)
                raise
            self._connection = connection
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._cut(connection)

    async def _cut(self, connection: Any) -> None:
        with contextlib.suppress(*PASSING_FAULTS):
            connection.terminate()
        with contextlib.suppress(*PASSING_FAULTS):
            await self._database.pool.release(connection)


async def plan(connection: Any) -> None:
    """Before the first order: the usual statements are planned by being run for nobody, who owns nothing."""
    await connection.execute(statements.PLAN_BY_KEY)
    for writes in statements.USUAL_WRITES:
        await connection.fetchrow(statements.commit_of(writes), "", "", 0, [], [], *([] for _ in writes))


def order_record(row: Mapping[str, Any]) -> OrderRecord:
    """An order from a row that has (at least) its columns."""
    values = {name: row[name] for name in OrderRecord.__struct_fields__}
    return OrderRecord(**{**values, "state": OrderState(row["state"])})


def guard_record(row: Mapping[str, Any]) -> GuardRecord:
    """A guard from its row."""
    return GuardRecord(**{name: row[name] for name in GuardRecord.__slots__})


def _hold(account_id: str, row: Mapping[str, Any]) -> Hold:
    return Hold(account_id=account_id, **{**row, "kind": HoldKind(row["kind"])})


def _booked_order(row: Mapping[str, Any]) -> tuple[OrderRecord, Decimal]:
    return order_record(row), row["booked"]


def _sent_before(rows: Sequence[Mapping[str, Any]]) -> SentBefore:
    ages: dict[str, list[float]] = {"CANCEL_REQUESTED": [], "MODIFY_REQUESTED": []}
    placements: list[float] = []
    for row in rows:
        ages.get(row["kind"], placements).append(row["seconds"])
    return SentBefore(placements, changes=ages["MODIFY_REQUESTED"], cancels=ages["CANCEL_REQUESTED"])


def _book(row: Mapping[str, Any]) -> tuple[BookKey, Book]:
    position = PositionRecord(**{name: row[name] for name in PositionRecord.__slots__})
    key = BookKey(position.config_id, position.instrument, position.product)
    return key, Book(position, row["last_traded_at"])


def commit_of(draft: Draft, fences: Iterable[Fence]) -> Commit:
    """What commits a draft."""
    new = [order for order_id, order in draft.orders.items() if order_id in draft.new_order_ids]
    changed = [order for order_id, order in draft.orders.items() if order_id not in draft.new_order_ids]
    rows: dict[str, Sequence[Any]] = {
        "new_orders": new,
        "changed_orders": changed,
        "log": [_log_line(event) for event in draft.events],
        "fills": draft.trades,
        "books": [book.position for book in draft.books.values()],
        "told": draft.outbox,
        "audited": draft.audit,
        "held_back": [hold for hold in draft.holds.values() if hold is not None],
        "let_go": [_hold_key(draft.state.account_id, key) for key, hold in draft.holds.items() if hold is None],
        "guarded": list(draft.guards.values()),
        "attributed": draft.attributed,
    }
    written = {name: some for name, some in rows.items() if some}
    claims = [{"config_id": config_id, "epoch": epoch} for config_id, epoch in fences]
    return Commit(
        statements.commit_of(tuple(written)), (claims, [order.request_key for order in new], *written.values())
    )


def _hold_key(account_id: str, key: tuple[str, str, str]) -> dict[str, str]:
    return {"account_id": account_id, "instrument": key[0], "kind": key[1], "subject_id": key[2]}


def _log_line(event: OrderEventRecord) -> dict[str, Any]:
    return {
        "account_id": event.account_id,
        "sequence": event.sequence,
        "order_id": event.order.order_id if event.order else None,
        "config_id": event.config_id,
        "config_sequence": event.config_sequence,
        "kind": event.kind,
        "state": event.order.state if event.order else None,
        "payload": {"order": event.order, "trade": event.trade, "note": event.note},
    }
