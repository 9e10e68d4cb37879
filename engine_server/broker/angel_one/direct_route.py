"""Straight to the broker, for what it takes from any address: market data and read-only checks. Never for orders."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from urllib3.connection import HTTPSConnection


@dataclass(frozen=True)
class DirectRoute:
    """Whom we trust at the other end."""

    tls: ssl.SSLContext = field(repr=False)

    def connect(self, host: str, port: int, timeout_seconds: float) -> HTTPSConnection:
        """A connection to the broker with its TLS handshake done and its certificate and name checked; blocks."""
        connection = HTTPSConnection(host, port, timeout=timeout_seconds, ssl_context=self.tls, server_hostname=host)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection
