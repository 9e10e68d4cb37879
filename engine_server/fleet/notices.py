"""What the fleet tells a strategy's user, put into the outbox in the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from engine_server import outbox

_TITLES = {
    "STRATEGY_STARTED": "{config_id} is running",
    "STRATEGY_STOPPED": "{config_id} has stopped",
    "STRATEGY_CRASHED": "{config_id} crashed",
    "STRATEGY_QUARANTINED": "{config_id} is quarantined",
    "STRATEGY_MOVED": "{config_id} was moved to another runner",
    "STRATEGY_FAILED": "{config_id} cannot be started",
}


async def tell(
    session: AsyncSession,
    type_: str,
    *,
    config_id: str,
    user_id: str,
    message: str,
    occurrence: str,
    data: Mapping[str, object] | None = None,
) -> None:
    """One notification about one strategy; `occurrence` tells repeats of the same fact from another fact."""
    await outbox.add(
        session,
        user_id=user_id,
        type_=type_,
        title=_TITLES[type_].format(config_id=config_id),
        message=message,
        dedupe_key=f"{type_.lower()}:{config_id}:{occurrence}",
        data={"config_id": config_id, **(data or {})},
    )
