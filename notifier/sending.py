"""How a notification is sent: dedupe, keep, tell — in this order, so that nobody is told what may still be lost.

What is kept is a row before the caller is answered. What is only told is in Redis before the caller is answered. While Redis is away,
what is kept succeeds all the same: nobody is told of it later, instead every follower is told that something is missing (`resumed:
false`) and finds it in the list.

Everything is done for a whole batch at once: one claim, one statement, one write. What is only told is never decoded here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import accumulate, chain
from typing import Any, Final

import msgspec
import numpy as np
from prometheus_client import Counter

from notifier.arrival import POSITION, Arrival, one_by_one, told_plainly
from notifier.drafts import Accepted, Draft, Outcome, Outcomes
from notifier.notification import MAXIMUM_BATCH, NewNotification, Notification, check, is_plainly_good
from notifier.ports import Claiming, Contents, Keeper, PreferenceSource, Stored, Telling
from notifier.preferences import DEFAULTS, Preferences
from notifier.realtime.composing import Bulk, Said, bulk_of_said, joined
from notifier.realtime.frames import expiry, stamp
from notifier.realtime.wire import is_over
from notifier.resolver import is_told_live
from notifier.types import type_of
from tradewinds import failpoints
from tradewinds.clock import Clock
from tradewinds.errors import InvalidArgumentError, UnavailableError
from tradewinds.ids import IdsFactory
from tradewinds.redis_keys import notification_dedupe
from tradewinds.telemetry import get_logger

log = get_logger("notifier.sending")

_SENT: Final = Counter("tradewinds_notifier_sent_total", "Notifications accepted", ["type", "duplicate"])
_EXPIRED: Final = Counter("tradewinds_notifier_expired_total", "Notifications that expired before they could be told")


class Begun:
    """A batch that is on its way to its followers."""

    def __init__(self, accepted: Accepted, written: Awaitable[None] | None) -> None:
        self._accepted = accepted
        self._written = written

    async def outcomes(self) -> Outcomes:
        """Of the batch, once it has arrived; to be awaited once. Raises `UnavailableError` when it may not have."""
        if self._written is not None:
            await _arrived(self._written, self._accepted.drafts)
        return _counted(self._accepted)


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
        return list(await self.send_all(one_by_one(news), field_of))

    async def send_all(self, arrival: Arrival, field_of: Callable[[int], str]) -> Outcomes:
        """The same for a batch as it arrived."""
        begun = self.begin(arrival, field_of)
        if begun is not None:
            return await begun.outcomes()
        (outcomes,) = await self.tell_together([await self.accept(arrival, field_of)])
        return outcomes

    def begin(self, arrival: Arrival, field_of: Callable[[int], str]) -> Begun | None:
        """The whole of `send` where nothing has to be waited for: it is on its way, in its order, when this returns, and whoever goes away
        takes nothing back. None, and nothing was done, where something is to be claimed, kept or looked up. Raises as `send` does."""
        if not arrival.is_only_told:
            return None
        wishes = self._preferences.in_memory(arrival.user_ids)
        if wishes is None:
            return None
        self._check(arrival, field_of)
        accepted = self._accepted(arrival)
        return Begun(accepted, self._publish([(accepted, accepted.drafts)], wishes))

    async def accept(self, arrival: Arrival, field_of: Callable[[int], str], *, is_known_new: bool = False) -> Accepted:
        """The first half of `send`: what is kept is a row when this returns. Then `tell_together`, in the order in which it is to be
        told. `is_known_new`: all of it is kept, under keys that the caller has just made in a table of his own; nothing is claimed, and
        what a repeat has kept meanwhile is left to the repeat."""
        self._check(arrival, field_of)
        accepted = self._accepted(arrival)
        if is_known_new:
            accepted = msgspec.structs.replace(accepted, sent_before=None)
        else:
            claims = {key: draft.notification_id for key, draft in accepted.first_under_key.items()}
            before = await self._claim(claims, accepted.unique, all_kept=not arrival.plain)
            claimed = [key for key in claims if key not in (before or {})]
            accepted = msgspec.structs.replace(accepted, sent_before=before, claimed=claimed)
        try:
            stored = await self._keep([draft for draft in accepted.remaining if draft.kind.persisted])
        except BaseException:
            await self._claiming.release(accepted.claimed)
            raise
        return msgspec.structs.replace(accepted, stored=stored)

    def _accepted(self, arrival: Arrival) -> Accepted:
        """As if nothing of it had been sent before."""
        created_us = int(self._clock.now().timestamp() * 1e6)
        ids = self._new_ids("ntf", len(arrival))
        drafts = _drafts(arrival, ids, created_us)
        first_under_key: dict[str, Draft] = {}
        unique = [draft for draft in drafts if not draft.key or first_under_key.setdefault(draft.key, draft) is draft]
        return Accepted(drafts, unique, first_under_key, {}, {}, ids, created_us, arrival.plain)

    async def tell_together(self, many: Sequence[Accepted]) -> list[Outcomes]:
        """The second half of `send`, for several in their order and in one write."""
        try:
            await self._tell(many)
        except BaseException:
            await self._claiming.release([key for accepted in many for key in accepted.claimed])
            raise
        return [_counted(accepted) for accepted in many]

    async def _claim(
        self, claims: Mapping[str, str], drafts: Sequence[Draft], *, all_kept: bool
    ) -> dict[str, str] | None:
        """None while Redis is away and everything is kept anyway: the unique index dedupes too."""
        try:
            return await self._claiming.take(claims)
        except UnavailableError as e:
            if e.reason != UnavailableError.reason or not all_kept or not all(draft.kind.persisted for draft in drafts):
                raise
            log.warning_throttled("redis.away", error=e.message)
            return None

    async def _keep(self, drafts: Sequence[Draft]) -> dict[str, Stored]:
        if not drafts:
            return {}
        whole = [self._whole(draft) for draft in drafts]
        stored = await self._keeper.insert(whole, [draft.new.dedupe_key for draft in drafts])
        return {draft.notification_id: one for draft, one in zip(drafts, stored, strict=True)}

    async def _tell(self, many: Sequence[Accepted]) -> None:
        news = [(accepted, accepted.news) for accepted in many]
        user_ids = [draft.new.user_id for _, drafts in news for draft in drafts]
        user_ids += chain.from_iterable(accepted.plain.user_ids for accepted in many)
        if not user_ids:
            return
        wishes = self._preferences.in_memory(user_ids)
        if wishes is None:
            wishes = await self._preferences.of_users(user_ids)
        try:
            written = self._publish(news, wishes)
            if written is not None:
                await _arrived(written, [draft for _, drafts in news for draft in drafts])
        except UnavailableError as e:
            if any(accepted.plain for accepted in many) or not all(
                draft.kind.persisted for _, drafts in news for draft in drafts
            ):
                raise
            log.warning_throttled("not_told", count=sum(len(drafts) for _, drafts in news), error=e.message)

    def _publish(
        self, news: Sequence[tuple[Accepted, Sequence[Draft]]], wishes: Mapping[str, Preferences]
    ) -> Awaitable[None] | None:
        """Tell, of each batch, what is news in it; None where nobody wants to know."""
        told = self._told_of(news, wishes)
        remember = {draft.key: draft.notification_id for _, drafts in news for draft in drafts if draft.key}
        if not told and not remember:
            return None
        return self._telling.publish(told, remember, news[-1][0].created_us)

    def _told_of(self, news: Sequence[tuple[Accepted, Sequence[Draft]]], wishes: Mapping[str, Preferences]) -> Bulk:
        """What is told of several batches, in their order."""
        begins = list(accumulate((len(accepted.ids) for accepted, _ in news), initial=0))
        wanted = [
            (begin + draft.position, draft)
            for begin, (_, drafts) in zip(begins, news, strict=False)
            for draft in drafts
            if self._is_wanted(draft, wishes.get(draft.new.user_id, DEFAULTS))
        ]
        looked_at = [self._said(draft) for _, draft in wanted]
        if not any(accepted.plain for accepted, _ in news):
            return bulk_of_said(looked_at)
        plain = told_plainly([(accepted.plain, accepted.ids, accepted.created_us) for accepted, _ in news])
        heard: list[bool] | slice = slice(None)
        if wishes and not wishes.keys().isdisjoint(chain.from_iterable(one.plain.user_ids for one, _ in news)):
            heard = [is_heard for accepted, _ in news for is_heard in self._heard(accepted, wishes)]
            plain = Bulk(plain.octets, plain.rows[heard])
        if not looked_at:  # they are in their order
            return plain
        positions = np.concatenate(
            [accepted.plain.rows[:, POSITION] + begin for begin, (accepted, _) in zip(begins, news, strict=False)]
        )[heard]
        order = np.argsort(np.concatenate((positions, [position for position, _ in wanted])), kind="stable")
        together = joined((plain, bulk_of_said(looked_at)))
        return Bulk(together.octets, together.rows[order])

    def _heard(self, accepted: Accepted, wishes: Mapping[str, Preferences]) -> Iterator[bool]:
        """Of each plain one, whether its user wants it."""
        for user_id, (position, content) in zip(accepted.plain.user_ids, accepted.plain.said(), strict=True):
            one = wishes.get(user_id, DEFAULTS)
            yield one is DEFAULTS or self._is_wanted(self._closely(accepted, position, user_id, content), one)

    def _closely(self, accepted: Accepted, position: int, user_id: str, content: bytes) -> Draft:
        """A plain one, looked at after all: its user has wishes."""
        new = self._contents.new_of(user_id, content)
        return Draft(new, type_of(new.type), accepted.ids[position], accepted.created_us, "", position)

    def _said(self, draft: Draft) -> Said:
        new, kind, stamped, expires_us = draft.new, draft.kind, stamp(draft.kind, draft.created_us), draft.expires_us
        if expires_us:
            stamped += expiry(expires_us)
        content = new.content or self._contents.content_of(new)
        return new.user_id, content, draft.notification_id, stamped, kind.delivery_class, expires_us

    def _whole(self, draft: Draft) -> Notification:
        return draft.notification(self._contents.data_of(draft.new))

    def _is_wanted(self, draft: Draft, preferences: Preferences) -> bool:
        if draft.new.ttl_seconds and is_over(draft.expires_us):
            _EXPIRED.inc()
            return False
        # Most users have no settings: what has to be decoded for a decision is not decoded for them.
        return preferences is DEFAULTS or is_told_live(self._whole(draft), preferences)

    def _check(self, arrival: Arrival, field_of: Callable[[int], str]) -> None:
        if not 1 <= len(arrival) <= MAXIMUM_BATCH:
            raise InvalidArgumentError.field("requests", f"has {len(arrival)} notifications; send 1 to {MAXIMUM_BATCH}")
        for position, new in zip(arrival.positions, arrival.news, strict=True):
            if not is_plainly_good(new):
                check(new, field_of(position), self._contents.data_of(new))


def _drafts(arrival: Arrival, ids: Sequence[str], created_us: int) -> list[Draft]:
    kinds = {name: type_of(name) for name in {new.type for new in arrival.news}}
    return [
        Draft(
            new,
            kinds[new.type],
            ids[position],
            created_us,
            notification_dedupe(new.user_id, new.dedupe_key) if new.dedupe_key else "",
            position,
        )
        for position, new in zip(arrival.positions, arrival.news, strict=True)
    ]


async def _arrived(written: Awaitable[None], drafts: Sequence[Draft]) -> None:
    await written
    await failpoints.reach("notifier.tell.after", (draft.new.type for draft in drafts))


def _counted(accepted: Accepted) -> Outcomes:
    outcomes = accepted.outcomes()
    tally: dict[tuple[str, bool], int] = {}
    for draft in accepted.drafts:
        key = draft.new.type, outcomes.others[draft.position].duplicate
        tally[key] = tally.get(key, 0) + 1
    if accepted.plain:
        for name, count in accepted.plain.tally():
            tally[name, False] = tally.get((name, False), 0) + count
    for (type_, duplicate), count in tally.items():
        _sent(type_, duplicate).inc(count)
    return outcomes


# Found once: finding took longer than counting. It holds what the metric holds anyway.
@cache
def _sent(type_: str, duplicate: bool) -> Any:
    return _SENT.labels(type_, str(duplicate).lower())
