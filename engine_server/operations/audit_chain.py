"""Whether the audit log is what was written: every link recomputed from its row, every row linked, nothing missing in between; and the
order log by the seals in it (`log_seals.py`).

What is hashed is put together here, not by a function of the database: whoever changes rows could change that too. A chain that was
cut off at its end, or written anew as a whole, is found by heads that were noted earlier (`AuditVerdict.heads`).
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine_server.operations import log_seals
from tradewinds.database.session import Database

_PREFETCH = 2_000
_TIMEOUT: Final = "SET LOCAL statement_timeout = '10min'"
_LINKS: Final = """
SELECT l.stream, l.sequence, l.audit_id, l.hash, a.audit_id IS NOT NULL AS is_present,
       CASE WHEN a.account_id <> '' AND a.subject_type NOT IN ('kill_switch', 'risk_limit', 'risk_decision')
            THEN 'account:' || a.account_id ELSE a.subject_type END AS belongs_to,
       jsonb_build_array(
           a.audit_id, (extract(epoch FROM a.recorded_at) * 1000000)::bigint, a.actor, a.action,
           a.subject_type, a.subject_id, a.account_id, a.reason, a.before, a.after, a.source
       )::text AS body
FROM audit_links l LEFT JOIN audit_log a USING (audit_id)
ORDER BY l.stream, l.sequence
"""
_UNLINKED: Final = """
SELECT audit_id FROM audit_log a
WHERE NOT EXISTS (SELECT FROM audit_links l WHERE l.audit_id = a.audit_id) ORDER BY audit_id LIMIT 1
"""


@dataclass(frozen=True)
class Head:
    """How far a stream was at some time, and its hash there."""

    stream: str
    sequence: int
    hash: str


@dataclass(frozen=True)
class Problem:
    """The first row that is not what was written."""

    stream: str
    sequence: int
    audit_id: int
    what: str


@dataclass(frozen=True)
class AuditVerdict:
    """What a walk through all chains came to. `heads` are worth noting outside the database."""

    checked: int
    heads: Sequence[Head] = field(default=())
    problem: Problem | None = None


@dataclass
class _Walk:
    """Where the walk is."""

    noted: Mapping[tuple[str, int], str]
    stream: str = ""
    sequence: int = 0
    hash: bytes = b""
    checked: int = 0
    seen: set[tuple[str, int]] = field(default_factory=set)
    heads: list[Head] = field(default_factory=list)

    def take(self, row: Mapping[str, Any]) -> Problem | None:
        """One link; the problem with it."""
        if row["stream"] != self.stream:
            self.end_stream()
            self.stream, self.sequence, self.hash = row["stream"], 0, b""
        what = self._what_is_wrong(row)
        if what:
            return Problem(row["stream"], row["sequence"], row["audit_id"], what)
        self.sequence, self.hash = row["sequence"], row["hash"]
        self.checked += 1
        return None

    def end_stream(self) -> None:
        """Note its head."""
        if self.stream:
            self.heads.append(Head(self.stream, self.sequence, self.hash.hex()))

    def _what_is_wrong(self, row: Mapping[str, Any]) -> str:
        key = (row["stream"], row["sequence"])
        if row["sequence"] != self.sequence + 1:
            return f"links {self.sequence + 1} to {row['sequence'] - 1} before it are missing"
        if not row["is_present"]:
            return "the row was deleted"
        if row["belongs_to"] != row["stream"]:
            return f"the row belongs to the stream {row['belongs_to']}"
        if hashlib.sha256(self.hash + row["body"].encode()).digest() != row["hash"]:
            return "the row, or its link, is not what was written"
        if key in self.noted:
            self.seen.add(key)
            if self.noted[key] != row["hash"].hex():
                return "the chain up to here was written anew since its head was noted"
        return ""


async def verify(database: Database, noted: Sequence[Head] = ()) -> AuditVerdict:
    """Walk through everything, in one snapshot. Raises asyncpg's errors."""
    walk = _Walk({(head.stream, head.sequence): head.hash for head in noted})
    async with (
        database.pool.acquire(timeout=5) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_TIMEOUT)
        async for row in _rows(connection):
            problem = walk.take(row)
            if problem is not None:
                return AuditVerdict(walk.checked, problem=problem)
        walk.end_stream()
        unlinked = await connection.fetchval(_UNLINKED)
        problem = _missing(walk, noted, unlinked) or await _unsealed(connection)
    return AuditVerdict(walk.checked, walk.heads, problem)


def _missing(walk: _Walk, noted: Sequence[Head], unlinked: int | None) -> Problem | None:
    if unlinked is not None:
        return Problem("", 0, unlinked, "the row was written past the chain")
    cut = next((head for head in noted if (head.stream, head.sequence) not in walk.seen), None)
    if cut is not None:
        return Problem(cut.stream, cut.sequence, 0, "the chain was cut off below a head that was noted")
    return None


async def _unsealed(connection: Any) -> Problem | None:
    broken = await log_seals.broken_seal(connection)
    return Problem(log_seals.SUBJECT, 0, *broken) if broken is not None else None


async def _rows(connection: Any) -> AsyncIterator[Mapping[str, Any]]:
    async for row in connection.cursor(_LINKS, prefetch=_PREFETCH):
        yield row
