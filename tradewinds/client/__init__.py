"""The Python client: a few async functions for everyday acts, and `Connection` for everything else.

    from tradewinds import client

    config_id = await client.create_strategy_config(
        "trader", "MomentumStrategy", "strategies.momentum",
        {"symbols": ["RELIANCE", "TCS"], "execution_interval": 5, "capital_allocated": 100000},
    )
    await client.start_strategy(config_id)
    print(await client.get_all_strategies_status())
    await client.stop_strategy(config_id)

Where to: TRADEWINDS_ADDRESS and TRADEWINDS_TOKEN, or the stack that runs in TRADEWINDS_STATE_DIR (default `.tradewinds`).
Errors are `tradewinds.errors.TradewindsError`: branch on `reason`, show `message`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradewinds.client.acts import (
    create_strategy_config,
    get_all_strategies_status,
    kill_strategy,
    pause_strategy,
    release_strategy,
    resume_strategy,
    send_notification,
    start_strategy,
    stop_strategy,
    update_strategy_config,
)
from tradewinds.client.connection import Connection
from tradewinds.client.target import Target, find_target

if TYPE_CHECKING:
    from tradewinds.database.manager import db_manager

__all__ = [
    "Connection",
    "Target",
    "create_strategy_config",
    "db_manager",
    "find_target",
    "get_all_strategies_status",
    "kill_strategy",
    "pause_strategy",
    "release_strategy",
    "resume_strategy",
    "send_notification",
    "start_strategy",
    "stop_strategy",
    "update_strategy_config",
]


def __getattr__(name: str) -> Any:
    """`db_manager` is loaded when it is asked for: the database layer takes longer to import than all the rest."""
    if name == "db_manager":
        from tradewinds.database.manager import db_manager

        return db_manager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
