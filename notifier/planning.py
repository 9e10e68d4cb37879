"""From a notification to what is to be done about it outside: the decisions, the deliveries, the escalation. Nothing is written here."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from notifier.channels import EXTERNAL, Action, Channel
from notifier.escalation_steps import after, opening_channels, steps_of
from notifier.moments import timestamp
from notifier.notification import Notification
from notifier.preference_store import UNKNOWN, Profile
from notifier.preferences import Step
from notifier.resolver import Decision, Reason, Situation, Usage, resolve
from notifier.usage import Ask
from tradewinds.clock import Clock
from tradewinds.ids import IdFactory

DELIVERY_TTL: Final = timedelta(hours=24)
# Quiet hours end for many at once: they are not all called in the same second.
_STAGGER_SECONDS: Final = 30


@dataclass(frozen=True)
class NewDelivery:
    """A message to one endpoint; with a `gather_key` it waits for others until `due_at`."""

    delivery_id: str
    notification_id: str
    user_id: str
    channel: Channel
    endpoint_id: str
    reason: Reason
    gather_key: str
    created_at: datetime
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class NewEscalation:
    """A ladder whose first step is among the deliveries."""

    notification_id: str
    user_id: str
    steps: tuple[Step, ...]
    next_step: int
    due_at: datetime


@dataclass(frozen=True)
class Plan:
    """`decisions` is empty where nothing was to decide: told live, and nowhere else to send."""

    decisions: tuple[Decision, ...] = ()
    deliveries: tuple[NewDelivery, ...] = ()
    escalation: NewEscalation | None = None


NOTHING: Final = Plan()


class Profiles(Protocol):
    """Knows users."""

    async def profiles_of(self, user_ids: set[str]) -> dict[str, Profile]:
        """Never raises; defaults where it does not know."""
        ...


class Counting(Protocol):
    """Counts messages."""

    async def take(self, asks: Sequence[Ask], now: datetime) -> list[Mapping[Channel, Usage]]:
        """What the counters say of one more message on each channel, for each of `asks` in their order. Never raises."""
        ...


@dataclass
class _Draft:
    """A notification on the way to its plan; what would be `sent` is what the counters are asked about."""

    notification: Notification
    profile: Profile
    situation: Situation
    sent: Sequence[Channel] = ()

    def decide(self) -> list[Decision]:
        return resolve(self.notification, self.profile.preferences, self.situation)

    @property
    def ask(self) -> Ask:
        return Ask(self.notification.user_id, self.notification.type, self.profile.preferences, self.sent)


def _draft(notification: Notification, profile: Profile, now: datetime) -> _Draft | None:
    """None where there is nothing to decide."""
    if profile is UNKNOWN and not notification.must_acknowledge:
        return None
    channels = {channel for _, channel in profile.endpoints}
    opening = opening_channels(steps_of(profile.preferences)) if notification.must_acknowledge else EXTERNAL
    draft = _Draft(notification, profile, Situation(now, channels, opening=opening))
    draft.sent = [d.channel for d in draft.decide() if d.action is Action.SEND and d.channel is not Channel.LIVE]
    return draft


class Planner:
    """Decides for a batch of notifications."""

    def __init__(self, profiles: Profiles, counting: Counting, clock: Clock, new_id: IdFactory) -> None:
        self._profiles = profiles
        self._counting = counting
        self._clock = clock
        self._new_id = new_id

    async def plan(self, notifications: Sequence[Notification]) -> list[Plan]:
        """One plan each, in order."""
        profiles = await self._profiles.profiles_of({n.user_id for n in notifications})
        now = self._clock.now()
        drafts = [_draft(n, profiles[n.user_id], now) for n in notifications]
        # Only what would be sent is counted, for all of them at once and in their order.
        counted = [draft for draft in drafts if draft is not None and draft.sent]
        usages = await self._counting.take([draft.ask for draft in counted], now) if counted else []
        for draft, usage in zip(counted, usages, strict=True):
            draft.situation = replace(draft.situation, usage=usage)
        return [self._plan(draft) if draft is not None else NOTHING for draft in drafts]

    def _plan(self, draft: _Draft) -> Plan:
        notification, profile, now = draft.notification, draft.profile, draft.situation.now
        decisions = draft.decide()
        deliveries = [
            self._delivery(notification, decision, endpoint_id, now)
            for decision in decisions
            for endpoint_id, channel in profile.endpoints
            if channel is decision.channel and decision.action is not Action.SUPPRESS and _is_now(decision)
        ]
        return Plan(tuple(decisions), tuple(deliveries), _escalation(notification, profile, now))

    def _delivery(self, notification: Notification, decision: Decision, endpoint_id: str, now: datetime) -> NewDelivery:
        due_at = now if decision.until is None else decision.until + _stagger(endpoint_id, decision)
        return NewDelivery(
            delivery_id=self._new_id("dlv"),
            notification_id=notification.notification_id,
            user_id=notification.user_id,
            channel=decision.channel,
            endpoint_id=endpoint_id,
            reason=decision.reason,
            gather_key=_gather_key(notification, decision),
            created_at=now,
            due_at=due_at,
            expires_at=_expires_at(notification, due_at),
        )


def _expires_at(notification: Notification, due_at: datetime) -> datetime:
    """A day after it could first be sent, or when the notification itself is worth nothing any more."""
    latest = due_at + DELIVERY_TTL
    return latest if notification.expires_us is None else min(latest, timestamp(notification.expires_us))


def _is_now(decision: Decision) -> bool:
    """A later step of an escalation makes its own deliveries."""
    return decision.reason is not Reason.ESCALATION


def _gather_key(notification: Notification, decision: Decision) -> str:
    if decision.action is Action.SEND:
        return ""
    return f"{decision.reason}:{notification.type}" if decision.reason is Reason.GROUPED else decision.reason


def _stagger(endpoint_id: str, decision: Decision) -> timedelta:
    if decision.reason is not Reason.QUIET_HOURS:
        return timedelta(0)
    return timedelta(seconds=zlib.crc32(endpoint_id.encode()) % _STAGGER_SECONDS)


def _escalation(notification: Notification, profile: Profile, now: datetime) -> NewEscalation | None:
    if not notification.must_acknowledge:
        return None
    steps = steps_of(profile.preferences)
    progress = after(steps, 0, now, now)
    if progress.due_at is None:
        return None
    return NewEscalation(notification.notification_id, notification.user_id, steps, progress.next_step, progress.due_at)
