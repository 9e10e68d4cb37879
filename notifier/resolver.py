"""The one resolver: what is done with a notification on each channel, and why. Pure; whoever calls it brings the moment.

The first thing that applies decides, in this order: nowhere to send → must-acknowledge (passes everything below) → mutes → rules →
the channel's switch and floor → thresholds. What would be sent then passes the gates: quiet hours → rate limits → grouping.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from notifier.channels import Action, Channel
from notifier.notification import Notification
from notifier.preferences import DEFAULTS, Digest, Preferences, matches
from notifier.quiet_hours import instant, quiet_until
from notifier.types import Severity


class Reason(StrEnum):
    """Why; these words are in answers, rows and metrics."""

    DEFAULT = "DEFAULT"
    MUST_ACKNOWLEDGE = "MUST_ACKNOWLEDGE"
    NO_ENDPOINT = "NO_ENDPOINT"
    TYPE_MUTED = "TYPE_MUTED"
    INSTRUMENT_MUTED = "INSTRUMENT_MUTED"
    STRATEGY_MUTED = "STRATEGY_MUTED"
    RULE = "RULE"
    CHANNEL_OFF = "CHANNEL_OFF"
    BELOW_SEVERITY = "BELOW_SEVERITY"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    QUIET_HOURS = "QUIET_HOURS"
    RATE_LIMIT = "RATE_LIMIT"
    GROUPED = "GROUPED"
    ESCALATION = "ESCALATION"


@dataclass(frozen=True)
class Decision:
    """What is done on one channel; `until` says how long DEFER and DIGEST wait."""

    channel: Channel
    action: Action
    reason: Reason
    until: datetime | None = None


@dataclass(frozen=True)
class Usage:
    """What the counters say of a message that would be sent now: until when a limit is used up, and until when its type is grouped."""

    limited_until: datetime | None = None
    grouped_until: datetime | None = None


@dataclass(frozen=True)
class Situation:
    """The world at the moment of deciding. `opening` are the channels on which an escalation begins."""

    now: datetime
    endpoints: Collection[Channel] = ()
    usage: Mapping[Channel, Usage] = field(default_factory=dict)
    opening: Collection[Channel] = frozenset(Channel)


_UNUSED: Final = Usage()


def resolve(notification: Notification, preferences: Preferences, situation: Situation) -> list[Decision]:
    """One decision for each channel, LIVE first."""
    return [decide(notification, preferences, channel, situation) for channel in Channel]


def decide(notification: Notification, preferences: Preferences, channel: Channel, situation: Situation) -> Decision:
    """What is done with `notification` on `channel`."""
    if channel is not Channel.LIVE and channel not in situation.endpoints:
        return Decision(channel, Action.SUPPRESS, Reason.NO_ENDPOINT)
    if notification.must_acknowledge:
        return _urgent(channel, situation)
    wanted = _wanted(notification, preferences, channel)
    if channel is Channel.LIVE or wanted.action is Action.SUPPRESS:
        return _at_once(wanted)
    if wanted.action is Action.DIGEST:
        return Decision(channel, Action.DIGEST, wanted.reason, next_digest(preferences.digest, situation.now))
    return _through_the_gates(wanted, notification, preferences, situation)


def is_told_live(notification: Notification, preferences: Preferences) -> bool:
    """Whether `notification` goes to the user's live subscribers, to whom no gate applies."""
    if preferences is DEFAULTS or notification.must_acknowledge:
        return True
    return _at_once(_wanted(notification, preferences, Channel.LIVE)).action is Action.SEND


def _at_once(decision: Decision) -> Decision:
    """A stream knows no digest: who wants one there does not want it now."""
    if decision.channel is Channel.LIVE and decision.action is not Action.SEND:
        return Decision(decision.channel, Action.SUPPRESS, decision.reason)
    return decision


def _urgent(channel: Channel, situation: Situation) -> Decision:
    """Never suppressed; a channel of a later step waits for that step. The next ones of a burst are told together."""
    if channel not in situation.opening and channel is not Channel.LIVE:
        return Decision(channel, Action.DEFER, Reason.ESCALATION)
    grouped = situation.usage.get(channel, _UNUSED).grouped_until
    if grouped is not None and channel is not Channel.LIVE:
        return Decision(channel, Action.DIGEST, Reason.GROUPED, grouped)
    return Decision(channel, Action.SEND, Reason.MUST_ACKNOWLEDGE)


def _wanted(notification: Notification, preferences: Preferences, channel: Channel) -> Decision:
    """What the user wants on the channel, whatever the hour."""
    if (mute := _muted(notification, preferences)) is not None:
        return Decision(channel, Action.SUPPRESS, mute)
    known = preferences.of_channel(channel)
    if known.off:
        return Decision(channel, Action.SUPPRESS, Reason.CHANNEL_OFF)
    for rule in preferences.rules:
        if (not rule.channels or channel in rule.channels) and any(matches(t, notification.type) for t in rule.types):
            return Decision(channel, rule.action, Reason.RULE)
    if notification.severity < known.minimum_severity:
        return Decision(channel, Action.SUPPRESS, Reason.BELOW_SEVERITY)
    if _is_small(notification, preferences):
        return Decision(channel, Action.SUPPRESS, Reason.BELOW_THRESHOLD)
    return Decision(channel, Action.SEND, Reason.DEFAULT)


def _muted(notification: Notification, preferences: Preferences) -> Reason | None:
    if notification.type in preferences.muted_types:
        return Reason.TYPE_MUTED
    if preferences.muted_instruments and notification.data.get("instrument") in preferences.muted_instruments:
        return Reason.INSTRUMENT_MUTED
    if preferences.muted_config_ids and notification.data.get("config_id") in preferences.muted_config_ids:
        return Reason.STRATEGY_MUTED
    return None


def _is_small(notification: Notification, preferences: Preferences) -> bool:
    for threshold in preferences.thresholds:
        if matches(threshold.type, notification.type):
            number = _number(notification.data.get(threshold.field))
            if number is not None and abs(number) < threshold.minimum:
                return True
    return False


def _number(value: Any) -> Decimal | None:
    """What is no number has no size: it is told."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _through_the_gates(
    wanted: Decision, notification: Notification, preferences: Preferences, situation: Situation
) -> Decision:
    quiet = preferences.quiet_hours
    if quiet is not None and (notification.severity < Severity.CRITICAL or quiet.hold_critical):
        until = quiet_until(quiet.windows, ZoneInfo(quiet.time_zone), situation.now)
        if until is not None:
            action = Action.SUPPRESS if quiet.discard else Action.DEFER
            return Decision(wanted.channel, action, Reason.QUIET_HOURS, None if quiet.discard else until)
    used = situation.usage.get(wanted.channel, _UNUSED)
    if used.limited_until is not None:
        return Decision(wanted.channel, Action.DIGEST, Reason.RATE_LIMIT, used.limited_until)
    if used.grouped_until is not None:
        return Decision(wanted.channel, Action.DIGEST, Reason.GROUPED, used.grouped_until)
    return wanted


def next_digest(digest: Digest, now: datetime) -> datetime:
    """The first digest after `now`."""
    if digest.at_minutes:
        zone = ZoneInfo(digest.time_zone)
        today = now.astimezone(zone).date()
        return min(at for at in _digests_around(digest, zone, today) if at > now)
    every = timedelta(minutes=digest.every_minutes)
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + ((now - midnight) // every + 1) * every


def _digests_around(digest: Digest, zone: ZoneInfo, today: date) -> list[datetime]:
    days = (today, today + timedelta(days=1), today + timedelta(days=2))
    return [instant(zone, day, minute) for day in days for minute in digest.at_minutes]
