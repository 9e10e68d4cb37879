"""Text frames to and from the market socket (SmartAPI WebSocket 2.0): subscribe, unsubscribe, heartbeat, errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Final

import msgspec

from engine_server.feed.packets import SNAP_QUOTE
from engine_server.feed.subscriptions import SubscriptionChange
from tradewinds.instruments import Instrument

PING: Final = b"ping"
PONG: Final = b"pong"
_SUBSCRIBE, _UNSUBSCRIBE = 1, 0
_TOKENS_PER_REQUEST: Final = 500


class StreamError(msgspec.Struct, frozen=True):
    """What the broker answers to a bad request: E1001 (payload), E1002 (limit)."""

    code: str = msgspec.field(name="errorCode")
    message: str = msgspec.field(name="errorMessage", default="")
    correlation_id: str = msgspec.field(name="correlationID", default="")


def requests(change: SubscriptionChange) -> Iterator[bytes]:
    """The frames that tell a change, unsubscriptions first: the broker counts before it forgets."""
    yield from _requests(_UNSUBSCRIBE, change.unsubscribe)
    yield from _requests(_SUBSCRIBE, change.subscribe)


def _requests(action: int, instruments: Iterable[Instrument]) -> Iterator[bytes]:
    rest = iter(sorted(instruments, key=lambda i: (i.exchange_type, i.token)))
    while chunk := list(islice(rest, _TOKENS_PER_REQUEST)):
        token_list = [
            {"exchangeType": exchange_type, "tokens": [i.token for i in group]}
            for exchange_type, group in groupby(chunk, key=lambda i: i.exchange_type)
        ]
        yield msgspec.json.encode({"action": action, "params": {"mode": SNAP_QUOTE, "tokenList": token_list}})


def read_error(text: bytes) -> StreamError | None:
    """The error in a text frame; None where it is not one."""
    try:
        return msgspec.json.decode(text, type=StreamError)
    except msgspec.DecodeError:
        return None
