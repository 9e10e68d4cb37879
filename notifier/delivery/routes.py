"""A channel's providers in order of preference: who is down, busy or over its budget is passed over, and the next one asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from prometheus_client import Counter as Metric
from prometheus_client import Histogram

from notifier.channels import Channel
from notifier.delivery.breaker import Breaker, Budget
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate, Message, Provider
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("notifier.delivery")

ATTEMPT_SECONDS: Final = 15.0
_DEFAULT_PAUSE_SECONDS: Final = 5.0
_MOST_BREAKERS: Final = 10_000
_MOST_AT_ONE_ENDPOINT: Final = 4
_ENDPOINT_IS_BUSY_SECONDS: Final = 0.5
_ATTEMPTS: Final = Metric(
    "tradewinds_notifier_delivery_attempts_total", "Attempts to hand a message over", ["channel", "provider", "fate"]
)
_TOOK: Final = Histogram("tradewinds_notifier_delivery_seconds", "Time that a provider took", ["channel", "provider"])


@dataclass
class Route:
    """One provider and what is known about it. Where every endpoint is a server of its own (`by_endpoint`), each has its own breaker:
    one user's dead webhook must not hold back another's, nor a slow one take every place.
    """

    provider: Provider
    budget: Budget = field(default_factory=lambda: Budget(0))
    by_endpoint: bool = False
    under_way: Counter[str] = field(default_factory=Counter)
    _breakers: dict[str, Breaker] = field(default_factory=dict)

    def breaker(self, endpoint: Endpoint) -> Breaker:
        """The one that stands before `endpoint`."""
        key = endpoint.endpoint_id if self.by_endpoint else ""
        if len(self._breakers) >= _MOST_BREAKERS and key not in self._breakers:
            self._breakers.clear()
        return self._breakers.setdefault(key, Breaker())

    def wait(self, endpoint: Endpoint, now: float) -> float:
        """Seconds until it may be asked for `endpoint`."""
        if self.by_endpoint and self.under_way[endpoint.endpoint_id] >= _MOST_AT_ONE_ENDPOINT:
            return _ENDPOINT_IS_BUSY_SECONDS
        return max(self.breaker(endpoint).wait(now), self.budget.wait(now))


class Routes:
    """The one way out on a channel."""

    def __init__(self, channel: Channel, routes: Sequence[Route], clock: Clock) -> None:
        self.channel = channel
        self._routes = routes
        self._clock = clock

    @property
    def lead_somewhere(self) -> bool:
        """Whether there is a provider at all."""
        return bool(self._routes)

    @property
    def providers(self) -> list[Provider]:
        """Whoever takes messages."""
        return [route.provider for route in self._routes]

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """The first provider's answer that is not a reason to ask the next."""
        if not self._routes:
            return Attempt(Fate.REFUSED, f"this installation has no provider for {self.channel}")
        answer: Attempt | None = None
        for route in self._routes:
            if route.wait(endpoint, self._clock.monotonic()) > 0:
                continue
            answer = await self._ask(route, message, endpoint)
            if answer.fate not in (Fate.PASSING, Fate.THROTTLED):
                return answer
        return answer or self._held(endpoint)

    def _held(self, endpoint: Endpoint) -> Attempt:
        now = self._clock.monotonic()
        seconds = min(route.wait(endpoint, now) for route in self._routes)
        return Attempt(Fate.HELD, "every provider is down or over its budget", retry_after_seconds=max(seconds, 0.05))

    async def _ask(self, route: Route, message: Message, endpoint: Endpoint) -> Attempt:
        began = self._clock.monotonic()
        route.budget.take(began)
        breaker = route.breaker(endpoint)
        breaker.enter(began)
        name = route.provider.name
        route.under_way[endpoint.endpoint_id] += 1
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                answer = await route.provider.send(message, endpoint)
        except TimeoutError:
            answer = Attempt(Fate.PASSING, f"no answer within {ATTEMPT_SECONDS:.0f} s")
        except Exception as e:
            # A provider that stumbles over one message must not stop the others.
            log.error("defect", channel=self.channel, provider=name, error=repr(e), exc_info=True)
            answer = Attempt(Fate.PASSING, f"a defect: {type(e).__name__}")
        finally:
            route.under_way.subtract({endpoint.endpoint_id: 1})
            if route.under_way[endpoint.endpoint_id] <= 0:
                del route.under_way[endpoint.endpoint_id]
        _remember(breaker, answer, self._clock.monotonic())
        _ATTEMPTS.labels(self.channel, name, answer.fate).inc()
        _TOOK.labels(self.channel, name).observe(self._clock.monotonic() - began)
        return replace(answer, provider=name)

    async def close(self) -> None:
        """Let all connections go."""
        for route in self._routes:
            await route.provider.close()


def _remember(breaker: Breaker, answer: Attempt, now: float) -> None:
    if answer.fate is Fate.PASSING:
        breaker.failed(now)
    elif answer.fate is Fate.THROTTLED:
        breaker.pause(now, answer.retry_after_seconds or _DEFAULT_PAUSE_SECONDS)
    else:
        breaker.succeeded()
