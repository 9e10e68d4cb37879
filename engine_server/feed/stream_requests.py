"""Text frames to and from the market socket (SmartAPI WebSocket 2.0): subscribe, unsubscribe, heartbeat, errors.

Nothing is acknowledged; only a refusal is answered. So each request carries a name, and the last ones are remembered by it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Final

import msgspec

from engine_server.feed.packets import SNAP_QUOTE
from engine_server.feed.subscriptions import SubscriptionChange
from tradewinds.instruments import Instrument

PING: Final = b"ping"
PONG: Final = b"pong"
BAD_PAYLOAD: Final = "E1001"
QUOTA_EXCEEDED: Final = "E1002"
_SUBSCRIBE, _UNSUBSCRIBE = 1, 0
_TOKENS_PER_REQUEST: Final = 100  # peers were cut off for much longer ones
_REMEMBERED: Final = 100


class StreamError(msgspec.Struct, frozen=True):
    """What the broker answers to a bad request: E1001 (payload), E1002 (quota)."""

    code: str = msgspec.field(name="errorCode")
    message: str = msgspec.field(name="errorMessage", default="")
    correlation_id: str = msgspec.field(name="correlationID", default="")


class StreamRequests:
    """The requests of one connection."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, tuple[Instrument, ...]] = OrderedDict()
        self._count = 0

    def of_change(self, change: SubscriptionChange) -> Iterator[bytes]:
        """The frames that tell a change, unsubscriptions first: the broker counts before it forgets."""
        yield from self._in_chunks(_UNSUBSCRIBE, change.unsubscribe, _TOKENS_PER_REQUEST)
        yield from self._in_chunks(_SUBSCRIBE, change.subscribe, _TOKENS_PER_REQUEST)

    def again(self, instruments: Sequence[Instrument]) -> Iterator[bytes]:
        """Subscribe in two halves to what was refused together: one bad token must not keep out its neighbours."""
        yield from self._in_chunks(_SUBSCRIBE, instruments, -(-len(instruments) // 2))

    def refused(self, error: StreamError) -> tuple[Instrument, ...]:
        """What the refused request asked for; the last request where the answer does not name it, nothing for an unsubscription."""
        if error.correlation_id in self._sent:
            return self._sent.pop(error.correlation_id)
        if error.correlation_id or not self._sent:
            return ()
        return self._sent.popitem()[1]

    def _in_chunks(self, action: int, instruments: Iterable[Instrument], size: int) -> Iterator[bytes]:
        rest = iter(sorted(instruments, key=lambda i: (i.exchange_type, i.token)))
        while chunk := tuple(islice(rest, size)):
            yield self._request(action, chunk)

    def _request(self, action: int, chunk: tuple[Instrument, ...]) -> bytes:
        self._count += 1
        name = f"r{self._count % 10**8}"
        self._sent[name] = chunk if action == _SUBSCRIBE else ()
        if len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        groups = groupby(chunk, key=lambda i: i.exchange_type)
        token_list = [{"exchangeType": kind, "tokens": [i.token for i in group]} for kind, group in groups]
        params = {"mode": SNAP_QUOTE, "tokenList": token_list}
        return msgspec.json.encode({"correlationID": name, "action": action, "params": params})


def read_error(text: bytes) -> StreamError | None:
    """The error in a text frame; None where it is not one."""
    try:
        return msgspec.json.decode(text, type=StreamError)
    except msgspec.DecodeError:
        return None
