"""The worker of one channel: claims what is due, hands it over, and says what came of it. Any number of them may run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from prometheus_client import Counter

from notifier.channels import Channel
from notifier.delivery.backoff import next_attempt
from notifier.delivery.claims import Claimed, Claims, Finished
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate
from notifier.delivery.routes import Routes
from tradewinds import failpoints
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.delivery")

POLL_SECONDS: Final = 1.0  # the safety net below `wake`
_STATES: Final = Counter(
    "tradewinds_notifier_deliveries_total", "Deliveries that ended or wait again", ["channel", "state"]
)
_LONGEST_DETAIL: Final = 500


class PartSource(Protocol):
    """Knows templates."""

    async def of(self, user_id: str, data: Mapping[str, Any], channel: Channel) -> Mapping[str, str]:
        """What a notification's template says on one channel alone. Raises `UnavailableError`."""
        ...


class ChannelWorker:
    """At most `concurrency` messages are under way at once. Run it as a watched task."""

    def __init__(
        self,
        routes: Routes,
        claims: Claims,
        parts: PartSource,
        clock: Clock,
        random: Callable[[], float],
        concurrency: int,
    ) -> None:
        self._routes = routes
        self._parts = parts
        self._claims = claims
        self._clock = clock
        self._random = random
        self._concurrency = concurrency
        self._under_way: set[asyncio.Task[None]] = set()
        self._finished: list[Finished] = []
        self._stirred = asyncio.Event()

    def wake(self) -> None:
        """There is something new."""
        self._stirred.set()

    async def run(self) -> None:
        """Until it is cancelled; what is under way then comes back when its lease is over."""
        try:
            while True:
                self._stirred.clear()
                if not await self._turn():
                    await self._rest()
        finally:
            for task in self._under_way:
                task.cancel()

    async def _turn(self) -> bool:
        """Write down what is over, then begin what is due; whether there was something to do."""
        try:
            wrote = await self._write_down()
            room = self._concurrency - len(self._under_way)
            claimed = await self._claims.take(self._routes.channel, room) if room else []
        except PASSING_FAULTS as e:
            log.warning_throttled("database.away", channel=self._routes.channel, error=describe(e))
            await asyncio.sleep(POLL_SECONDS)
            return False
        for one in claimed:
            self._begin(one)
        return wrote or bool(claimed)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._stirred.wait()
        except TimeoutError:
            pass

    async def _write_down(self) -> bool:
        """All that is over, in one statement. Kept here while the database is away: it was sent, and must not be sent again."""
        finished = tuple(self._finished)
        if not finished:
            return False
        await self._claims.finish(finished)
        await failpoints.reach("notifier.deliver.after", (self._routes.channel,))
        del self._finished[: len(finished)]
        return True

    def _begin(self, claimed: Claimed) -> None:
        name = f"deliver {claimed.message.delivery_id}"
        task = asyncio.get_running_loop().create_task(self._deliver(claimed), name=name)
        self._under_way.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._stirred.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("defect", channel=self._routes.channel, exc_info=error)

    async def _deliver(self, claimed: Claimed) -> None:
        now, endpoint = self._clock.now(), claimed.endpoint
        if claimed.message.expires_at <= now:
            finished = Finished(claimed, "EXPIRED", now, "its time was over", counted=False)
        elif claimed.acknowledged:
            # The step of an escalation that was being taken while somebody acknowledged.
            finished = Finished(claimed, "CANCELLED", now, "it was acknowledged", counted=False)
        elif endpoint is None:
            finished = Finished(claimed, "CANCELLED", now, "its endpoint was removed", counted=False)
        elif endpoint.disabled_reason:
            finished = Finished(claimed, "DEAD", now, endpoint.disabled_reason, counted=False)
        else:
            finished = await self._attempt(claimed, endpoint)
        _STATES.labels(self._routes.channel, finished.state).inc()
        self._finished.append(finished)

    async def _attempt(self, claimed: Claimed, endpoint: Endpoint) -> Finished:
        message = claimed.message
        await failpoints.reach("notifier.deliver.before", (self._routes.channel,))
        part = await self._parts.of(message.told_user_id, message.data, self._routes.channel)
        attempt = await self._routes.send(replace(message, part=part), endpoint)
        await failpoints.reach("notifier.deliver.sent", (self._routes.channel,))
        if attempt.fate is Fate.GONE:
            await self._disable(endpoint, attempt)
        return self._judged_after(claimed, attempt)

    def _judged_after(self, claimed: Claimed, attempt: Attempt) -> Finished:
        now = self._clock.now()
        state, due_at = (
            "PENDING",
            next_attempt(attempt, claimed.attempts, now, claimed.message.expires_at, self._random),
        )
        if due_at is None:
            state, due_at = _ended(attempt), now
        return Finished(
            claimed,
            state,
            due_at,
            attempt.detail[:_LONGEST_DETAIL],
            attempt.provider,
            attempt.provider_message_id,
            counted=attempt.fate is not Fate.HELD,
        )

    async def _disable(self, endpoint: Endpoint, attempt: Attempt) -> None:
        try:
            await self._claims.disable(endpoint.endpoint_id, attempt.detail)
        except PASSING_FAULTS as e:
            # The next message to it will tell the same.
            log.warning_throttled("not_disabled", endpoint_id=endpoint.endpoint_id, error=describe(e))


def _ended(attempt: Attempt) -> str:
    if attempt.fate is Fate.SENT:
        return "SENT"
    return "EXPIRED" if attempt.fate is Fate.HELD else "DEAD"
