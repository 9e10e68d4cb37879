"""Which instrument is streamed on which socket, and what is left for the rotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from tradewinds.instruments import Instrument, InstrumentKey

# SmartAPI WebSocket 2.0: 1,000 (token, mode) pairs a connection, three connections a client; we use one mode.
SOCKET_QUOTA: Final = 1_000
MOST_SOCKETS: Final = 3

Instruments = Mapping[InstrumentKey, Instrument]


@dataclass(frozen=True)
class Placement:
    """One mapping a socket, and what no socket has room for or the broker does not stream."""

    sockets: tuple[Instruments, ...]
    rotated: Instruments = field(default_factory=dict)

    @property
    def streamed(self) -> frozenset[InstrumentKey]:
        """What is on any socket."""
        return frozenset(key for socket in self.sockets for key in socket)


def place(
    wanted: Instruments,
    quotas: Sequence[int],
    current: Sequence[Set[InstrumentKey]],
    refused: Set[InstrumentKey] = frozenset(),
) -> Placement:
    """Place the first of `wanted` that fit. Each stays on its socket while that has room; a new one goes to the emptiest.

    `quotas`: what each socket takes, 0 for one that cannot be used now. `refused`: what the broker would not stream.
    """
    chosen = dict(islice(((key, i) for key, i in wanted.items() if key not in refused), sum(quotas)))
    sockets: list[dict[InstrumentKey, Instrument]] = [
        dict(islice(((key, i) for key, i in chosen.items() if key in there), quota))
        for quota, there in zip(quotas, current, strict=True)
    ]
    placed = {key for socket in sockets for key in socket}
    for key, instrument in chosen.items():
        if key not in placed:
            emptiest = min(
                (n for n, quota in enumerate(quotas) if len(sockets[n]) < quota), key=lambda n: len(sockets[n])
            )
            sockets[emptiest][key] = instrument
    return Placement(tuple(sockets), {key: i for key, i in wanted.items() if key not in chosen})
