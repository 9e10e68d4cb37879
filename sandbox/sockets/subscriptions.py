"""What one market connection wants to hear, and the text frames that say so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sandbox.sockets.packets import DEPTH, PACKET_OF_MODE
from sandbox.universe import STREAM_EXCHANGE_TYPES, InstrumentKey

QUOTA = 1000
"""(token, mode) pairs of one connection."""
MAX_DEPTH_TOKENS = 50
"""Tokens of one request in the depth mode, which is for NSE's cash segment only. What the broker answers beyond that is not known."""
_DEPTH_EXCHANGE_TYPE = 1

Wanted: TypeAlias = tuple[InstrumentKey, int]
"""An instrument in a mode."""

_EXCHANGES: Mapping[int, str] = {number: name for name, number in STREAM_EXCHANGE_TYPES.items()}


class BadStreamRequestError(Exception):
    """A frame that is answered with an error frame: E1001 (payload) or E1002 (quota)."""

    def __init__(self, code: str, message: str, correlation_id: str) -> None:
        super().__init__(f"{code} {message}")
        self.frame = json.dumps({"correlationID": correlation_id, "errorCode": code, "errorMessage": message})


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """One subscribe or unsubscribe. Exchange types that are not listed here are left out, silently, as the broker does."""

    subscribe: bool
    wanted: frozenset[Wanted]
    correlation_id: str


def read_stream_request(text: str) -> StreamRequest:
    """Raises BadStreamRequestError E1001 for anything that is not a request."""
    correlation_id = ""
    try:
        body = json.loads(text)
        correlation_id = str(body.get("correlationID") or "")
        mode, subscribe = body["params"]["mode"], _action(body["action"])
        if mode not in PACKET_OF_MODE:
            raise ValueError(f"mode {mode!r}")
        if mode == DEPTH:
            _check_depth(body["params"]["tokenList"])
        wanted = frozenset(
            ((_EXCHANGES[group["exchangeType"]], _token(token)), mode)
            for group in body["params"]["tokenList"]
            if _exchange_type(group["exchangeType"]) in _EXCHANGES
            for token in group["tokens"]
        )
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise BadStreamRequestError("E1001", "Invalid Request Payload.", correlation_id) from e
    return StreamRequest(subscribe, wanted, correlation_id)


@dataclass(slots=True)
class Subscriptions:
    """The pairs of one connection."""

    pairs: set[Wanted] = field(default_factory=set)

    def change(self, request: StreamRequest) -> tuple[frozenset[Wanted], frozenset[Wanted]]:
        """(added, removed). Over the quota nothing changes. Raises BadStreamRequestError E1002."""
        if not request.subscribe:
            removed = request.wanted & self.pairs
            self.pairs -= removed
            return frozenset(), frozenset(removed)
        added = request.wanted - self.pairs
        if len(self.pairs) + len(added) > QUOTA:
            raise BadStreamRequestError("E1002", "Invalid Request. Subscription Limit Exceeded", request.correlation_id)
        self.pairs |= added
        return added, frozenset()


def _check_depth(token_list: Any) -> None:
    if any(group["exchangeType"] != _DEPTH_EXCHANGE_TYPE for group in token_list):
        raise ValueError("depth is for nse_cm only")
    if sum(len(group["tokens"]) for group in token_list) > MAX_DEPTH_TOKENS:
        raise ValueError(f"more than {MAX_DEPTH_TOKENS} tokens")


def _action(action: Any) -> bool:
    if action not in (0, 1) or isinstance(action, bool):
        raise ValueError(f"action {action!r}")
    return bool(action)


def _exchange_type(number: Any) -> int:
    if not isinstance(number, int):
        raise TypeError(f"exchangeType {number!r}")
    return number


def _token(token: Any) -> str:
    if not isinstance(token, str) or not 0 < len(token) <= 25:
        raise ValueError(f"token {token!r}")
    return token
