"""Settings of the notifier's own."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from notifier.delivery.addresses import Network
from tradewinds.config import Settings


class NotifierSettings(Settings):
    """Ports, and how long things are kept."""

    grpc_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="GRPC_PORT", description="where gRPC is served; 0 takes any"
    )
    http_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        validation_alias="HTTP_PORT",
        description="where server-sent events and WebSockets are served; 0 takes any",
    )
    ttl_seconds: float = Field(
        default=3600.0,
        gt=0,
        validation_alias="NOTIFICATION_TTL_SECONDS",
        description="how far back a live stream can be resumed",
    )
    alerts_per_user: int = Field(
        default=500,
        ge=0,
        validation_alias="PRICE_ALERTS_PER_USER",
        description="active price alerts that one user may have",
    )
    heartbeat_seconds: float = Field(
        default=15.0,
        gt=0,
        le=15,
        validation_alias="NOTIFICATION_HEARTBEAT_SECONDS",
        description="a silent stream says that it lives this often; the contract says 15",
    )
    canary_seconds: float = Field(
        default=2.0,
        gt=0,
        validation_alias="NOTIFICATION_CANARY_SECONDS",
        description="how often the live path is tried",
    )
    retention_days: int = Field(
        default=90,
        ge=1,
        validation_alias="NOTIFICATION_RETENTION_DAYS",
        description="notifications are kept for so many days; older days are dropped whole",
    )


class OutsideSettings(Settings):
    """Where messages may go."""

    endpoint_verification: bool = Field(
        default=True,
        validation_alias="ENDPOINT_VERIFICATION",
        description="whether an endpoint has to say the code that was sent there before it is used",
    )

    public_url: str = Field(
        default="",
        validation_alias="PUBLIC_URL",
        description="the gateway as it is reached from outside (https://…): mails then have a link that stops them",
    )

    webhook_networks: str = Field(
        default="",
        validation_alias="WEBHOOK_NETWORKS",
        description="private networks that webhooks may reach, such as 10.1.0.0/16, separated by blanks; none by default",
    )

    @field_validator("public_url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        # RFC 8058 wants https; http is for a gateway on this machine.
        if value and (urlsplit(value).scheme not in ("https", "http") or not urlsplit(value).hostname):
            raise ValueError("is no URL; write it like https://tradewinds.example.com, or leave it out")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for one in value.split():
            ip_network(one)
        return value

    def networks(self) -> tuple[Network, ...]:
        """Those that an operator has opened."""
        return tuple(ip_network(one) for one in self.webhook_networks.split())


class PhoneSettings(Settings):
    """Commands from a telephone."""

    enabled: bool = Field(
        default=False,
        validation_alias="PHONE_CONTROL",
        description="true: the first bot of TELEGRAM_PROVIDERS takes commands from chats that users have allowed",
    )
    poll_seconds: float = Field(
        default=20.0,
        gt=0,
        le=50,
        validation_alias="PHONE_POLL_SECONDS",
        description="how long one question to the Bot API waits for an answer",
    )


class EngineSettings(Settings):
    """Where the engines are: commands from a telephone and the last resort of an escalation go there."""

    engine_address: str = Field(
        default="",
        validation_alias="ENGINE_ADDRESS",
        description="host:port of the engines' gRPC servers, comma-separated",
    )

    def engines(self) -> tuple[str, ...]:
        """Their addresses."""
        return tuple(one.strip() for one in self.engine_address.split(",") if one.strip())
