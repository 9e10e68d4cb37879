"""What the engine process alone needs to know."""

from __future__ import annotations

from pydantic import Field

from tradewinds.config import Settings


class EngineSettings(Settings):
    """`grpc_port` 0 takes any; the others say where its neighbours are."""

    grpc_port: int = Field(default=0, ge=0, le=65535, validation_alias="GRPC_PORT")
    advertised_address: str = Field(
        default="",
        validation_alias="ADVERTISED_ADDRESS",
        description="host:port at which other engines reach this one; empty for the address it binds",
    )
    egress_url: str = Field(validation_alias="EGRESS_URL", description="the egress proxy, http://host:port")
    notifier_address: str = Field(
        validation_alias="NOTIFIER_ADDRESS", description="the notifier's gRPC address, host:port"
    )
