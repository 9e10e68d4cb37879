"""The errors that Envoy answers itself, in the shape of every other REST error: `{"code", "message", "details"}`.

Native gRPC callers keep plain text: Envoy puts it into `grpc-message`.
"""

from __future__ import annotations

from typing import Any, Final

from tradewinds.errors import DOMAIN

# HTTP status -> (google.rpc.Code, reason).
_REASONS: Final = {
    400: (3, "INVALID_ARGUMENT"),
    401: (16, "UNAUTHENTICATED"),
    403: (7, "PERMISSION_DENIED"),
    404: (5, "NOT_FOUND"),
    405: (12, "METHOD_NOT_ALLOWED"),
    408: (4, "DEADLINE_EXCEEDED"),
    413: (3, "REQUEST_TOO_LARGE"),
    415: (3, "INVALID_ARGUMENT"),
    429: (8, "RATE_LIMITED"),
    431: (3, "REQUEST_TOO_LARGE"),
    500: (13, "INTERNAL"),
    502: (14, "UNAVAILABLE"),
    503: (14, "UNAVAILABLE"),
    504: (4, "DEADLINE_EXCEEDED"),
}
_TYPE: Final = "type.googleapis.com/google.rpc."
_MESSAGE: Final = "%LOCAL_REPLY_BODY%"


def mappers() -> list[dict[str, Any]]:
    """The mappers of `local_reply_config`, first match wins: bad body fields (see strict_body.lua), then one per status."""
    by_status = [_mapper(_status_is(status), code, _info(reason)) for status, (code, reason) in _REASONS.items()]
    return [_bad_field(), *by_status]


def _bad_field() -> dict[str, Any]:
    where = {"filter": "gateway", "path": [{"key": "bad_field"}], "value": {"present_match": True}}
    is_bad_field = {"metadata_filter": {"matcher": where, "match_if_key_not_found": False}}
    violation = {"field": "%DYNAMIC_METADATA(gateway:bad_field)%", "description": _MESSAGE}
    bad_request = {"@type": f"{_TYPE}BadRequest", "field_violations": [violation]}
    return _mapper(is_bad_field, 3, _info("INVALID_ARGUMENT"), bad_request)


def _info(reason: str) -> dict[str, Any]:
    return {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": {}}


def _mapper(condition: dict[str, Any], code: int, *details: dict[str, Any]) -> dict[str, Any]:
    body = {"code": code, "message": _MESSAGE, "details": list(details)}
    return {
        "filter": {"and_filter": {"filters": [condition, _IS_REST]}},
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }


def _status_is(status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": f"gateway.local_reply.{status}"}
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": value}}}


_GRPC_CONTENT: Final = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
# The transcoder makes a REST call look like gRPC, but for the header in which it keeps the original path.
_IS_REST: Final = {
    "or_filter": {
        "filters": [
            {
                "header_filter": {
                    "header": {**_GRPC_CONTENT, "invert_match": True, "treat_missing_header_as_empty": True}
                }
            },
            {"header_filter": {"header": {"name": "x-envoy-original-path", "present_match": True}}},
        ]
    }
}
