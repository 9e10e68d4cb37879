"""The bars of one strategy's process: those of the past once per instrument, then each as it closes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final

from strategy_runner.bar_reader import BarReader
from strategy_runner.market_calls import MarketCallError, MarketCalls
from strategy_runner.protocol import PastBars, PastBarsSent
from strategy_runner.strategy_process import StrategyProcess
from tradewinds.telemetry import get_logger

log = get_logger("bars")

_ATTEMPTS: Final = 3
_PAUSE_SECONDS: Final = 1.0


class BarSupply:
    """Live bars are routed before the past is asked for: none falls between. The strategy puts both in order."""

    def __init__(self, config_id: str, process: StrategyProcess, reader: BarReader, market: MarketCalls) -> None:
        self._config_id = config_id
        self._process = process
        self._reader = reader
        self._market = market
        self._intervals: Mapping[str, int] = {}
        self._supplied: set[tuple[str, str]] = set()

    async def want(self, intervals: Mapping[str, int], keys: Iterable[str]) -> None:
        """What the strategy has asked for; ends with `PastBarsSent`."""
        self._intervals = intervals
        await self.follow(keys)
        self._process.send(PastBarsSent())

    async def follow(self, keys: Iterable[str]) -> None:
        """These instruments are followed now."""
        pairs = {(key, interval) for key in keys for interval in self._intervals}
        if not pairs and not self._supplied:
            return
        self._reader.want(self._process, pairs)
        new = [pair for pair in sorted(pairs - self._supplied) if self._intervals[pair[1]] > 0]
        self._supplied = pairs
        await asyncio.gather(*(self._send_past(key, interval) for key, interval in new))

    def end(self) -> None:
        """The process has ended."""
        self._reader.forget(self._process)

    async def _send_past(self, key: str, interval: str) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                bars = await self._market.past_bars(key, interval, self._intervals[interval])
            except MarketCallError as e:
                log.warning(
                    "past.missing",
                    config_id=self._config_id,
                    instrument=key,
                    interval=interval,
                    attempt=attempt,
                    error=str(e),
                )
                if e.is_final or attempt == _ATTEMPTS:
                    return
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                if bars:
                    self._process.send(PastBars(bars))
                return
