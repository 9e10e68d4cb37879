"""How bytes get to the broker: through the egress, under an account and an epoch, in TLS from end to end."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from urllib3.connection import HTTPSConnection

from engine_server.egress.connect_request import ACCOUNT_HEADER, EPOCH_HEADER
from tradewinds.errors import ConfigurationError


@dataclass(frozen=True)
class EgressRoute:
    """The egress, who pays for the tunnels, and whom we trust at their end."""

    egress_host: str
    egress_port: int
    proxy_headers: dict[str, str]
    tls: ssl.SSLContext = field(repr=False)

    @classmethod
    def make(cls, egress_url: str, account_id: str, epoch: int, ca_file: Path | None) -> EgressRoute:
        """Raises `ConfigurationError` naming EGRESS_URL or BROKER_CA_FILE."""
        parts = urlsplit(egress_url)
        if parts.scheme != "http" or not parts.hostname or not parts.port:
            raise ConfigurationError(f"EGRESS_URL: {egress_url!r} is not http://host:port")
        headers = {ACCOUNT_HEADER: account_id, EPOCH_HEADER: str(epoch)}
        return cls(parts.hostname, parts.port, headers, trusting(ca_file))

    @property
    def egress_url(self) -> str:
        """`http://host:port`."""
        host = f"[{self.egress_host}]" if ":" in self.egress_host else self.egress_host
        return f"http://{host}:{self.egress_port}"

    def connect(self, host: str, port: int, timeout_seconds: float) -> HTTPSConnection:
        """A connection to the broker with its TLS handshake done and its certificate and name checked; blocks.

        Whatever is raised, no byte of any request has left: there was none yet. That is why the steps are taken here
        and are not left to a pool, which connects and sends in one call.
        """
        connection = HTTPSConnection(
            self.egress_host, self.egress_port, timeout=timeout_seconds, ssl_context=self.tls, server_hostname=host
        )
        connection.set_tunnel(host, port, headers=self.proxy_headers)
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        return connection


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities, or the given one alone; certificate and name are always checked. Raises
    `ConfigurationError` naming BROKER_CA_FILE.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except (OSError, ssl.SSLError) as e:
        raise ConfigurationError(f"BROKER_CA_FILE: {ca_file} cannot be read as a PEM certificate ({e})") from e
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def origin_of(url: str) -> tuple[str, int]:
    """Host and port of BROKER_REST_URL; raises `ConfigurationError` where it is more than an origin."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ConfigurationError(f"BROKER_REST_URL: {url!r} is not https://host or https://host:port")
    return parts.hostname, parts.port or 443
