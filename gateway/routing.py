"""Which rpc goes where, for how long, and what may be tried again: one route per rpc, so that nothing else gets through.

Transcoded calls take these routes too: Envoy matches again after the transcoder has made `/v1/…` a gRPC path.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from gateway.contract import PACKAGE, Rpc

ENGINE: Final = "engine"
NOTIFIER: Final = "notifier"
_NOTIFIER_SERVICE: Final = f"{PACKAGE}.Notifier"

# A transcoded call has no deadline of its own.
_REST_TIMEOUT: Final = "10s"
# Services beat every 15 s: a stream that says nothing for four beats is dead. Never 0, a dead peer would stay for ever.
_STREAM_IDLE: Final = "60s"
# The request did not reach a service, so that repeating it cannot repeat its effect.
# The next attempt goes to another engine: the one that has just died is not found out by asking it again.
_ELSEWHERE: Final = {
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 3,
}
_SAFE_RETRY: Final = {"retry_on": "connect-failure,refused-stream", "num_retries": 2, **_ELSEWHERE}
_READ_RETRY: Final = {"retry_on": "connect-failure,refused-stream,reset,unavailable", "num_retries": 2, **_ELSEWHERE}
_TRANSCODED: Final = {"name": "x-envoy-original-path", "present_match": True}


def routes(rpcs: Iterable[Rpc]) -> list[dict[str, Any]]:
    """The routes of every rpc but bidirectional ones, then those of health and reflection."""
    ours = [route for rpc in rpcs if not rpc.is_bidirectional for route in _routes_of(rpc)]
    probes = [
        {"match": {"prefix": prefix}, "route": {"cluster": ENGINE, **_streaming()}}
        for prefix in ("/grpc.health.v1.Health/", "/grpc.reflection.")
    ]
    return ours + probes


def _routes_of(rpc: Rpc) -> list[dict[str, Any]]:
    cluster = NOTIFIER if rpc.service == _NOTIFIER_SERVICE else ENGINE
    match: dict[str, Any] = {"path": rpc.path}
    retry = _READ_RETRY if rpc.is_read else _SAFE_RETRY
    if rpc.server_streaming:
        return [{"match": match, "route": {"cluster": cluster, "retry_policy": retry, **_streaming()}}]
    rest = {"cluster": cluster, "retry_policy": retry, "timeout": _REST_TIMEOUT}
    native = {"cluster": cluster, "retry_policy": retry, **_native_unary()}
    return [
        {"match": {**match, "headers": [_TRANSCODED]}, "route": rest},
        {"match": match, "route": native},
    ]


def _native_unary() -> dict[str, Any]:
    # A route timeout would reach a gRPC client as UNAVAILABLE; its own deadline, at most 30 s, says DEADLINE_EXCEEDED.
    return {"timeout": "0s", "max_stream_duration": {"max_stream_duration": "30s", "grpc_timeout_header_max": "30s"}}


def _streaming() -> dict[str, Any]:
    return {
        "timeout": "0s",
        "idle_timeout": _STREAM_IDLE,
        "max_stream_duration": {"max_stream_duration": "0s", "grpc_timeout_header_max": "0s"},
    }
