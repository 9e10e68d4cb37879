"""The end of the ladder: nobody acknowledged, and an account that wants it so opens nothing new (kill switch REDUCE_ONLY).

Only where the user named the account and owns it, while its market is in session and something is open; through the rpc that everybody
engages kill switches with, which audits it and tells the owner. A person releases it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from notifier.engines import Engines, Speaker
from notifier.preference_store import PreferenceStore
from notifier.preferences import Preferences
from tradewinds.clock import ist
from tradewinds.database.faults import is_passing
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger
from tradewinds.v1 import market_data_pb2, operations_pb2, risk_pb2, trading_pb2

log = get_logger("notifier.last_resort")

_EVERY_SECONDS: Final = 5.0
_AT_ONCE: Final = 20
_SOURCE: Final = "escalation"
_DUE: Final = """
SELECT e.notification_id, e.user_id, n.type, n.title, n.data FROM notification_escalations e
JOIN notifications n ON n.notification_id = e.notification_id
WHERE e.last_resort = 'DUE' AND e.state = 'ACTIVE' AND e.user_id = ANY($1) ORDER BY e.created_at LIMIT $2
"""
_DUE_USERS: Final = """
SELECT DISTINCT user_id FROM notification_escalations WHERE last_resort = 'DUE' AND state = 'ACTIVE'
"""
_DONE: Final = """
UPDATE notification_escalations SET last_resort = 'DONE', updated_at = clock_timestamp()
WHERE notification_id = $1 AND last_resort = 'DUE'
"""
_EXCHANGES: Final = {
    "NSE": ("NSE_CM",),
    "NFO": ("NSE_FO",),
    "BSE": ("BSE_CM",),
    "BFO": ("BSE_FO",),
    "MCX": ("MCX",),
    "CDS": ("CDS",),
}


class LastResort:
    """Run it as a watched task; any number of replicas may, the engine engages once for each request id."""

    def __init__(self, database: Database, preferences: PreferenceStore, engines: Engines, token: str) -> None:
        self._database = database
        self._preferences = preferences
        self._engines = engines
        self._speaker = Speaker(token, _SOURCE)

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except Exception as e:
                if not is_passing(e):
                    raise
                log.warning_throttled("database.away", error=describe(e))
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> int:
        """Do what is due and may be done now; how many kill switches were engaged."""
        users = [row["user_id"] for row in await self._database.pool.fetch(_DUE_USERS)]
        wishes = await self._preferences.of_users(users)
        willing = [user for user in users if wishes[user].reduce_only_accounts]
        engaged = 0
        for row in await self._database.pool.fetch(_DUE, willing, _AT_ONCE) if willing else ():
            try:
                engaged += await self._act(row, wishes[row["user_id"]])
            except TradewindsError as e:
                # One account that cannot be stopped must not keep another from it.
                log.error("not_engaged", notification_id=row["notification_id"], error=e.message)  # noqa: TRY400
        return engaged

    async def _act(self, row: Mapping[str, Any], wishes: Preferences) -> int:
        accounts = await self._ask("operations", "ListBrokerAccounts", operations_pb2.ListBrokerAccountsRequest())
        own = [a.account_id for a in accounts.broker_accounts if a.user_id == row["user_id"]]
        named = concerned(row["data"] or {}, wishes.reduce_only_accounts & set(own))
        positions = await self._ask("trading", "ListPositions", trading_pb2.ListPositionsRequest())
        kills = await self._ask("operations", "ListKillSwitches", risk_pb2.ListKillSwitchesRequest())
        clock = await self._ask("market_data", "GetMarketClock", market_data_pb2.GetMarketClockRequest())
        now = ist(clock.market_time.ToDatetime(tzinfo=UTC))
        today = market_data_pb2.ListCalendarDaysRequest(start_day=f"{now:%Y-%m-%d}")
        days = (await self._ask("market_data", "ListCalendarDays", today)).days
        open_segments = segments_in_session(days, now)
        engaged = 0
        for account_id in sorted(named):
            if is_stopped(account_id, kills.kill_switches) or not is_exposed(
                account_id, positions.positions, open_segments
            ):
                continue
            await self._engage(row, account_id)
            engaged += 1
        if engaged:
            await self._database.pool.execute(_DONE, row["notification_id"])
        return engaged

    async def _engage(self, row: Mapping[str, Any], account_id: str) -> None:
        notification_id = row["notification_id"]
        request = risk_pb2.EngageKillSwitchRequest(
            scope=risk_pb2.RISK_SCOPE_ACCOUNT,
            subject_id=account_id,
            action=risk_pb2.KILL_ACTION_REDUCE_ONLY,
            reason=f"nobody acknowledged {row['type']} ({notification_id}): {row['title']}"[:500],
            request_id=f"last-resort-{notification_id}-{account_id}",
        )
        kill = await self._ask("operations", "EngageKillSwitch", request)
        log.error("engaged", kill_id=kill.kill_id, account_id=account_id, notification_id=notification_id)

    async def _ask(self, service: str, method: str, request: Any) -> Any:
        return await self._engines.call(lambda e: getattr(getattr(e, service), method), request, self._speaker)


def concerned(data: Mapping[str, Any], wanted: frozenset[str]) -> frozenset[str]:
    """The account that a notification is about; where it names none, every one that may be meant."""
    account_id = data.get("account_id")
    return wanted & {account_id} if account_id else wanted


def segments_in_session(days: Iterable[Any], now: datetime) -> frozenset[str]:
    """Which segments trade continuously at `now`, a time in India."""
    moment = f"{now:%H:%M}"
    return frozenset(
        day.segment
        for day in days
        for phase in day.phases
        if phase.phase == "CONTINUOUS" and phase.start <= moment < phase.end
    )


def is_exposed(account_id: str, positions: Iterable[Any], open_segments: frozenset[str]) -> bool:
    """Whether something is open in the account whose market is in session."""
    return any(
        p.account_id == account_id
        and p.net_quantity
        and open_segments & set(_EXCHANGES.get(p.instrument.partition(":")[0], ()))
        for p in positions
    )


def is_stopped(account_id: str, kills: Iterable[Any]) -> bool:
    """Whether entries are forbidden already."""
    return any(
        kill.scope == risk_pb2.RISK_SCOPE_GLOBAL
        or (kill.scope == risk_pb2.RISK_SCOPE_ACCOUNT and kill.subject_id == account_id)
        for kill in kills
    )
