"""How a notification is sent: dedupe, keep, tell — in this order, so that nobody is told what may still be lost.

What is kept is a row before the caller is answered. What is only told is in Redis before the caller is answered. While Redis is away,
what is kept succeeds all the same: nobody is told of it later, instead every follower is told that something is missing (`resumed:
false`) and finds it in the list.

Everything is done for a whole batch at once: one claim, one statement, one write. What is only told is never decoded here.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from prometheus_client import Counter

from notifier.notification import MAXIMUM_BATCH, NewNotification, Notification, check, is_plainly_good
from notifier.ports import Claiming, Contents, Keeper, PreferenceSource, Stored, Telling
from notifier.preferences import DEFAULTS, Preferences
from notifier.realtime.frames import frame, stamp
from notifier.realtime.wire import Told, is_over
from notifier.resolver import is_told_live
from notifier.types import NotificationType, type_of
from tradewinds import failpoints
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.ids import IdsFactory
from tradewinds.redis_keys import DEDUPE_TTL_SECONDS, notification_dedupe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.sending")

_REMEMBERED_US: Final = DEDUPE_TTL_SECONDS * 1_000_000
_SENT: Final = Counter("tradewinds_notifier_sent_total", "Notifications accepted", ["type", "duplicate"])
_EXPIRED: Final = Counter("tradewinds_notifier_expired_total", "Notifications that expired before they could be told")


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one."""

    notification_id: str
    duplicate: bool
    persisted: bool


class _Draft(msgspec.Struct, frozen=True, gc=False):
    """A notification that would be sent; `key` is where its dedupe key is remembered."""

    new: NewNotification
    kind: NotificationType
    notification_id: str
    created_us: int
    key: str

    @property
    def expires_us(self) -> int:
        """0 when it does not expire."""
        return self.created_us + self.new.ttl_seconds * 1_000_000 if self.new.ttl_seconds else 0

    def notification(self, data: dict[str, Any]) -> Notification:
        """It as a whole, with its facts."""
        return Notification(
            notification_id=self.notification_id,
            user_id=self.new.user_id,
            type=self.new.type,
            severity=self.kind.severity,
            title=self.new.title,
            message=self.new.message,
            data=data,
            created_us=self.created_us,
            persisted=self.kind.persisted,
            must_acknowledge=self.kind.must_acknowledge,
            expires_us=self.expires_us or None,
        )


class Accepted(msgspec.Struct, frozen=True):
    """Deduped and kept, not told yet. `sent_before` is None where Redis could not say."""

    drafts: Sequence[_Draft]
    unique: Sequence[_Draft]
    first_under_key: Mapping[str, _Draft]
    sent_before: Mapping[str, str] | None
    stored: Mapping[str, Stored]

    @property
    def claimed(self) -> list[str]:
        """The keys that are ours."""
        before = self.sent_before or {}
        return [key for key in self.first_under_key if key not in before]


class Sender:
    """The one way in, for one and for many."""

    def __init__(
        self,
        keeper: Keeper,
        telling: Telling,
        claiming: Claiming,
        preferences: PreferenceSource,
        clock: Clock,
        new_ids: IdsFactory,
        contents: Contents,
    ) -> None:
        self._keeper = keeper
        self._telling = telling
        self._claiming = claiming
        self._preferences = preferences
        self._clock = clock
        self._new_ids = new_ids
        self._contents = contents

    async def send(self, news: Sequence[NewNotification], field_of: Callable[[int], str]) -> list[Outcome]:
        """Send all, in order; one outcome each. `field_of(index)` is the path of one in the request, for errors.

        Raises `InvalidArgumentError` (nothing was sent) and `UnavailableError`: then what is kept may have been kept. A retry
        under the same dedupe keys sends nothing twice.
        """
        return await self.tell(await self.accept(news, field_of))

    async def accept(self, news: Sequence[NewNotification], field_of: Callable[[int], str]) -> Accepted:
        """The first half of `send`: what is kept is a row when this returns. Then `tell`, in the order in which it is to be told."""
        self._check(news, field_of)
        drafts = self._drafts(news)
        first_under_key: dict[str, _Draft] = {}
        unique = [draft for draft in drafts if not draft.key or first_under_key.setdefault(draft.key, draft) is draft]
        claims = {key: draft.notification_id for key, draft in first_under_key.items()}
        sent_before = await self._claim(claims, unique)
        accepted = Accepted(drafts, unique, first_under_key, sent_before, {})
        try:
            stored = await self._keep([draft for draft in _remaining(accepted) if draft.kind.persisted])
        except BaseException:
            await self._claiming.release(accepted.claimed)
            raise
        return msgspec.structs.replace(accepted, stored=stored)

    async def tell(self, accepted: Accepted) -> list[Outcome]:
        """The second half of `send`."""
        (outcomes,) = await self.tell_together([accepted])
        return outcomes

    async def tell_together(self, many: Sequence[Accepted]) -> list[list[Outcome]]:
        """The same for several, in their order, in one write."""
        try:
            await self._tell([draft for accepted in many for draft in _news_of(accepted)])
        except BaseException:
            await self._claiming.release([key for accepted in many for key in accepted.claimed])
            raise
        outcomes = [[_outcome(draft, accepted) for draft in accepted.drafts] for accepted in many]
        for accepted, ones in zip(many, outcomes, strict=True):
            _count(accepted.drafts, ones)
        return outcomes

    def _drafts(self, news: Sequence[NewNotification]) -> list[_Draft]:
        created_us = int(self._clock.now().timestamp() * 1e6)
        kinds = {name: type_of(name) for name in {new.type for new in news}}
        return [
            _Draft(
                new,
                kinds[new.type],
                notification_id,
                created_us,
                notification_dedupe(new.user_id, new.dedupe_key) if new.dedupe_key else "",
            )
            for new, notification_id in zip(news, self._new_ids("ntf", len(news)), strict=True)
        ]

    async def _claim(self, claims: Mapping[str, str], drafts: Sequence[_Draft]) -> dict[str, str] | None:
        """None while Redis is away and everything is kept anyway: the unique index dedupes too."""
        try:
            return await self._claiming.take(claims)
        except UnavailableError as e:
            if e.reason != UnavailableError.reason or not all(draft.kind.persisted for draft in drafts):
                raise
            log.warning_throttled("redis.away", error=e.message)
            return None

    async def _keep(self, drafts: Sequence[_Draft]) -> dict[str, Stored]:
        if not drafts:
            return {}
        whole = [self._whole(draft) for draft in drafts]
        stored = await self._keeper.insert(whole, [draft.new.dedupe_key for draft in drafts])
        return {draft.notification_id: one for draft, one in zip(drafts, stored, strict=True)}

    async def _tell(self, drafts: Sequence[_Draft]) -> None:
        if not drafts:
            return
        preferences = await self._preferences.of_users({draft.new.user_id for draft in drafts})
        told = [self._told(draft) for draft in drafts if self._is_wanted(draft, preferences[draft.new.user_id])]
        remember = {draft.key: draft.notification_id for draft in drafts if draft.key}
        if not told and not remember:
            return
        try:
            await self._telling.publish(told, remember, drafts[-1].created_us)
            await failpoints.reach("notifier.tell.after", (draft.new.type for draft in drafts))
        except UnavailableError as e:
            if not all(draft.kind.persisted for draft in drafts):
                raise
            log.warning_throttled("not_told", count=len(told), error=e.message)

    def _told(self, draft: _Draft) -> Told:
        new, kind = draft.new, draft.kind
        expires_us = draft.expires_us if new.ttl_seconds else 0
        content = new.content or self._contents.content_of(new)
        framed = frame(content, draft.notification_id, stamp(kind, draft.created_us), expires_us)
        return Told(new.user_id, framed, kind.delivery_class, expires_us)

    def _whole(self, draft: _Draft) -> Notification:
        return draft.notification(self._contents.data_of(draft.new))

    def _is_wanted(self, draft: _Draft, preferences: Preferences) -> bool:
        if draft.new.ttl_seconds and is_over(draft.expires_us):
            _EXPIRED.inc()
            return False
        # Most users have no settings: what has to be decoded for a decision is not decoded for them.
        return preferences is DEFAULTS or is_told_live(self._whole(draft), preferences)

    def _check(self, news: Sequence[NewNotification], field_of: Callable[[int], str]) -> None:
        if not 1 <= len(news) <= MAXIMUM_BATCH:
            raise InvalidArgumentError.field("requests", f"has {len(news)} notifications; send 1 to {MAXIMUM_BATCH}")
        for index, new in enumerate(news):
            if not is_plainly_good(new):
                check(new, field_of(index), self._contents.data_of(new))


def _count(drafts: Sequence[_Draft], outcomes: Sequence[Outcome]) -> None:
    tally = Tally(zip([draft.new.type for draft in drafts], [one.duplicate for one in outcomes], strict=True))
    for (type_, duplicate), count in tally.items():
        _SENT.labels(type_, str(duplicate).lower()).inc(count)


def _remaining(accepted: Accepted) -> Sequence[_Draft]:
    if not accepted.sent_before:
        return accepted.unique
    return [draft for draft in accepted.unique if draft.key not in accepted.sent_before]


def _news_of(accepted: Accepted) -> Sequence[_Draft]:
    # Without claims another sender may be telling the duplicates right now.
    return _news(_remaining(accepted), accepted.stored, tell_untold=accepted.sent_before is not None)


def _news(drafts: Sequence[_Draft], stored: Mapping[str, Stored], *, tell_untold: bool) -> Sequence[_Draft]:
    """Those to be told. A row that was there already is news only while its key would still be remembered if it had been told:
    whoever stored it died before telling. It is told under its first id."""
    if not any(one.duplicate for one in stored.values()):
        return drafts
    news = []
    for draft in drafts:
        one = stored.get(draft.notification_id)
        if one is None or not one.duplicate:
            news.append(draft)
        elif tell_untold and draft.created_us - one.created_us < _REMEMBERED_US:
            news.append(msgspec.structs.replace(draft, notification_id=one.notification_id, created_us=one.created_us))
    return news


def _outcome(draft: _Draft, accepted: Accepted) -> Outcome:
    if not draft.key and not draft.kind.persisted:
        return Outcome(draft.notification_id, duplicate=False, persisted=False)
    first = accepted.first_under_key[draft.key] if draft.key else draft
    repeated = first is not draft
    persisted = first.kind.persisted
    if accepted.sent_before and (before := accepted.sent_before.get(first.key)) is not None:
        return Outcome(before, duplicate=True, persisted=persisted)
    if persisted:
        one = accepted.stored[first.notification_id]
        return Outcome(one.notification_id, repeated or one.duplicate, persisted=True)
    return Outcome(first.notification_id, repeated, persisted=False)
