"""The services behind the gateway, as Envoy clusters with health checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.routing import ENGINE, NOTIFIER
from gateway.settings import GatewaySettings, split_address

NOTIFIER_HTTP: Final = "notifier-http"
_HTTP_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def clusters(settings: GatewaySettings) -> list[dict[str, Any]]:
    """engine and notifier (gRPC, HTTP/2) and the notifier's HTTP server (SSE, HTTP/1.1)."""
    # As our own channels ping (tradewinds/grpc_server.py).
    http2 = {"http2_protocol_options": {"connection_keepalive": {"interval": "30s", "timeout": "10s"}}}
    grpc_check: dict[str, Any] = {"grpc_health_check": {}}
    http_check = {"http_health_check": {"path": "/healthz"}}
    return [
        _cluster(ENGINE, settings.engine_addresses, http2, grpc_check),
        _cluster(NOTIFIER, (settings.notifier_address,), http2, grpc_check),
        _cluster(NOTIFIER_HTTP, (settings.notifier_http_address,), {"http_protocol_options": {}}, http_check),
    ]


def _cluster(name: str, addresses: Sequence[str], protocol: dict[str, Any], check: dict[str, Any]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": {"socket_address": _socket_address(address)}}} for address in addresses]
    options = {"@type": f"type.googleapis.com/{_HTTP_OPTIONS}", "explicit_http_config": protocol}
    timing = {"timeout": "2s", "interval": "2s", "no_traffic_interval": "2s", "unhealthy_threshold": 2}
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "2s",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "typed_extension_protocol_options": {_HTTP_OPTIONS: options},
        # A service that just came up is used after one good check; with every instance down Envoy tries them all the same.
        "health_checks": [{**timing, "healthy_threshold": 1, **check}],
    }


def _socket_address(address: str) -> dict[str, Any]:
    host, port = split_address(address)
    return {"address": host, "port_value": port}
