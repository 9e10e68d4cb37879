"""What the feed's operator decides, beside the broker's addresses (`tradewinds.config.BrokerSettings`)."""

from __future__ import annotations

from pydantic import Field

from engine_server.feed.placement import MOST_SOCKETS, SOCKET_QUOTA
from tradewinds.config import Settings


class FeedSettings(Settings):
    """Settings of the feed process alone."""

    grpc_port: int = Field(
        default=0, ge=0, le=65535, validation_alias="GRPC_PORT", description="where gRPC is served; 0 takes any"
    )
    account_id: str = Field(
        default="",
        validation_alias="FEED_ACCOUNT_ID",
        description="whose broker session the feed uses; empty: the first enabled account that has one",
    )
    sockets: int = Field(
        default=2,
        ge=1,
        le=MOST_SOCKETS,
        validation_alias="FEED_SOCKETS",
        description="market sockets of 1,000 instruments each; the broker allows three, one is kept for a feed that takes over",
    )
    socket_quota: int = Field(
        default=SOCKET_QUOTA,
        ge=2,
        le=SOCKET_QUOTA,
        validation_alias="FEED_SOCKET_QUOTA",
        description="what a socket carries, the index that proves it alive among it; what has no room is quoted in rotation",
    )
    scrip_master_minimum_rows: int = Field(
        default=50_000,
        ge=2,
        validation_alias="SCRIP_MASTER_MINIMUM_ROWS",
        description="a scrip master with fewer usable rows is refused; a simulated broker lists few",
    )
    scrip_master_least_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        validation_alias="SCRIP_MASTER_LEAST_SHARE",
        description="a scrip master in which a segment has less than this share of its last rows is refused; 0 takes any",
    )
    scrip_master_may_repeat: bool = Field(
        default=False,
        validation_alias="SCRIP_MASTER_MAY_REPEAT",
        description="a scrip master that has not changed since an earlier trading day serves; else entries wait for another",
    )
    scrip_master_retention_days: int = Field(
        default=7,
        ge=1,
        validation_alias="SCRIP_MASTER_RETENTION_DAYS",
        description="accepted scrip masters are kept in PostgreSQL for so many days; the last one always",
    )
    bar_retention_days: int = Field(
        default=400,
        ge=31,
        validation_alias="BAR_RETENTION_DAYS",
        description="one-minute bars are kept for so many days, in whole months; the broker has older ones",
    )
    bar_backfill_days: int = Field(
        default=5,
        ge=0,
        le=29,
        validation_alias="BAR_BACKFILL_DAYS",
        description="days before today that are fetched of everything that is streamed: one request an instrument",
    )
