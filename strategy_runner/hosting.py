"""What every hosted strategy shares: its runner's parts, injected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from strategy_runner.bar_reader import BarReader
from strategy_runner.confinement import Confinement
from strategy_runner.gate import OrderGate
from strategy_runner.health import Bounds
from strategy_runner.host import ProcessHost
from strategy_runner.market_calls import MarketCalls
from strategy_runner.order_calls import OrderCalls
from strategy_runner.protocol import Phases
from strategy_runner.ticks import TickReader
from strategy_runner.upstream import Upstream
from tradewinds.clock import Clock, ClockReading


@dataclass(frozen=True, kw_only=True)
class Hosting:
    """Injected into each `HostedStrategy`. `spawn` runs a named task whose death is the runner's, `dismiss` ends it."""

    host: ProcessHost
    upstream: Upstream
    ticks: TickReader
    bars: BarReader
    market: MarketCalls
    phases: Callable[[], Phases]
    redis: Redis
    calls: OrderCalls
    gate: OrderGate
    clock: Clock
    market_reading: Callable[[], ClockReading | None]
    market_clock_known: asyncio.Event
    spawn: Callable[[str, Coroutine[Any, Any, Any]], asyncio.Task[Any]]
    dismiss: Callable[[asyncio.Task[Any]], None]
    folders: tuple[str, ...]
    confinement: Confinement
    bounds: Bounds
    stop_seconds: float
    new_nonce: Callable[[], str]
    random: Callable[[], float]
