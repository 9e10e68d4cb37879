"""What a fresh installation has in its database: its owner and the account that it trades, sealed credentials included."""

from __future__ import annotations

import base64
import json

import asyncpg

from tradewinds.embedded.broker import GENERATED_ACCOUNT, REPLAY_ACCOUNT, RealBroker
from tradewinds.embedded.installation import OWNER, Secrets
from tradewinds.seal import seal

_USER = "INSERT INTO users (user_id, display_name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ACCOUNT = """
INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id) DO UPDATE SET client_code = excluded.client_code, sealed_credentials = excluded.sealed_credentials
"""
# One account at a time: two owners of one machine's egress would share its address, and real money must not meet simulated prices.
_ENABLE = "UPDATE broker_accounts SET enabled = (account_id = $1)"


async def seed(database_url: str, secrets: Secrets, *, is_replay: bool, real: RealBroker | None = None) -> str:
    """Make sure that owner and account are there, and that this account alone is enabled; returns its id."""
    account_id = real.account_id if real else REPLAY_ACCOUNT if is_replay else GENERATED_ACCOUNT
    credentials = real.sealed_facts if real else _of_sandbox(secrets)
    sealed = seal(base64.b64decode(secrets.seal_key), f"credentials:{account_id}", json.dumps(credentials).encode())
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute(_USER, OWNER, "Trader")
            await connection.execute(_ACCOUNT, account_id, OWNER, credentials["client_code"], sealed)
            await connection.execute(_ENABLE, account_id)
    finally:
        await connection.close()
    return account_id


def _of_sandbox(secrets: Secrets) -> dict[str, str]:
    return {
        "client_code": secrets.sandbox_client_code,
        "pin": secrets.sandbox_pin,
        "totp_secret": secrets.sandbox_totp_secret,
        "api_key": secrets.sandbox_api_key,
    }
