"""What the engine process alone needs to know."""

from __future__ import annotations

from pydantic import Field

from tradewinds.config import Settings


class EngineSettings(Settings):
    """Where it serves, where its neighbours are, and when a strategy is given up."""

    grpc_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="GRPC_PORT", description="where gRPC is served; 0 takes any"
    )
    advertised_address: str = Field(
        default="",
        validation_alias="ADVERTISED_ADDRESS",
        description="host:port at which other engines reach this one; empty for the address it binds",
    )
    egress_url: str = Field(validation_alias="EGRESS_URL", description="the egress proxy, http://host:port")
    notifier_address: str = Field(
        validation_alias="NOTIFIER_ADDRESS", description="the notifier's gRPC address, host:port"
    )
    quarantine_crashes: int = Field(
        default=6,
        ge=1,
        le=1000,
        validation_alias="QUARANTINE_CRASHES",
        description="so many crashes of a strategy within the window, on whatever runner, and it is quarantined",
    )
    quarantine_window_seconds: float = Field(
        default=600.0,
        gt=0,
        le=86_400,
        validation_alias="QUARANTINE_WINDOW_SECONDS",
        description="the window of QUARANTINE_CRASHES",
    )

    mis_square_off_minutes: float = Field(
        default=5.0,
        ge=0,
        le=360,
        validation_alias="MIS_SQUARE_OFF_MINUTES",
        description="so long before the broker squares intraday (MIS) positions off the engine does it itself",
    )

    def address(self, host: str) -> str:
        """Where other engines reach this one; empty when its port is not known beforehand."""
        return self.advertised_address or (f"{host}:{self.grpc_port}" if self.grpc_port else "")


class RiskSettings(Settings):
    """What it takes to let more through: to loosen a limit, to release a kill switch."""

    approvals: int = Field(
        default=1,
        ge=1,
        le=10,
        validation_alias="RISK_APPROVALS",
        description="how many different people must approve; whoever asks is one of them",
    )
    cool_off_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        validation_alias="RISK_COOL_OFF_SECONDS",
        description="how long every such decision waits, approved or not",
    )
