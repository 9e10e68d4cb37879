"""The lease of an account's single writer: a row of `account_leases`, judged by database time, epoch + 1 at every
acquisition.

Three answers matter. Held: renewed lately, by this process's monotonic clock counted from when the renewal was *sent*, so
that it stops itself before the database lets somebody else in. Lapsed: not renewed lately (PostgreSQL restarts, say);
nothing is sent meanwhile, and it may be held again as long as nobody else took it. Lost: the row says another epoch; final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tradewinds.clock import Clock, seconds
from tradewinds.config import LeaseSettings
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("oms.lease")

STARTING = "the engine reads the broker's books"

_ACQUIRE = """
INSERT INTO account_leases AS l (account_id, owner_id, owner_address, epoch, expires_at, gate, gate_reason, updated_at)
VALUES ($1, $2, $3, 1, clock_timestamp() + $4::interval, 'CLOSED', $5, clock_timestamp())
ON CONFLICT (account_id) DO UPDATE
SET owner_id = EXCLUDED.owner_id, owner_address = EXCLUDED.owner_address, epoch = l.epoch + 1,
    expires_at = clock_timestamp() + $4::interval, gate = 'CLOSED', gate_reason = EXCLUDED.gate_reason,
    updated_at = clock_timestamp()
WHERE l.expires_at < clock_timestamp()
RETURNING epoch
"""
# Without a condition on expires_at: an expired lease that nobody has taken is still ours to renew (its epoch says so).
_RENEW = """
UPDATE account_leases SET expires_at = clock_timestamp() + $4::interval, updated_at = clock_timestamp()
WHERE account_id = $1 AND owner_id = $2 AND epoch = $3
RETURNING epoch
"""
_RAISE_EPOCH = """
UPDATE account_leases SET epoch = $4, updated_at = clock_timestamp()
WHERE account_id = $1 AND owner_id = $2 AND epoch = $3 AND $4 > epoch
RETURNING epoch
"""
_RELEASE = """
UPDATE account_leases SET expires_at = clock_timestamp() - interval '1 ms', gate = 'CLOSED', gate_reason = $4,
       updated_at = clock_timestamp()
WHERE account_id = $1 AND owner_id = $2 AND epoch = $3
"""
_SET_GATE = """
WITH changed AS (
    UPDATE account_leases SET gate = $4, gate_reason = $5, updated_at = clock_timestamp()
    WHERE account_id = $1 AND owner_id = $2 AND epoch = $3 AND expires_at > clock_timestamp()
    RETURNING account_id
), told AS (
    INSERT INTO outbox (topic, dedupe_key, payload)
    SELECT $6::jsonb->>'type', $7, $6 FROM changed WHERE $6::jsonb IS NOT NULL
), audited AS (
    INSERT INTO audit_log (actor, action, subject_type, subject_id, account_id, reason, after, source)
    SELECT $2, 'account.gate', 'account', account_id, account_id, $5, jsonb_build_object('gate', $4::text), 'oms' FROM changed
)
SELECT count(*) FROM changed
"""


class LeaseLostError(TradewindsError):
    """Another engine owns this account now."""

    reason = "ACCOUNT_LEASE_LOST"


@dataclass(frozen=True)
class LeaseOwner:
    """Who holds leases here: the engine's stable name and where it is reached."""

    owner_id: str
    address: str


async def acquire(
    database: Database, account_id: str, owner: LeaseOwner, settings: LeaseSettings, clock: Clock
) -> AccountLease | None:
    """Take the lease if nobody has it; None while somebody does."""
    sent_at = clock.monotonic()
    epoch = await database.pool.fetchval(
        _ACQUIRE, account_id, owner.owner_id, owner.address, seconds(settings.ttl_seconds), STARTING
    )
    if epoch is None:
        return None
    log.info("acquired", account_id=account_id, owner_id=owner.owner_id, epoch=epoch)
    return AccountLease(database, account_id, owner.owner_id, epoch, settings, clock, sent_at)


class AccountLease:
    """One held lease. Run `keep` as a watched task."""

    def __init__(
        self,
        database: Database,
        account_id: str,
        owner_id: str,
        epoch: int,
        settings: LeaseSettings,
        clock: Clock,
        renewed_at: float,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._renewed_at = renewed_at
        self._lost = False
        self._writing = asyncio.Lock()  # a renewal under way must not undo the release
        self.account_id = account_id
        self.owner_id = owner_id
        self.epoch = epoch

    @property
    def is_held(self) -> bool:
        """Whether messages may go to the broker now."""
        return not self._lost and self._clock.monotonic() - self._renewed_at < self._settings.gate_close_seconds

    def check_not_lost(self) -> None:
        """Raise `LeaseLostError` once another epoch was seen."""
        if self._lost:
            raise LeaseLostError(f"account {self.account_id} has another owner now; epoch {self.epoch} is over")

    async def keep(self) -> None:
        """Renew for ever; raises `LeaseLostError` when it is lost. A database that does not answer is waited for."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            try:
                async with asyncio.timeout(self._settings.ttl_seconds):
                    await self.renew()
            except PASSING_FAULTS as e:
                log.warning_throttled("renewal.failed", account_id=self.account_id, error=repr(e))
            self.check_not_lost()

    async def renew(self) -> None:
        """One renewal; raises asyncpg's errors, and sets lost when the row has another epoch."""
        async with self._writing:
            if not self._lost:
                await self._renew()

    async def _renew(self) -> None:
        sent_at = self._clock.monotonic()
        epoch = await self._database.pool.fetchval(
            _RENEW, self.account_id, self.owner_id, self.epoch, seconds(self._settings.ttl_seconds)
        )
        if epoch is None:
            self._lost = True
            log.warning("lost", account_id=self.account_id, epoch=self.epoch)
        else:
            self._renewed_at = sent_at

    async def raise_epoch(self, epoch: int) -> None:
        """Go on under a higher epoch; raises `LeaseLostError` when the lease is not ours any more, and asyncpg's errors."""
        raised = await self._database.pool.fetchval(_RAISE_EPOCH, self.account_id, self.owner_id, self.epoch, epoch)
        if raised is None:
            self._lost = True
            self.check_not_lost()
        self.epoch = epoch

    async def release(self, reason: str) -> None:
        """Free it for the next owner at once, gate closed."""
        self._lost = True
        async with self._writing:
            await self._database.pool.execute(_RELEASE, self.account_id, self.owner_id, self.epoch, reason)
        log.info("released", account_id=self.account_id, epoch=self.epoch)

    async def set_gate(
        self, gate: str, reason: str, notice: Mapping[str, Any] | None = None, dedupe_key: str = ""
    ) -> bool:
        """Write the gate (`OPEN`, `CLOSED`) with its reason and, where given, one outbox event; False when not ours."""
        changed = await self._database.pool.fetchval(
            _SET_GATE, self.account_id, self.owner_id, self.epoch, gate, reason, notice, dedupe_key
        )
        return bool(changed)
