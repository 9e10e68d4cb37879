"""The rate budgets of one client code: every request waits for its turn in all windows that it counts in.

Kept in this process. What the engine asks for (orders, books) and what the feed asks for (quotes, candles) are different
categories at the broker, so the two do not have to know of each other.
"""

from __future__ import annotations

import asyncio
import math
import random
from bisect import insort
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from prometheus_client import Counter

from engine_server.broker.angel_one.rates import ORDER_MESSAGES, Category, RateSettings
from engine_server.broker.angel_one.spending import Spending
from engine_server.broker.connection_report import BudgetLeft
from engine_server.broker.port import ThrottledError
from tradewinds.clock import Clock, SystemClock, ist
from tradewinds.telemetry import get_logger

log = get_logger("broker.budgets")

_MAX_WAITING: Final = 64  # of one category
_TOGETHER: Final = "order_messages"
# Where several wait for what is counted together: what reduces risk goes first.
_URGENCY: Final = {Category.CANCEL: 0, Category.MODIFY: 1}

_REFUSALS = Counter(
    "tradewinds_broker_access_rate_refusals_total", "Requests that the broker refused as too many", ["category"]
)


@dataclass(order=True)
class _Waiter:
    urgency: int
    number: int
    category: Category = field(compare=False)
    granted: asyncio.Future[None] = field(compare=False)


class Budgets:
    """`take` where nothing may wait, `turn` where something may. First come, first served within a category."""

    def __init__(
        self,
        settings: RateSettings | None = None,
        clock: Clock | None = None,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        settings = settings or RateSettings()
        self.orders_in_a_second = settings.order_messages.in_a_second
        self._clock = clock or SystemClock()
        together = Spending(_TOGETHER, settings.order_messages, jitter)
        self._spendings: dict[Category, tuple[Spending, ...]] = {}
        for category in Category:
            own = Spending(category, settings.of(category), jitter)
            self._spendings[category] = (own, together) if category in ORDER_MESSAGES else (own,)
        self._waiting: list[_Waiter] = []
        self._numbers = 0
        self._alarm: asyncio.TimerHandle | None = None

    def take(self, category: Category) -> bool:
        """Use one request if it may go now and nobody waits for the same; never waits."""
        mine = self._spendings[category]
        if self._waiting and any(set(mine) & set(self._spendings[other.category]) for other in self._waiting):
            return False
        return self._grant(category, self._clock.monotonic())

    async def turn(self, category: Category, max_wait_seconds: float) -> None:
        """Use one request as soon as it may go. Raises `ThrottledError`, naming the category and when there is room, where
        that is further away, or where too many wait. Cancelling gives the place in the queue up.
        """
        if self.take(category):
            return
        waiting = sum(other.category is category for other in self._waiting)
        if waiting >= _MAX_WAITING or self._seconds_to_wait(category) > max_wait_seconds:
            raise self._throttled(category)
        self._numbers += 1
        granted = asyncio.get_running_loop().create_future()
        waiter = _Waiter(_URGENCY.get(category, len(_URGENCY)), self._numbers, category, granted)
        insort(self._waiting, waiter)
        try:
            self._serve()
            async with asyncio.timeout(max_wait_seconds):
                await granted
        except TimeoutError:
            raise self._throttled(category) from None
        finally:
            granted.cancel()
            self._serve()

    def count_in(self, ages: Mapping[Category, Sequence[float]]) -> None:
        """Requests that went before this process knew of them, by how many seconds ago."""
        now = self._clock.monotonic()
        used: dict[str, tuple[Spending, list[float]]] = {}
        for category, seconds in ages.items():
            for spending in self._spendings[category]:
                used.setdefault(spending.name, (spending, []))[1].extend(now - one for one in seconds)
        for spending, times in used.values():
            spending.count_in(times, now)

    def refused(self, category: Category) -> None:
        """The broker has answered that this was too much: everything that is counted with it pauses."""
        _REFUSALS.labels(category.value).inc()
        now = self._clock.monotonic()
        for spending in self._spendings[category]:
            spending.refused(now)
        log.warning("access_rate_exceeded", category=category.value, pause_seconds=self._seconds_to_wait(category))

    def answered(self, category: Category) -> None:
        """The broker has let one through."""
        now = self._clock.monotonic()
        for spending in self._spendings[category]:
            spending.answered(now)

    def left(self) -> list[BudgetLeft]:
        """Every window of every category, as it is now."""
        now = self._clock.monotonic()
        unique = {spending.name: spending for spendings in self._spendings.values() for spending in spendings}
        return [
            BudgetLeft(spending.name, seconds, limit, left, round(spending.paused_seconds(now), 3))
            for spending in unique.values()
            for seconds, limit, left in spending.left(now)
        ]

    def _grant(self, category: Category, now: float) -> bool:
        spendings = self._spendings[category]
        for spending in spendings:
            if spending.free_at(now) > now:
                return False
        for spending in spendings:
            spending.add(now)
        return True

    def _serve(self) -> None:
        """Grant what may go now, in order, and come back when the next one may."""
        now, next_at = self._clock.monotonic(), math.inf
        self._waiting = [waiter for waiter in self._waiting if not waiter.granted.done()]
        for waiter in self._waiting:
            if self._grant(waiter.category, now):
                waiter.granted.set_result(None)
            else:
                next_at = min(next_at, max(s.free_at(now) for s in self._spendings[waiter.category]))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if next_at < math.inf:
            self._alarm = asyncio.get_running_loop().call_later(max(0.001, next_at - now), self._serve)

    def _seconds_to_wait(self, category: Category) -> float:
        now = self._clock.monotonic()
        return max(spending.free_at(now) for spending in self._spendings[category]) - now

    def _throttled(self, category: Category) -> ThrottledError:
        seconds = self._seconds_to_wait(category)
        at = ist(self._clock.now() + timedelta(seconds=seconds)).strftime("%H:%M:%S")
        what = category.value.replace("_", " ")
        return ThrottledError(
            f"{what}: the broker's rate limit leaves no room, the next request may go in {seconds:.1f} s (at {at} IST)",
            metadata={"category": category.value, "retry_seconds": f"{seconds:.1f}"},
        )


class BudgetsByClient:
    """The budgets of this process, one for each client code: the broker counts by it, whoever asks and under which epoch."""

    def __init__(self, settings: RateSettings | None = None) -> None:
        self._settings = settings or RateSettings()
        self._budgets: dict[str, Budgets] = {}

    def of(self, client_code: str) -> Budgets:
        """Always the same for the same client code."""
        if client_code not in self._budgets:
            self._budgets[client_code] = Budgets(self._settings)
        return self._budgets[client_code]
