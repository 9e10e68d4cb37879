"""Angel One as a `MarketDataSource`: quotes, candles and open interest, in a session that somebody else has opened.

Straight to the broker: it takes these requests from any address, and they have no business in the orders' way out.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.client import AngelOneClient
from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.direct_route import DirectRoute
from engine_server.broker.angel_one.egress_route import origin_of, trusting
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.history_windows import Window, interval_of, windows
from engine_server.broker.angel_one.lane import Lane
from engine_server.broker.angel_one.market_reports import candle_reports, open_interest_reports, quote_reports
from engine_server.broker.angel_one.outcomes import is_throttled, may_pass, read_data
from engine_server.broker.angel_one.rates import Category
from engine_server.broker.angel_one.requester import Requester, UsableTokens
from engine_server.broker.connection_report import BudgetLeft
from engine_server.broker.market_data import Candle, QuoteReport
from engine_server.broker.port import BrokerError, ThrottledError
from tradewinds.config import BrokerSettings
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger

log = get_logger("broker.market_data")

T = TypeVar("T")
AskWindow = Callable[[AngelOneClient, dict[str, str]], dict[str, Any]]

MAX_QUOTES: Final = 50
_DEADLINE_SECONDS: Final = 7.0
_THREADS: Final = 2  # each for quotes and history: a slow history never delays a quote

_QUOTE_ATTEMPTS: Final = 2
_HISTORY_ATTEMPTS: Final = 5
_FIRST_BACKOFF_SECONDS: Final = 0.5


class _FollowedSession:
    """The session that its owner publishes, as long as the broker has not disowned it."""

    def __init__(self, current: Callable[[], UsableTokens | None]) -> None:
        self._current = current
        self._disowned_jwt = ""

    def usable(self) -> UsableTokens | None:
        session = self._current()
        return None if session is None or session.jwt == self._disowned_jwt else session

    def disown(self, jwt: str) -> None:
        """Until the owner has another one, nothing is asked."""
        self._disowned_jwt = jwt
        log.warning("session.expired")


class AngelOneMarketData:
    """Implements `MarketDataSource`. `session` gives the session in force (its `api_key` and raw `jwt`), or None."""

    def __init__(
        self,
        settings: BrokerSettings,
        session: Callable[[], UsableTokens | None],
        *,
        budgets: Budgets | None = None,
        deadline_seconds: float = _DEADLINE_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """Connects to nothing yet. Raises `ConfigurationError` naming the setting that is wrong."""
        route, origin = DirectRoute(trusting(settings.ca_file)), origin_of(settings.rest_url)
        self._quote_lane = Lane("quotes", Connections(route, origin, _THREADS), _THREADS, deadline_seconds)
        self._history_lane = Lane("history", Connections(route, origin, _THREADS), _THREADS, deadline_seconds)
        self._budgets = budgets or Budgets()
        followed = _FollowedSession(session)
        self._quotes = Requester(self._quote_lane, self._budgets, followed)
        self._history = Requester(self._history_lane, self._budgets, followed)
        self._sleep = sleep
        self._jitter = jitter

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[QuoteReport]:
        """Full quotes of at most 50 instruments; those that the broker does not quote are missing. Raises `ValueError` for
        more, `BrokerError`.
        """
        if len(instruments) > MAX_QUOTES:
            raise ValueError(f"instruments: the broker quotes {MAX_QUOTES} at once, not {len(instruments)}")
        if not instruments:
            return []
        asked = {(instrument.exchange, instrument.token) for instrument in instruments}
        tokens: dict[str, list[str]] = {}
        for exchange, token in sorted(asked):
            tokens.setdefault(exchange, []).append(token)
        data = await self._patiently(
            _QUOTE_ATTEMPTS,
            "the quotes",
            lambda: self._quotes.ask(Category.QUOTES, lambda client: client.getMarketData("FULL", tokens)),
        )
        return _parsed(partial(quote_reports, asked=asked), data, "the quotes")

    async def candles(self, instrument: Instrument, interval: str, start: datetime, end: datetime) -> Sequence[Candle]:
        """Candles from `start` to `end` inclusive, oldest first, each once. Raises `ValueError` for an interval that there
        is not or a span that ends before it begins, `BrokerError`.
        """
        found: dict[datetime, Candle] = {}
        for window in windows(interval, start, end):
            what = f"the candles of {instrument.key}"
            data = await self._window(instrument, interval, window, lambda c, p: c.getCandleData(p), what)
            for candle in _parsed(candle_reports, data, what):
                if window.start <= candle.start <= window.end:
                    found[candle.start] = candle
        return [found[moment] for moment in sorted(found)]

    async def open_interest(
        self, instrument: Instrument, interval: str, start: datetime, end: datetime
    ) -> Sequence[tuple[datetime, int]]:
        """Open interest in units at the end of each interval, by the interval's start; live derivatives only. Raises as
        `candles`.
        """
        found: dict[datetime, int] = {}
        for window in windows(interval, start, end):
            what = f"the open interest of {instrument.key}"
            data = await self._window(instrument, interval, window, lambda c, p: c.getOIData(p), what)
            read = _parsed(open_interest_reports, data, what)
            found |= {moment: units for moment, units in read if window.start <= moment <= window.end}
        return sorted(found.items())

    def budgets_left(self) -> Sequence[BudgetLeft]:
        """What may still be asked for, window by window: for people."""
        return self._budgets.left()

    async def close(self) -> None:
        """Release threads and connections; requests that run end by their own deadline."""
        self._quote_lane.close()
        self._history_lane.close()

    async def _window(self, instrument: Instrument, interval: str, window: Window, method: AskWindow, what: str) -> Any:
        def ask() -> Awaitable[Evidence]:
            parameters = {  # anew each time: the official client changes what it is given
                "exchange": instrument.exchange,
                "symboltoken": instrument.token,
                "interval": interval_of(interval).name,
                **window.parameters(),
            }
            return self._history.ask(Category.CANDLES, lambda client: method(client, parameters))

        return await self._patiently(_HISTORY_ATTEMPTS, what, ask)

    async def _patiently(self, attempts: int, what: str, ask: Callable[[], Awaitable[Evidence]]) -> Any:
        """The data, asked for again with a growing pause while the broker says "something went wrong" or nothing clear: it
        does so at random, and the same request succeeds a moment later (protocol §8, 15).
        """
        for attempt in range(1, attempts):
            try:
                evidence = await ask()
            except ThrottledError as e:
                problem = e.message
            else:
                if not may_pass(evidence) and not is_throttled(evidence):
                    return read_data(evidence, what)
                problem = evidence.describe()
            pause = _FIRST_BACKOFF_SECONDS * 2 ** (attempt - 1) * self._jitter(1.0, 1.5)
            log.info("asked_again", what=what, attempt=attempt, pause_seconds=round(pause, 2), problem=problem)
            await self._sleep(pause)
        return read_data(await ask(), what)


def _parsed(parse: Callable[[Any], T], data: Any, what: str) -> T:
    try:
        return parse(data)
    except ValueError as e:
        raise BrokerError(f"{what} could not be read: {e}") from e
