"""Rows that the database tests begin with."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.database.models import BrokerAccount, StrategyConfig, User
from tradewinds.database.query import Repository


async def an_account(session: AsyncSession) -> None:
    """User u1 with the broker account a1, committed."""
    await Repository(User, session).create({"user_id": "u1", "display_name": "Asha"})
    await Repository(BrokerAccount, session).create(
        {"account_id": "a1", "user_id": "u1", "client_code": "A1", "sealed_credentials": b"sealed"}
    )
    await session.commit()


async def make_configs(session: AsyncSession) -> Repository[StrategyConfig]:
    """c1 RUNNING generation 1, c2 STOPPED generation 2 (with a reason, never beaten), c3 FAILED generation 3; committed."""
    configs = Repository(StrategyConfig, session)
    whose = {"user_id": "u1", "account_id": "a1", "module_path": "strategies.momentum", "class_name": "Momentum"}
    beat = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
    for row in (
        {"state": "RUNNING", "desired_state": "RUNNING", "generation": 1, "heartbeat_at": beat, "config": {}},
        {"generation": 2, "config": {"symbols": ["NSE:SBIN-EQ"]}, "state_reason": "used 100% of its budget"},
        {"state": "FAILED", "generation": 3, "heartbeat_at": beat.replace(hour=5), "config": {}},
    ):
        await configs.create({"config_id": f"c{row['generation']}", **whose, **row})
    await session.commit()
    return configs
