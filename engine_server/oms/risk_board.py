"""Limits and kill switches in memory: read from PostgreSQL at every change and once a second, asked by admission without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from engine_server.oms.domain.kill_switch import KillAction, KillSwitch, Restriction, restriction
from engine_server.oms.domain.risk.limits import LimitName, Limits, LimitsInForce, Scope
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.session import Database
from tradewinds.telemetry import get_logger

log = get_logger("oms.risk")

CHANNEL: Final = "risk"
_POLL_SECONDS = 1.0

_LIMITS = "SELECT scope, subject_id, name, value FROM risk_limits"
KILL_COLUMNS: Final = "kill_id, scope, subject_id, account_id, action, include_holdings, reason, engaged_by, engaged_at"
_ENGAGED = f"SELECT {KILL_COLUMNS} FROM kill_switches WHERE released_at IS NULL ORDER BY engaged_at"  # noqa: S608


class StoredRiskBoard:
    """Run `follow` as a watched task; `load` before an account's gate opens. A database that is away changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._limits: Mapping[tuple[str, str], Limits] = {}
        self._in_force: dict[tuple[str, str | None], LimitsInForce] = {}  # of these limits, by who was asked about
        self._kills: Sequence[KillSwitch] = ()
        self._changed = asyncio.Condition()
        self._version = 0

    def limits(self, account_id: str, config_id: str | None) -> LimitsInForce:
        """What was set for a strategy, its account and everybody."""
        key = (account_id, config_id)
        if key not in self._in_force:
            nothing: Limits = {}
            self._in_force[key] = LimitsInForce(
                strategy=self._limits.get((Scope.STRATEGY, config_id), nothing) if config_id is not None else nothing,
                account=self._limits.get((Scope.ACCOUNT, account_id), nothing),
                everybody=self._limits.get((Scope.GLOBAL, ""), nothing),
            )
        return self._in_force[key]

    def restriction(self, account_id: str, config_id: str | None) -> Restriction | None:
        """The worst kill switch that covers it."""
        return restriction(self._kills, account_id, config_id) if self._kills else None

    def kills_of(self, account_id: str) -> list[KillSwitch]:
        """Every one that concerns the account or a strategy on it, the oldest first."""
        return [kill for kill in self._kills if kill.account_id in ("", account_id)]

    async def next_change(self, seen: int) -> int:
        """Wait until something is other than at version `seen`; the version now."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._version > seen)
            return self._version

    async def load(self) -> None:
        """Read both tables; raises asyncpg's errors."""
        async with self._database.pool.acquire(timeout=2) as connection:
            limits = _by_subject(await connection.fetch(_LIMITS))
            kills = [kill_switch(row) for row in await connection.fetch(_ENGAGED)]
        if (limits, kills) == (self._limits, list(self._kills)):
            return
        self._limits, self._kills = limits, kills
        self._in_force.clear()
        async with self._changed:
            self._version += 1
            self._changed.notify_all()
        log.info("loaded", limits=sum(map(len, limits.values())), kill_switches=[kill.kill_id for kill in kills])

    async def follow(self) -> None:
        """Load now and at every change, for ever."""
        await self._database.act_on(CHANNEL, self._load_or_keep, poll_seconds=_POLL_SECONDS)

    async def _load_or_keep(self) -> None:
        try:
            await self.load()
        except PASSING_FAULTS as e:
            log.warning_throttled("unread", error=repr(e))


def kill_switch(row: Mapping[str, Any]) -> KillSwitch:
    """A row of `kill_switches` that has (at least) `KILL_COLUMNS`."""
    return KillSwitch(
        kill_id=row["kill_id"],
        scope=Scope(row["scope"]),
        subject_id=row["subject_id"],
        account_id=row["account_id"],
        action=KillAction(row["action"]),
        include_holdings=row["include_holdings"],
        reason=row["reason"],
        engaged_by=row["engaged_by"],
        engaged_at=row["engaged_at"],
    )


def _by_subject(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Limits]:
    """A name that this version does not know limits nothing: it is said, and left alone."""
    limits: dict[tuple[str, str], dict[LimitName, Decimal]] = {}
    for row in rows:
        try:
            name = LimitName(row["name"])
        except ValueError:
            log.warning_throttled("limit.unknown", name=row["name"], scope=row["scope"], subject_id=row["subject_id"])
            continue
        limits.setdefault((row["scope"], row["subject_id"]), {})[name] = row["value"]
    return dict(limits)
