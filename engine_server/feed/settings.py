"""What the feed's operator decides, beside the broker's addresses (`tradewinds.config.BrokerSettings`)."""

from __future__ import annotations

from pydantic import Field

from tradewinds.config import Settings


class FeedSettings(Settings):
    """Settings of the feed process alone."""

    grpc_port: int = Field(default=0, ge=0, le=65535, validation_alias="GRPC_PORT")
    account_id: str = Field(
        default="",
        validation_alias="FEED_ACCOUNT_ID",
        description="whose broker session the feed uses; empty: the first enabled account that has one",
    )
    scrip_master_minimum_rows: int = Field(
        default=50_000,
        ge=2,
        validation_alias="SCRIP_MASTER_MINIMUM_ROWS",
        description="a scrip master with fewer usable rows is refused; a simulated broker lists few",
    )
