"""What break-glass needs to know, made while all is well and kept on the egress node: one file, sealed with SEAL_KEY."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine_server.broker.angel_one.credentials import Credentials, unseal_credentials
from tradewinds.config import BrokerSettings
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError
from tradewinds.seal import seal, unseal

_PURPOSE = "break-glass"
_ACCOUNTS = "SELECT account_id, sealed_credentials FROM broker_accounts WHERE enabled AND broker = 'ANGEL_ONE' ORDER BY account_id"


class SealedAccount(msgspec.Struct, frozen=True):
    """What an account logs in with."""

    client_code: str
    pin: str
    totp_secret: str
    api_key: str

    def credentials(self) -> Credentials:
        """As the adapter takes them."""
        return Credentials(self.client_code, self.pin, self.totp_secret, self.api_key)


class Bundle(msgspec.Struct, frozen=True):
    """Accounts by id, where the broker is and whom we trust there, and whom to call."""

    accounts: Mapping[str, SealedAccount]
    rest_url: str
    order_stream_url: str
    market_stream_url: str
    ca_pem: str
    phone: str

    def broker_settings(self, folder: Path) -> BrokerSettings:
        """`folder` gets the certificate, where there is one of our own."""
        ca_file = None
        if self.ca_pem:
            ca_file = folder / "broker-ca.pem"
            ca_file.write_text(self.ca_pem)
        return BrokerSettings(
            rest_url=self.rest_url,
            order_stream_url=self.order_stream_url,
            market_stream_url=self.market_stream_url,
            ca_file=ca_file,
        )


async def collect(database: Database, seal_key: bytes, broker: BrokerSettings, phone: str) -> Bundle:
    """Of every enabled account. Raises `ConfigurationError` for one that cannot be unsealed."""
    accounts = {}
    for row in await database.pool.fetch(_ACCOUNTS):
        known = unseal_credentials(seal_key, row["account_id"], row["sealed_credentials"])
        accounts[row["account_id"]] = SealedAccount(known.client_code, known.pin, known.totp_secret, known.api_key)
    return Bundle(
        accounts,
        broker.rest_url,
        broker.order_stream_url,
        broker.market_stream_url,
        broker.ca_file.read_text() if broker.ca_file else "",
        phone,
    )


def write(path: Path, seal_key: bytes, bundle: Bundle) -> None:
    """Sealed, readable by its owner alone, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(seal(seal_key, _PURPOSE, msgspec.json.encode(bundle)))
    temporary.replace(path)


def read(path: Path, seal_key: bytes) -> Bundle:
    """Raises `ConfigurationError` where there is none, or it was sealed with another key."""
    try:
        sealed = path.read_bytes()
    except OSError as e:
        raise ConfigurationError(
            f"--bundle: {path} cannot be read ({e.strerror}); make one with `break-glass bundle`"
        ) from e
    try:
        return msgspec.json.decode(unseal(seal_key, _PURPOSE, sealed), type=Bundle)
    except msgspec.MsgspecError:
        # Not chained: the error's text could quote what was sealed.
        raise ConfigurationError(
            f"--bundle: {path} is of another version; make it again with `break-glass bundle`"
        ) from None
