"""The market of `bench.price_alerts`, and a process of its own that writes it: who waits for a notification must not also be who writes
five hundred entries a second.

`python -m bench.alert_market REDIS_URL TICKS_PER_SECOND FIRES_PER_SECOND NEAR` writes quiet ticks, as the feed does, and among them one
every so often that reaches the next of the NEAR first instruments' levels, until all have been reached; then it says how many it wrote,
in how many seconds.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Final

import numpy as np
import redis

from tradewinds import redis_keys
from tradewinds.ticks import TICK_DTYPE, TickArray

INSTRUMENTS: Final = 2_000
ENTRY_TICKS: Final = 100
PRICE_E4: Final = 10_000_000
NEAR_E4: Final = 10_050_000
FIRST_TOKEN: Final = 100_000
_DRAWN: Final = 64
_KEPT_ENTRIES: Final = 5_000


def quiet_ticks(draw: np.random.Generator) -> TickArray:
    """One entry between all levels."""
    ticks = np.zeros(ENTRY_TICKS, TICK_DTYPE)
    ticks["exchange_type"] = 1
    ticks["token"] = FIRST_TOKEN + draw.integers(0, INSTRUMENTS, ENTRY_TICKS)
    ticks["last_price_e4"] = PRICE_E4 + draw.integers(-20_000, 20_000, ENTRY_TICKS)
    ticks["volume"], ticks["close_price_e4"] = 1_000, PRICE_E4
    ticks["exchange_ms"] = time.time_ns() // 1_000_000
    return ticks


def write(redis_url: str, rate: float, fires_per_second: float, near: int) -> tuple[int, float]:
    """Ticks written, and seconds. Drawn before: what is made while it writes would be late."""
    draw = np.random.default_rng(11)
    drawn = [quiet_ticks(draw) for _ in range(_DRAWN)]
    pause, sent, reached, started = ENTRY_TICKS / rate, 0, 0, time.monotonic()
    with redis.Redis.from_url(redis_url) as client:
        while reached < near:
            ticks = drawn[sent % _DRAWN]
            if (time.monotonic() - started) * fires_per_second > reached:
                ticks = ticks.copy()
                ticks["token"][0], ticks["last_price_e4"][0] = FIRST_TOKEN + reached, NEAR_E4
                reached += 1
            ticks["received_ns"], ticks["exchange_ms"] = time.time_ns(), time.time_ns() // 1_000_000
            client.xadd(redis_keys.TICKS, {"t": ticks.tobytes()}, maxlen=_KEPT_ENTRIES)
            sent += 1
            time.sleep(max(0.0, started + sent * pause - time.monotonic()))
    return sent * ENTRY_TICKS, time.monotonic() - started


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    ticks, seconds = write(url, float(numbers[0]), float(numbers[1]), int(numbers[2]))
    print(json.dumps({"ticks": ticks, "seconds": seconds}))
