"""What the gateway reads from the contracts: every rpc, whether it streams, and its HTTP mapping.

The source is the committed descriptor set, so that the gateway cannot know another contract than the services.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError

from tradewinds.errors import ConfigurationError

PACKAGE = "tradewinds.v1"


@dataclass(frozen=True)
class Rpc:
    """One rpc; `http_verb` is empty when it has no HTTP mapping, `http_body` ("*" or a field) when it takes no body."""

    service: str
    name: str
    request_type: str
    client_streaming: bool
    server_streaming: bool
    http_verb: str
    http_path: str
    http_body: str

    @property
    def path(self) -> str:
        """Its gRPC path, `/tradewinds.v1.Trading/PlaceOrder`."""
        return f"/{self.service}/{self.name}"

    @property
    def is_bidirectional(self) -> bool:
        """Neither transcoded nor routed: runners hold their session with the engine itself."""
        return self.client_streaming and self.server_streaming

    @property
    def is_read(self) -> bool:
        """May be repeated without asking: a unary rpc that is mapped to GET."""
        return self.http_verb == "get" and not self.server_streaming


@dataclass(frozen=True)
class Contract:
    """Every rpc of our package, in the order of the files, and the descriptors of their messages."""

    rpcs: tuple[Rpc, ...]
    messages: descriptor_pool.DescriptorPool

    @property
    def transcoded_services(self) -> list[str]:
        """The services with at least one HTTP mapping."""
        return sorted({rpc.service for rpc in self.rpcs if rpc.http_verb})


def read_contract(descriptor: Path) -> Contract:
    """Read a descriptor set (made with its imports); raises `ConfigurationError` when it cannot be read."""
    messages = descriptor_pool.DescriptorPool()
    try:
        files = descriptor_pb2.FileDescriptorSet.FromString(descriptor.read_bytes()).file
        for file in files:
            messages.Add(file)
    except (OSError, ValueError, TypeError, DecodeError) as e:
        raise ConfigurationError(f"GATEWAY_DESCRIPTOR: {descriptor} cannot be read ({e}); run `make proto`") from e
    rpcs = [
        _rpc(f"{PACKAGE}.{service.name}", method)
        for file in files
        if file.package == PACKAGE
        for service in file.service
        for method in service.method
    ]
    return Contract(tuple(rpcs), messages)


def _rpc(service: str, method: descriptor_pb2.MethodDescriptorProto) -> Rpc:
    rule: http_pb2.HttpRule = method.options.Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    return Rpc(
        service=service,
        name=method.name,
        request_type=method.input_type.lstrip("."),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
        http_verb=verb,
        http_path=getattr(rule, verb) if verb else "",
        http_body=rule.body,
    )
