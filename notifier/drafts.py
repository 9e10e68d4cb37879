"""A batch on its way: what would be sent of it, what has been accepted, and what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from notifier.arrival import NO_PLAIN, Plain
from notifier.notification import NewNotification, Notification
from notifier.ports import Stored
from notifier.types import NotificationType
from tradewinds.redis_keys import DEDUPE_TTL_SECONDS

_REMEMBERED_US: Final = DEDUPE_TTL_SECONDS * 1_000_000


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """What became of one."""

    notification_id: str
    duplicate: bool
    persisted: bool


class Outcomes(msgspec.Struct, frozen=True):
    """What became of each of a batch, in its order: `others` by their positions, and of the plain ones that they have an id."""

    ids: Sequence[str]
    others: Mapping[int, Outcome]

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Outcome]:
        for position, notification_id in enumerate(self.ids):
            other = self.others.get(position)
            yield other if other is not None else Outcome(notification_id, duplicate=False, persisted=False)

    @property
    def duplicates(self) -> int:
        """How many were sent before."""
        return sum([outcome.duplicate for outcome in self.others.values()])


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A notification that would be sent; `key` is where its dedupe key is remembered, `position` its place in the batch."""

    new: NewNotification
    kind: NotificationType
    notification_id: str
    created_us: int
    key: str
    position: int

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
    """Deduped and kept, not told yet. `sent_before` is None where Redis could not say or was not asked; `ids` are those of the whole
    batch, `claimed` the keys that are ours to release."""

    drafts: Sequence[Draft]
    unique: Sequence[Draft]
    first_under_key: Mapping[str, Draft]
    sent_before: Mapping[str, str] | None
    stored: Mapping[str, Stored]
    ids: Sequence[str] = ()
    created_us: int = 0
    plain: Plain = NO_PLAIN
    claimed: Sequence[str] = ()

    @property
    def remaining(self) -> Sequence[Draft]:
        """Those that were not sent before."""
        if not self.sent_before:
            return self.unique
        return [draft for draft in self.unique if draft.key not in self.sent_before]

    @property
    def news(self) -> Sequence[Draft]:
        """Those to be told. A row that was there already is news only while its key would still be remembered if it had been told:
        whoever stored it died before telling. It is told under its first id."""
        if not any(one.duplicate for one in self.stored.values()):
            return self.remaining
        # Without claims another sender may be telling the duplicates right now.
        tell_untold = self.sent_before is not None
        news = []
        for draft in self.remaining:
            one = self.stored.get(draft.notification_id)
            if one is None or not one.duplicate:
                news.append(draft)
            elif tell_untold and draft.created_us - one.created_us < _REMEMBERED_US:
                news.append(
                    msgspec.structs.replace(draft, notification_id=one.notification_id, created_us=one.created_us)
                )
        return news

    @property
    def is_all_new(self) -> bool:
        """Nothing of it was sent before, or twice."""
        return (
            not self.sent_before
            and len(self.unique) == len(self.drafts)
            and not any(one.duplicate for one in self.stored.values())
        )

    def outcomes(self) -> Outcomes:
        """Of the whole batch."""
        if self.is_all_new:
            new = {draft.position: Outcome(draft.notification_id, False, draft.kind.persisted) for draft in self.drafts}
            return Outcomes(self.ids, new)
        return Outcomes(self.ids, {draft.position: self._outcome(draft) for draft in self.drafts})

    def _outcome(self, draft: Draft) -> Outcome:
        if not draft.key and not draft.kind.persisted:
            return Outcome(draft.notification_id, duplicate=False, persisted=False)
        first = self.first_under_key[draft.key] if draft.key else draft
        repeated = first is not draft
        persisted = first.kind.persisted
        if self.sent_before and (before := self.sent_before.get(first.key)) is not None:
            return Outcome(before, duplicate=True, persisted=persisted)
        if persisted:
            one = self.stored[first.notification_id]
            return Outcome(one.notification_id, repeated or one.duplicate, persisted=True)
        return Outcome(first.notification_id, repeated, persisted=False)
