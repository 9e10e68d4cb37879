"""Envoy's configuration, from the one template and what the contracts say."""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import Any, Final

from gateway import access, local_replies, routing, strict_body
from gateway.clusters import NOTIFIER_HTTP, clusters
from gateway.contract import Rpc, read_contract
from gateway.settings import GatewaySettings
from tradewinds import auth

_TEMPLATE: Final = Path(__file__).with_name("envoy.template.yaml")
SSE_PATH: Final = "/v1/notifications/stream"
WEBSOCKET_PATH: Final = "/v1/ws"
# Its token is in the link of a mail, which the notifier sealed.
UNSUBSCRIBE_PATH: Final = "/v1/unsubscribe"
_WATCH_NOTIFICATIONS: Final = "/tradewinds.v1.Notifier/WatchNotifications"
_TRANSCODER: Final = "envoy.filters.http.grpc_json_transcoder"


def render(settings: GatewaySettings) -> str:
    """The YAML that Envoy takes with `--config-path`; raises `ConfigurationError` when the descriptor cannot be read."""
    contract = read_contract(settings.descriptor)
    values = {
        "host": settings.host,
        "port": settings.port,
        "trusted_hops": settings.trusted_hops,
        "issuer": auth.ISSUER,
        "audience": auth.AUDIENCE,
        "jwks_file": str(settings.jwks_file.absolute()),
        "claims": access.CLAIMS,
        "descriptor": str(settings.descriptor.absolute()),
        "services": contract.transcoded_services,
        "strict_body": strict_body.lua_source(contract.rpcs, contract.messages),
        "local_replies": local_replies.mappers(),
        "policies": access.policies(_reachable(contract.rpcs), [UNSUBSCRIBE_PATH]),
        "unsubscribe": UNSUBSCRIBE_PATH,
        "routes": [
            _native_route(SSE_PATH),
            _websocket_route(),
            _native_route(UNSUBSCRIBE_PATH),
            *routing.routes(contract.rpcs),
        ],
        "clusters": clusters(settings),
    }
    # JSON is YAML.
    return Template(_TEMPLATE.read_text()).substitute({name: json.dumps(value) for name, value in values.items()})


def _reachable(rpcs: tuple[Rpc, ...]) -> dict[str, frozenset[str]]:
    """The method table without the bidirectional rpcs, and with the watch's two other doors."""
    closed = {rpc.path for rpc in rpcs if rpc.is_bidirectional}
    open_methods = {path: roles for path, roles in auth.METHOD_ROLES.items() if path not in closed}
    return {**open_methods, **dict.fromkeys((SSE_PATH, WEBSOCKET_PATH), auth.METHOD_ROLES[_WATCH_NOTIFICATIONS])}


def _websocket_route() -> dict[str, Any]:
    route = _native_route(WEBSOCKET_PATH)
    return {**route, "route": {**route["route"], "upgrade_configs": [{"upgrade_type": "websocket"}]}}


def _native_route(path: str) -> dict[str, Any]:
    """To the notifier's HTTP server as it is; it beats every 15 s."""
    return {
        "match": {"path": path},
        "route": {"cluster": NOTIFIER_HTTP, "timeout": "0s", "idle_timeout": "60s"},
        "typed_per_filter_config": {
            _TRANSCODER: {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}
        },
    }
