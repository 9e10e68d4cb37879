"""Settings of the notifier's own."""

from __future__ import annotations

from pydantic import Field

from tradewinds.config import Settings


class NotifierSettings(Settings):
    """Ports, and how long what was told live can be resumed."""

    grpc_port: int = Field(default=0, ge=0, le=65535, validation_alias="GRPC_PORT")
    http_port: int = Field(default=0, ge=0, le=65535, validation_alias="HTTP_PORT")
    ttl_seconds: float = Field(default=3600.0, gt=0, validation_alias="NOTIFICATION_TTL_SECONDS")
    heartbeat_seconds: float = Field(
        default=15.0, gt=0, le=15, validation_alias="NOTIFICATION_HEARTBEAT_SECONDS", description="the contract says 15"
    )
