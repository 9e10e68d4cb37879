"""The two dialects in which the broker answers: its applications', and its gateway's."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.broker import Broker
from sandbox.errors import GatewayRefusedError, RefusedError

BROKER: web.AppKey[Broker] = web.AppKey("broker", Broker)
BODY: web.RequestKey[dict[str, Any]] = web.RequestKey("body", dict)
SESSION: web.RequestKey[str] = web.RequestKey("session", str)
REQUEST_SEQ: web.RequestKey[int] = web.RequestKey("request_seq", int)
REFUSED: web.RequestKey[bool] = web.RequestKey("refused", bool)

TOO_FAST = "Access denied because of exceeding access rate"
"""Plain text with HTTP 403, as it was captured."""


def success(data: Any, message: str = "SUCCESS") -> web.Response:
    """`data` is null where there is nothing to show, as the broker has it."""
    return web.json_response({"status": True, "message": message, "errorcode": "", "data": data})


def failure(code: str, message: str, status: int = 200) -> web.Response:
    """The applications' dialect. HTTP 200 even for failures."""
    return web.json_response({"message": message, "errorcode": code, "status": False, "data": None}, status=status)


def refused(error: RefusedError) -> web.Response:
    """In the dialect of who refused. The gateway's has other keys, and its data is an empty string."""
    if isinstance(error, GatewayRefusedError):
        return web.json_response({"success": False, "message": error.message, "errorCode": error.code, "data": ""})
    return failure(error.code, error.message)
