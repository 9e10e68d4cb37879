"""Hands fires on to the notifier's own sending, each under the key that its row names, so that a repeat is one notification.

The fast way is from the evaluator's hands. Whatever was lost on it (a crash between the fire and its notification) is found in the
table by whoever judges next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from prometheus_client import Counter, Histogram

from notifier.alerts.domain.vocabulary import Measure
from notifier.alerts.fire_store import Fired, FireStore
from notifier.alerts.handing_on import HandingOn, Sending
from notifier.alerts.together import first_to_end
from notifier.alerts.wording import amount, message, storm_message, storm_title, title
from notifier.notification import MAXIMUM_MESSAGE, NewNotification
from tradewinds.clock import Clock
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import Backoff, describe
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts.telling")

TYPE: Final = "PRICE_ALERT"
BLIND_TYPE: Final = "PRICE_ALERT_BLIND"
_PASSING: Final[tuple[type[Exception], ...]] = (UnavailableError, *PASSING_FAULTS)
_SWEEP_SECONDS: Final = 2.0
_LOST_AFTER: Final = timedelta(seconds=3)
_NOTED_AFTER_SECONDS: Final = 0.25
_AT_ONCE: Final = 200
_WAITING: Final = 5_000  # beyond this the table is the queue
# Few: what fires meanwhile goes together into the next one, and each on its way takes another connection to PostgreSQL, perhaps a new one.
_LOTS_AHEAD: Final = 2
_NAMED_IDS: Final = 50
_NAMED_INSTRUMENTS: Final = 10

_TOLD: Final = Counter("tradewinds_price_alerts_told_total", "Fires handed on", ["how"])
_LATENCY: Final = Histogram(
    "tradewinds_price_alert_seconds",
    "Tick off the market socket to notification handed on",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10),
)


class _Waiting(NamedTuple):
    notification: NewNotification
    fire: Fired | None


class _Ahead(NamedTuple):
    lot: Sequence[_Waiting]
    accepting: asyncio.Task[Any]

    @property
    def notifications(self) -> list[NewNotification]:
        return [one.notification for one in self.lot]


class Teller:
    """`run` hands on what `tell` was given; `sweep` what was not told in time, and storms. Both run in every replica."""

    def __init__(self, store: FireStore, sending: Sending, clock: Clock, kept_for: timedelta) -> None:
        self._store = store
        self._handing = HandingOn(sending)
        self._clock = clock
        self._kept_for = kept_for
        self._waiting: deque[_Waiting] = deque()
        self._ahead: asyncio.Queue[_Ahead] = asyncio.Queue(_LOTS_AHEAD)
        self._told: list[Fired] = []
        self._has_told = asyncio.Event()

    def tell(self, fires: Sequence[Fired]) -> None:
        """These have just been committed; those of a storm, and what does not fit, wait in the table."""
        for fire in fires:
            if not fire["grouped"] and len(self._waiting) < _WAITING:
                self._waiting.append(_Waiting(_notification(fire), fire))
        self._begin()

    def warn(self, user_id: str, instruments: Sequence[str], what: str, key: str) -> None:
        """Somebody's alerts see nothing."""
        named = ", ".join(instruments[:_NAMED_INSTRUMENTS])
        more = f" and {len(instruments) - _NAMED_INSTRUMENTS} more" if len(instruments) > _NAMED_INSTRUMENTS else ""
        data = {"instruments": list(instruments[:_NAMED_IDS]), "count": len(instruments)}
        title_ = f"Price alerts are blind on {len(instruments)} instrument{'s' if len(instruments) > 1 else ''}"
        text = f"{named}{more}: {what}."
        self._waiting.append(_Waiting(NewNotification(user_id, BLIND_TYPE, title_, text, data, key), None))
        self._begin()

    async def run(self) -> None:
        """Hand on, for ever, in order; and write down what has been told, which nobody waits for."""
        try:
            await first_to_end(self._tell(), self._note_told())
        finally:
            while not self._ahead.empty():
                self._ahead.get_nowait().accepting.cancel()

    def _begin(self) -> None:
        """Have them accepted from this moment on: another task to be woken would be another turn of the loop, for each fire."""
        while self._waiting and not self._ahead.full():
            lot = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            # The fire's own statement has just made its key: nobody else can have sent it.
            are_fires = all(one.fire is not None for one in lot)
            accepting = self._handing.begin([one.notification for one in lot], is_known_new=are_fires)
            self._ahead.put_nowait(_Ahead(lot, accepting))

    async def _tell(self) -> None:
        while True:
            ahead = await self._ahead.get()
            self._begin()
            await self._finish(ahead)
            self._count([one.fire for one in ahead.lot if one.fire is not None])

    async def _finish(self, ahead: _Ahead) -> None:
        """However long it takes: those behind it are told later."""
        try:
            await self._handing.finish(ahead.notifications, ahead.accepting)
        except _PASSING as e:
            error: Exception = e
        else:
            return
        backoff = Backoff(cap_seconds=1.0)
        while True:
            log.warning_throttled("waits", error=describe(error), waiting=len(self._waiting) + len(ahead.lot))
            await asyncio.sleep(backoff.next_delay())
            try:
                await self._handing.hand_on(ahead.notifications)
            except _PASSING as e:
                error = e
            else:
                return

    async def _note_told(self) -> None:
        """A little later, together. What a crash leaves unwritten is handed on again, under its key, and makes nothing new."""
        backoff = Backoff(cap_seconds=1.0)
        while True:
            await self._has_told.wait()
            await asyncio.sleep(_NOTED_AFTER_SECONDS)
            self._has_told.clear()
            some, self._told = self._told, []
            try:
                await self._store.told(some)
                backoff.reset()
            except PASSING_FAULTS as e:
                log.warning_throttled("unnoted", error=describe(e), fires=len(some))
                self._told = [*some, *self._told]
                self._has_told.set()
                await asyncio.sleep(backoff.next_delay())

    async def sweep(self) -> None:
        """Hand on what is left, for ever."""
        while True:
            try:
                while fires := await self._store.untold(_LOST_AFTER):
                    await self._handing.hand_on([_notification(fire) for fire in fires])
                    self._observe(fires)
                    await self._store.told(fires)
                for group in await self._store.groups():
                    await self._hand_on_together(group)
                await self._store.forget(self._kept_for)
            except _PASSING as e:
                log.warning_throttled("sweep.failed", error=describe(e))
            await asyncio.sleep(_SWEEP_SECONDS)

    def _count(self, fires: Sequence[Fired]) -> None:
        self._observe(fires)
        self._told += fires
        self._has_told.set()

    def _observe(self, fires: Sequence[Fired]) -> None:
        now_us = self._clock.now().timestamp() * 1e6
        for fire in fires:
            _LATENCY.observe(max(0.0, now_us - fire["snapshot"]["received_us"]) / 1e6)
        _TOLD.labels("alone").inc(len(fires))

    async def _hand_on_together(self, fires: Sequence[Fired]) -> None:
        await self._handing.hand_on([_storm(fires)])
        _TOLD.labels("together").inc(len(fires))
        await self._store.told(fires)


def _notification(fire: Fired) -> NewNotification:
    measure = Measure[fire["measure"]]
    data: dict[str, Any] = {
        "alert_id": fire["alert_id"],
        "generation": fire["generation"],
        "instrument": fire["instrument"],
        "measure": fire["measure"],
        "condition": fire["description"],
        "value": amount(fire["value"], measure),
        "previous_value": amount(fire["previous"], measure) if fire["previous"] else "",
        "level": amount(fire["level"], measure),
        "note": fire["note"],
        "template_id": fire["template_id"],
        "late": fire["late"],
        "market": dict(fire["snapshot"]),
    }
    return NewNotification(fire["user_id"], TYPE, title(fire), message(fire), data, fire["message_key"])


def _storm(fires: Sequence[Fired]) -> NewNotification:
    first = fires[0]
    data = {"count": len(fires), "alert_ids": list(dict.fromkeys(fire["alert_id"] for fire in fires))[:_NAMED_IDS]}
    text = storm_message(fires)[:MAXIMUM_MESSAGE]
    return NewNotification(first["user_id"], TYPE, storm_title(fires), text, data, first["message_key"])
