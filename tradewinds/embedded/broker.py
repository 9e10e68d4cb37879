"""Which broker the stack trades at: the simulated one, or a real account whose credentials are in the environment.

Everything else is the same: the sandbox is a broker on the other end of the wire, not a mode of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tradewinds.config import BrokerCredentials, BrokerSettings

# Generated prices and a replay are two markets: each is an account of its own.
GENERATED_ACCOUNT = "SANDBOX"
REPLAY_ACCOUNT = "REPLAY"


@dataclass(frozen=True)
class RealBroker:
    """Credentials and addresses of a real account. Its id is the client code."""

    credentials: BrokerCredentials
    addresses: BrokerSettings

    @property
    def account_id(self) -> str:
        """As people type it."""
        return self.credentials.client_code.upper()

    @property
    def sealed_facts(self) -> dict[str, str]:
        """What an engine logs in with; goes into the database sealed."""
        known = self.credentials
        return {
            "client_code": known.client_code,
            "pin": known.pin.get_secret_value(),
            "totp_secret": known.totp_secret.get_secret_value(),
            "api_key": known.api_key.get_secret_value(),
        }

    def environment(self) -> dict[str, str]:
        """For the processes that talk to it."""
        where = self.addresses
        return {
            "BROKER_REST_URL": where.rest_url,
            "BROKER_ORDER_STREAM_URL": where.order_stream_url,
            "BROKER_MARKET_STREAM_URL": where.market_stream_url,
            "BROKER_SCRIP_MASTER_URL": where.scrip_master_url,
            "BROKER_CLOCK_URL": where.clock_url,
            "BROKER_CA_FILE": str(where.ca_file or ""),
        }

    @property
    def egress_allowed(self) -> str:
        """Where orders and their stream go, as the egress takes it: `host:port` with commas."""
        urls = (urlsplit(url) for url in (self.addresses.rest_url, self.addresses.order_stream_url))
        return ",".join(dict.fromkeys(f"{url.hostname}:{url.port or 443}" for url in urls))
