"""Decoding of SNAP_QUOTE packets: in bulk, beside the official client's parser and beside a plain copy of the same bytes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bench.result import Result
from engine_server.feed.packets import SNAP_QUOTE, decode
from tests.unit.feed.official_parser import parse
from tests.unit.feed.packet_builder import Level, packet

_FRAMES = 1_000
_SMALL_BATCH = 10  # what a millisecond brings at 10,000 ticks a second
_SECONDS = 1.0


async def run() -> list[Result]:
    """Ticks decoded a second, and how many times the official parser that is."""
    frames = [
        packet(SNAP_QUOTE, token=2885 + n, sequence=n, bids=[Level(142_000, 10)], asks=[Level(142_010, 20)])
        for n in range(_FRAMES)
    ]
    received = list(range(_FRAMES))
    small, small_received = frames[:_SMALL_BATCH], received[:_SMALL_BATCH]
    bulk = _per_second(lambda: decode(frames, received), _FRAMES)
    batch = _per_second(lambda: decode(small, small_received), _SMALL_BATCH)
    official = _per_second(lambda: [parse(frame) for frame in small], _SMALL_BATCH)
    copied = _per_second(lambda: np.frombuffer(b"".join(frames), np.uint8).copy(), _FRAMES)
    return [
        Result("tick_decode.bulk", bulk, "ticks/s", ceiling=copied),
        Result("tick_decode.batch_of_10", batch, "ticks/s", ceiling=copied),
        Result("tick_decode.official", official, "ticks/s", ceiling=copied),
        Result("tick_decode.bulk_over_official", bulk / official, "x", target=">= 20"),
        Result("tick_decode.batch_of_10_over_official", batch / official, "x"),
    ]


def _per_second(work: Callable[[], object], ticks: int) -> float:
    work()
    started, rounds = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - started) < _SECONDS:
        work()
        rounds += 1
    return rounds * ticks / elapsed
