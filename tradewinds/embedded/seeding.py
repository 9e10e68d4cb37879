"""What a fresh installation has in its database: its owner and the simulated broker account, sealed credentials included."""

from __future__ import annotations

import base64
import json

import asyncpg

from tradewinds.embedded.installation import OWNER, Secrets
from tradewinds.seal import seal

# Generated prices and a replay are two markets: each is an account of its own, and only the one that runs is enabled.
GENERATED_ACCOUNT = "SANDBOX"
REPLAY_ACCOUNT = "REPLAY"

_USER = "INSERT INTO users (user_id, display_name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ACCOUNT = """
INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id) DO UPDATE SET client_code = excluded.client_code, sealed_credentials = excluded.sealed_credentials
"""
_ENABLE = "UPDATE broker_accounts SET enabled = (account_id = $1) WHERE account_id IN ($2, $3)"


async def seed(database_url: str, secrets: Secrets, *, is_replay: bool) -> str:
    """Make sure that owner and account are there; returns the account's id."""
    account_id = REPLAY_ACCOUNT if is_replay else GENERATED_ACCOUNT
    credentials = {
        "client_code": secrets.sandbox_client_code,
        "pin": secrets.sandbox_pin,
        "totp_secret": secrets.sandbox_totp_secret,
        "api_key": secrets.sandbox_api_key,
    }
    sealed = seal(base64.b64decode(secrets.seal_key), f"credentials:{account_id}", json.dumps(credentials).encode())
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute(_USER, OWNER, "Trader")
            await connection.execute(_ACCOUNT, account_id, OWNER, secrets.sandbox_client_code, sealed)
            await connection.execute(_ENABLE, account_id, GENERATED_ACCOUNT, REPLAY_ACCOUNT)
    finally:
        await connection.close()
    return account_id
