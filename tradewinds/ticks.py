"""The tick record that travels from the feed to the strategies: fixed layout, packed, decoded in bulk with numpy.

One record is 74 bytes, little endian. Prices are integers in ten-thousandths of a rupee; `exchange_ms` is market time,
`received_ns` the feed's real clock (epoch) at the moment the frame left the socket.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

TICK_DTYPE: Final = np.dtype(
    [
        ("exchange_type", "u1"),
        ("flags", "u1"),
        ("token", "<u4"),
        ("last_price_e4", "<i8"),
        ("bid_price_e4", "<i8"),
        ("ask_price_e4", "<i8"),
        ("last_quantity", "<i4"),
        ("volume", "<i8"),
        ("close_price_e4", "<i8"),
        ("exchange_ms", "<i8"),
        ("received_ns", "<i8"),
        ("open_interest", "<i8"),
    ]
)

# In `flags`: the price was read by request, not streamed.
REST_FLAG: Final = 1

TickArray = npt.NDArray[Any]


def unpack(payload: bytes) -> TickArray:
    """Records of one stream entry; raises `ValueError` where the length is not a whole number of records."""
    return np.frombuffer(payload, dtype=TICK_DTYPE)


def shard_of(exchange_type: int, token: int, shards: int) -> int:
    """The shard that an instrument's ticks go to: all of one instrument in one stream, so their order holds."""
    return (token * 31 + exchange_type) % shards
