"""The sample strategy that a fresh stack runs, so that there is something to look at."""

from __future__ import annotations

import asyncio

from tradewinds.client import acts
from tradewinds.client.connection import Connection
from tradewinds.embedded.installation import OWNER
from tradewinds.errors import AlreadyExistsError, PreconditionError, UnavailableError

_PARAMETERS = {"symbols": ["RELIANCE", "TCS"], "execution_interval": 5, "capital_allocated": 100_000}
_PATIENCE_SECONDS = 30.0  # the scrip master and the first runner come moments after the engine
_PAUSE_SECONDS = 0.2


async def start_demo(connection: Connection, account_id: str) -> str:
    """Create the sample configuration (once per account) and start it; returns its config id."""
    config_id = f"momentum-{account_id.lower()}"
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _create(connection, config_id, account_id)
    except TimeoutError as e:
        raise UnavailableError(f"no runner was ready within {_PATIENCE_SECONDS:.0f} s; see the logs") from e
    await acts.start_strategy(config_id, reason="sample strategy of `tradewinds up`", connection=connection)
    return config_id


async def _create(connection: Connection, config_id: str, account_id: str) -> None:
    while True:
        try:
            await acts.create_strategy_config(
                OWNER,
                "MomentumStrategy",
                "strategies.momentum",
                _PARAMETERS,
                config_id=config_id,
                account_id=account_id,
                connection=connection,
            )
        except AlreadyExistsError:
            return
        except (UnavailableError, PreconditionError):
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
