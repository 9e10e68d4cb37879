"""How a notification is sent: dedupe, keep, tell — in this order, so that nobody is told what may still be lost.

What is kept is a row before the caller is answered. What is only told is in Redis before the caller is answered. While Redis is away,
what is kept succeeds all the same: nobody is told of it later, instead every follower is told that something is missing (`resumed:
false`) and finds it in the list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from prometheus_client import Counter

from notifier.notification import MAXIMUM_BATCH, NewNotification, Notification, check
from notifier.ports import Claim, Claiming, Keeper, PreferenceSource, Stored, Telling
from notifier.resolver import is_told_live
from notifier.types import type_of
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.ids import IdFactory
from tradewinds.redis_keys import DEDUPE_TTL_SECONDS
from tradewinds.telemetry import get_logger

log = get_logger("notifier.sending")

_REMEMBERED_US: Final = DEDUPE_TTL_SECONDS * 1_000_000
_SENT: Final = Counter("tradewinds_notifier_sent_total", "Notifications accepted", ["type", "duplicate"])


@dataclass(frozen=True)
class Outcome:
    """What became of one."""

    notification_id: str
    duplicate: bool
    persisted: bool


@dataclass(frozen=True)
class _Draft:
    """A notification that would be sent, and the key it would be sent under."""

    notification: Notification
    dedupe_key: str

    @property
    def id(self) -> str:
        return self.notification.notification_id

    @property
    def key(self) -> tuple[str, str]:
        return self.notification.user_id, self.dedupe_key

    @property
    def claim(self) -> Claim:
        return Claim(self.notification.user_id, self.dedupe_key, self.id)


class Sender:
    """The one way in, for one and for many."""

    def __init__(
        self,
        keeper: Keeper,
        telling: Telling,
        claiming: Claiming,
        preferences: PreferenceSource,
        clock: Clock,
        new_id: IdFactory,
    ) -> None:
        self._keeper = keeper
        self._telling = telling
        self._claiming = claiming
        self._preferences = preferences
        self._clock = clock
        self._new_id = new_id

    async def send(self, news: Sequence[NewNotification], field_of: Callable[[int], str]) -> list[Outcome]:
        """Send all, in order; one outcome each. `field_of(index)` is the path of one in the request, for errors.

        Raises `InvalidArgumentError` (nothing was sent) and `UnavailableError`: then what is kept may have been kept. A retry
        under the same dedupe keys sends nothing twice.
        """
        _check_all(news, field_of)
        drafts = [self._draft(new) for new in news]
        first_under_key: dict[tuple[str, str], _Draft] = {}
        standing_for = [first_under_key.setdefault(d.key, d) if d.dedupe_key else d for d in drafts]
        outcomes = await self._send_unique([d for d, first in zip(drafts, standing_for, strict=True) if first is d])
        answered = [
            _repeated(outcomes[first.id]) if first is not draft else outcomes[draft.id]
            for draft, first in zip(drafts, standing_for, strict=True)
        ]
        for draft, outcome in zip(drafts, answered, strict=True):
            _SENT.labels(draft.notification.type, str(outcome.duplicate).lower()).inc()
        return answered

    def _draft(self, new: NewNotification) -> _Draft:
        kind = type_of(new.type)
        notification = Notification(
            notification_id=self._new_id("ntf"),
            user_id=new.user_id,
            type=new.type,
            severity=kind.severity,
            title=new.title,
            message=new.message,
            data=dict(new.data),
            created_us=int(self._clock.now().timestamp() * 1e6),
            persisted=kind.persisted,
            must_acknowledge=kind.must_acknowledge,
        )
        return _Draft(notification, new.dedupe_key)

    async def _send_unique(self, drafts: Sequence[_Draft]) -> dict[str, Outcome]:
        """Outcomes by the draft's id; no two drafts have the same key."""
        claims = [draft.claim for draft in drafts if draft.dedupe_key]
        sent_before = await self._claim(claims, drafts)
        remaining = [draft for draft in drafts if sent_before is None or draft.claim not in sent_before]
        try:
            stored = await self._keep([draft for draft in remaining if draft.notification.persisted])
            # Without claims another sender may be telling the duplicates right now.
            news = _news(remaining, stored, tell_untold=sent_before is not None)
            await self._tell(news)
        except BaseException:
            await self._claiming.release([claim for claim in claims if claim not in (sent_before or {})])
            raise
        return {draft.id: _outcome(draft, sent_before or {}, stored) for draft in drafts}

    async def _claim(self, claims: Sequence[Claim], drafts: Sequence[_Draft]) -> dict[Claim, str] | None:
        """None while Redis is away and everything is kept anyway: the unique index dedupes too."""
        try:
            return await self._claiming.take(claims)
        except UnavailableError as e:
            if e.reason != UnavailableError.reason or not all(draft.notification.persisted for draft in drafts):
                raise
            log.warning_throttled("redis.away", error=e.message)
            return None

    async def _keep(self, drafts: Sequence[_Draft]) -> dict[str, Stored]:
        if not drafts:
            return {}
        stored = await self._keeper.insert([d.notification for d in drafts], [d.dedupe_key for d in drafts])
        return {draft.id: one for draft, one in zip(drafts, stored, strict=True)}

    async def _tell(self, drafts: Sequence[_Draft]) -> None:
        if not drafts:
            return
        preferences = await self._preferences.of_users({draft.notification.user_id for draft in drafts})
        told = [d.notification for d in drafts if is_told_live(d.notification, preferences[d.notification.user_id])]
        remember = {draft.claim.redis_key: draft.id for draft in drafts if draft.dedupe_key}
        if not told and not remember:
            return
        try:
            await self._telling.publish(told, remember)
        except UnavailableError as e:
            if not all(draft.notification.persisted for draft in drafts):
                raise
            log.warning_throttled("not_told", count=len(told), error=e.message)


def _news(drafts: Sequence[_Draft], stored: Mapping[str, Stored], *, tell_untold: bool) -> list[_Draft]:
    """Those to be told. A row that was there already is news only while its key would still be remembered if it had been told:
    whoever stored it died before telling. It is told under its first id."""
    news = []
    for draft in drafts:
        one = stored.get(draft.id)
        if one is None or not one.duplicate:
            news.append(draft)
        elif tell_untold and draft.notification.created_us - one.created_us < _REMEMBERED_US:
            first = msgspec.structs.replace(
                draft.notification, notification_id=one.notification_id, created_us=one.created_us
            )
            news.append(_Draft(first, draft.dedupe_key))
    return news


def _repeated(outcome: Outcome) -> Outcome:
    return Outcome(outcome.notification_id, duplicate=True, persisted=outcome.persisted)


def _check_all(news: Sequence[NewNotification], field_of: Callable[[int], str]) -> None:
    if not 1 <= len(news) <= MAXIMUM_BATCH:
        raise InvalidArgumentError.field("requests", f"has {len(news)} notifications; send 1 to {MAXIMUM_BATCH}")
    for index, new in enumerate(news):
        check(new, field_of(index))


def _outcome(draft: _Draft, sent_before: Mapping[Claim, str], stored: Mapping[str, Stored]) -> Outcome:
    notification = draft.notification
    if (first := sent_before.get(draft.claim)) is not None:
        return Outcome(first, duplicate=True, persisted=notification.persisted)
    if (one := stored.get(draft.id)) is not None:
        return Outcome(one.notification_id, one.duplicate, persisted=True)
    return Outcome(notification.notification_id, duplicate=False, persisted=False)
