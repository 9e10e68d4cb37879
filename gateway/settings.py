"""What the gateway needs to know: where it listens, what is behind it, which keys tokens are checked with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from tradewinds.config import Settings

DESCRIPTOR = Path(__file__).resolve().with_name("tradewinds.binpb")


class GatewaySettings(Settings):
    """Addresses are `host:port`; a host may be a name that resolves to several instances."""

    host: str = Field(
        default="127.0.0.1",
        validation_alias="BIND_HOST",
        description="the address to listen on; 0.0.0.0 in a container",
    )
    port: int = Field(
        default=8080,
        ge=0,
        le=65535,
        validation_alias="GATEWAY_PORT",
        description="where REST, server-sent events and gRPC are served; 0 takes any",
    )
    engine_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        validation_alias="ENGINE_ADDRESSES",
        min_length=1,
        description="the engines' gRPC addresses, host:port,host:port",
    )
    notifier_address: str = Field(
        validation_alias="NOTIFIER_ADDRESS", description="the notifier's gRPC address, host:port"
    )
    notifier_http_address: str = Field(
        validation_alias="NOTIFIER_HTTP_ADDRESS", description="the notifier's HTTP address, host:port"
    )
    jwks_file: Path = Field(validation_alias="JWKS_FILE", description="path of a JWKS file with the public keys")
    trusted_hops: int = Field(
        default=0,
        ge=0,
        le=10,
        validation_alias="GATEWAY_TRUSTED_HOPS",
        description="how many proxies of ours stand before the gateway and append to x-forwarded-for",
    )
    descriptor: Path = Field(
        default=DESCRIPTOR, validation_alias="GATEWAY_DESCRIPTOR", description="the contracts, as a descriptor set"
    )

    @field_validator("engine_addresses", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("engine_addresses", "notifier_address", "notifier_http_address")
    @classmethod
    def _is_address(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            split_address(address)
        return value


def split_address(address: str) -> tuple[str, int]:
    """`host:port` in two; raises `ValueError` saying what is wrong with it."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) <= 65535:
        raise ValueError(f"{address!r} is not host:port")
    return host.strip("[]"), int(port)
