"""Which instruments a strategy follows: those of its assignment, and what it subscribes while it runs."""

from __future__ import annotations

import asyncio

from redis.exceptions import RedisError

from strategy_runner import selection
from strategy_runner.assignment import Assignment
from strategy_runner.bar_supply import BarSupply
from strategy_runner.hosting import Hosting
from strategy_runner.market_calls import MarketCallError
from strategy_runner.protocol import InstrumentsKnown, Selected
from strategy_runner.strategy_process import StrategyProcess
from tradewinds.instrument_lookup import find_instrument
from tradewinds.instruments import Instrument, UnknownInstrumentError, resolve
from tradewinds.sdk.commands import ChangeSubscription, Notify, SelectInstrument, WantBars
from tradewinds.telemetry import get_logger

log = get_logger("subscription")

Wish = ChangeSubscription | SelectInstrument | WantBars

_ATTEMPTS = 5
_MAX_WISHES = 1_000


class Following:
    """The set of one strategy process: told to the engine, the tick reader and the process whenever it changes."""

    def __init__(self, hosting: Hosting, assignment: Assignment, process: StrategyProcess) -> None:
        self._hosting = hosting
        self._assignment = assignment
        self._process = process
        self._wishes: asyncio.Queue[Wish] = asyncio.Queue(_MAX_WISHES)
        self._bars = BarSupply(assignment.config_id, process, hosting.bars, hosting.market)
        self._followed = {instrument.key: instrument for instrument in assignment.instruments}

    @property
    def keys(self) -> frozenset[str]:
        """Canonical keys of what is followed now."""
        return frozenset(self._followed)

    async def run(self) -> None:
        """Follow what the assignment names, what is held and what is on order; then what the strategy wishes."""
        for key in self._assignment.instrument_keys - self.keys:
            if (instrument := await self._find(key)) is not None:
                self._followed[key] = instrument
                self._process.send(InstrumentsKnown([instrument]))
        await self._tell()
        while True:
            match await self._wishes.get():
                case ChangeSubscription() as wish:
                    await self._change(wish)
                case SelectInstrument() as wish:
                    await self._select(wish)
                case WantBars(intervals=intervals):
                    await self._bars.want(intervals, self.keys)

    def wish(self, wish: Wish) -> None:
        """Take a wish of the strategy; a thousand unanswered ones, and the rest are not served."""
        try:
            self._wishes.put_nowait(wish)
        except asyncio.QueueFull:
            log.warning_throttled("wishes.full", config_id=self._assignment.config_id)

    async def _change(self, wish: ChangeSubscription) -> None:
        if not wish.follow:
            try:
                self._followed.pop(resolve(wish.symbol, self._followed).key)
            except UnknownInstrumentError:
                return
        elif (instrument := await self._find(wish.symbol)) is not None:
            self._followed[instrument.key] = instrument
            self._process.send(InstrumentsKnown([instrument]))
        await self._tell()

    async def _select(self, wish: SelectInstrument) -> None:
        """Answer, whatever happens: the strategy waits."""
        try:
            key = wish.key or await selection.key_of(wish.selector, self._hosting.market)
            instrument = await find_instrument(self._hosting.redis, key)
        except (UnknownInstrumentError, MarketCallError, RedisError, OSError, TimeoutError) as e:
            log.warning("not_selected", config_id=self._assignment.config_id, selector=wish.selector.text, error=str(e))
            self._process.send(Selected(number=wish.number, instrument=None, error=str(e) or repr(e)))
            return
        log.info("selected", config_id=self._assignment.config_id, selector=wish.selector.text, instrument=key)
        self._process.send(Selected(number=wish.number, instrument=instrument, error=""))
        if instrument.key not in self._followed:
            self._followed[instrument.key] = instrument
            await self._tell()

    def end(self) -> None:
        """The process has ended; the engine drops its subscriptions with the assignment."""
        self._bars.end()
        self._hosting.ticks.forget(self._assignment.config_id, self._process)

    async def _tell(self) -> None:
        a = self._assignment
        self._hosting.upstream.subscriptions(a.config_id, a.epoch, self.keys)
        await self._hosting.ticks.follow(a.config_id, self._process, self._followed.values())
        await self._bars.follow(self.keys)

    async def _find(self, symbol: str) -> Instrument | None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await find_instrument(self._hosting.redis, symbol)
            except UnknownInstrumentError as e:
                self._complain(symbol, str(e))
                return None
            except (RedisError, OSError, TimeoutError) as e:
                log.warning_throttled("unreachable", symbol=symbol, error=repr(e))
                await asyncio.sleep(attempt)
        self._complain(symbol, "the instrument catalogue cannot be reached")
        return None

    def _complain(self, symbol: str, why: str) -> None:
        a = self._assignment
        log.warning("unknown", config_id=a.config_id, symbol=symbol, error=why)
        notice = Notify(title=f"{symbol} is not followed", text=f"subscribe: {why}", dedupe_key=f"subscribe:{symbol}")
        self._hosting.upstream.notify(a.config_id, a.epoch, notice)
