"""A channel's providers in order of preference: who is down, busy or over its budget is passed over, and the next one asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from prometheus_client import Counter, Histogram

from notifier.channels import Channel
from notifier.delivery.breaker import Breaker, Budget
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate, Message, Provider
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("notifier.delivery")

ATTEMPT_SECONDS: Final = 15.0
_DEFAULT_PAUSE_SECONDS: Final = 5.0
_ATTEMPTS: Final = Counter(
    "tradewinds_notifier_delivery_attempts_total", "Attempts to hand a message over", ["channel", "provider", "fate"]
)
_TOOK: Final = Histogram("tradewinds_notifier_delivery_seconds", "Time that a provider took", ["channel", "provider"])


@dataclass
class Route:
    """One provider and what is known about it."""

    provider: Provider
    budget: Budget = field(default_factory=lambda: Budget(0))
    breaker: Breaker = field(default_factory=Breaker)

    def wait(self, now: float) -> float:
        """Seconds until it may be asked."""
        return max(self.breaker.wait(now), self.budget.wait(now))


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
            if route.wait(self._clock.monotonic()) > 0:
                continue
            answer = await self._ask(route, message, endpoint)
            if answer.fate not in (Fate.PASSING, Fate.THROTTLED):
                return answer
        return answer or self._held()

    def _held(self) -> Attempt:
        now = self._clock.monotonic()
        seconds = min(route.wait(now) for route in self._routes)
        return Attempt(Fate.HELD, "every provider is down or over its budget", retry_after_seconds=max(seconds, 0.05))

    async def _ask(self, route: Route, message: Message, endpoint: Endpoint) -> Attempt:
        began = self._clock.monotonic()
        route.budget.take(began)
        route.breaker.enter(began)
        name = route.provider.name
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                answer = await route.provider.send(message, endpoint)
        except TimeoutError:
            answer = Attempt(Fate.PASSING, f"no answer within {ATTEMPT_SECONDS:.0f} s")
        except Exception as e:
            # A provider that stumbles over one message must not stop the others.
            log.error("defect", channel=self.channel, provider=name, error=repr(e), exc_info=True)
            answer = Attempt(Fate.PASSING, f"a defect: {type(e).__name__}")
        self._remember(route, answer, self._clock.monotonic())
        _ATTEMPTS.labels(self.channel, name, answer.fate).inc()
        _TOOK.labels(self.channel, name).observe(self._clock.monotonic() - began)
        return replace(answer, provider=name)

    def _remember(self, route: Route, answer: Attempt, now: float) -> None:
        if answer.fate is Fate.PASSING:
            route.breaker.failed(now)
        elif answer.fate is Fate.THROTTLED:
            route.breaker.pause(now, answer.retry_after_seconds or _DEFAULT_PAUSE_SECONDS)
        else:
            route.breaker.succeeded()

    async def close(self) -> None:
        """Let all connections go."""
        for route in self._routes:
            await route.provider.close()
