"""What the egress is told: its ports, and the only targets that it opens tunnels to."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from engine_server.egress.connect_request import Target
from tradewinds.config import Settings


class EgressSettings(Settings):
    """`EGRESS_ALLOWED` is `host:port,host:port`; the default is Angel One's REST origin and order stream."""

    port: int = Field(
        default=0, ge=0, le=65535, validation_alias="EGRESS_PORT", description="where the proxy listens; 0 takes any"
    )
    grpc_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="GRPC_PORT", description="where gRPC is served; 0 takes any"
    )
    allowed: str = Field(
        default="apiconnect.angelone.in:443,tns.angelone.in:443",
        validation_alias="EGRESS_ALLOWED",
        description="host:port,host:port of the broker's REST origin and order stream",
    )

    state_dir: Path | None = Field(
        default=None,
        validation_alias="EGRESS_STATE_DIR",
        description="where fences are kept; without it a restart closes them all until the owners raise them again",
    )

    @field_validator("allowed")
    @classmethod
    def _names_targets(cls, value: str) -> str:
        if not _targets(value):
            raise ValueError("names no target")
        return value

    def targets(self) -> frozenset[Target]:
        """The allow-list."""
        return _targets(self.allowed)


def _targets(text: str) -> frozenset[Target]:
    return frozenset(Target.parse(part.strip()) for part in text.split(",") if part.strip())
