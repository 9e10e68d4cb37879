"""Settings, rules and decisions: proto ⇄ domain."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from google.protobuf import timestamp_pb2

from notifier.channels import Action, Channel
from notifier.delivery.endpoints import Endpoint
from notifier.preference_limits import zone_of
from notifier.preferences import (
    ChannelPreference,
    Digest,
    Preferences,
    QuietHours,
    RateLimit,
    Rule,
    Step,
    Threshold,
)
from notifier.quiet_hours import Window
from notifier.types import Severity
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import notifier_pb2 as pb

_CHANNEL = "NOTIFICATION_CHANNEL_"
_ACTION = "NOTIFICATION_ACTION_"
_DEFAULT_ZONE = "Asia/Kolkata"


def channel_of(number: int, field: str) -> Channel:
    """The channel that a number of the contract means."""
    name = pb.NotificationChannel.Name(number) if number in pb.NotificationChannel.values() else ""
    if not name or number == pb.NOTIFICATION_CHANNEL_UNSPECIFIED:
        raise InvalidArgumentError.field(field, f"is not a channel; use one of {', '.join(Channel)}")
    return Channel(name.removeprefix(_CHANNEL))


def channel_number(channel: Channel) -> Any:
    """A channel's number in the contract."""
    return pb.NotificationChannel.Value(f"{_CHANNEL}{channel}")


def action_number(action: Action) -> Any:
    """An action's number in the contract."""
    return pb.NotificationAction.Value(f"{_ACTION}{action}")


def severity_of(number: int, field: str) -> Severity:
    """The severity that a number of the contract means; unspecified is INFO."""
    try:
        return Severity(number or Severity.INFO)
    except ValueError as e:
        raise InvalidArgumentError.field(field, f"{number} is not a severity; use 1, 2 or 3") from e


def moment(value: datetime) -> timestamp_pb2.Timestamp:
    """A time as the contract has it."""
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(value)
    return stamp


def settings_message(user_id: str, preferences: Preferences) -> pb.NotificationSettings:
    """A user's settings."""
    message = pb.NotificationSettings(
        user_id=user_id,
        muted_types=sorted(preferences.muted_types),
        minimum_severity=_number(preferences.minimum_severity),
        channels=[
            pb.ChannelSettings(channel=channel_number(c), off=p.off, minimum_severity=_number(p.minimum_severity))
            for c, p in preferences.channels.items()
        ],
        rules=[
            pb.NotificationRule(types=r.types, channels=_numbers(r.channels), action=action_number(r.action))
            for r in preferences.rules
        ],
        muted_instruments=sorted(preferences.muted_instruments),
        muted_config_ids=sorted(preferences.muted_config_ids),
        thresholds=[
            pb.NotificationThreshold(type=t.type, field=t.field, minimum=format(t.minimum, "f"))
            for t in preferences.thresholds
        ],
        rate_limits=[
            pb.NotificationRateLimit(
                channel=channel_number(limit.channel) if limit.channel else None,
                count=limit.count,
                seconds=limit.seconds,
            )
            for limit in preferences.rate_limits
        ],
        escalation=[
            pb.EscalationStep(after_seconds=s.after_seconds, user_id=s.user_id, channels=_numbers(s.channels))
            for s in preferences.escalation
        ],
        locale=preferences.locale,
        grouping_seconds=preferences.grouping_seconds,
        reduce_only_accounts=sorted(preferences.reduce_only_accounts),
    )
    if (quiet := preferences.quiet_hours) is not None:
        message.quiet_hours.CopyFrom(_quiet_hours_message(quiet))
    if preferences.digest != Digest():
        digest = preferences.digest
        every = 0 if digest.at_minutes else digest.every_minutes
        message.digest.CopyFrom(
            pb.Digest(every_minutes=every, at=map(_clock, digest.at_minutes), time_zone=digest.time_zone)
        )
    return message


def _number(severity: Severity) -> Any:
    return severity.value


def _numbers(channels: Iterable[Channel]) -> list[Any]:
    return sorted(channel_number(channel) for channel in channels)


def _quiet_hours_message(quiet: QuietHours) -> pb.QuietHours:
    windows = [
        pb.QuietWindow(weekdays=sorted(w.weekdays), start=_clock(w.start_minute), end=_clock(w.end_minute))
        for w in quiet.windows
    ]
    return pb.QuietHours(
        time_zone=quiet.time_zone, windows=windows, hold_critical=quiet.hold_critical, discard=quiet.discard
    )


def preferences_of(message: pb.NotificationSettings) -> Preferences:
    """The preferences in a settings message; what is wrong in single values is refused here, what is wrong together in their limits."""
    return Preferences(
        muted_types=frozenset(message.muted_types),
        minimum_severity=severity_of(message.minimum_severity, "settings.minimum_severity"),
        channels=dict(_channel(c, f"settings.channels[{i}]") for i, c in enumerate(message.channels)),
        rules=tuple(_rule(r, f"settings.rules[{i}]") for i, r in enumerate(message.rules)),
        muted_instruments=frozenset(message.muted_instruments),
        muted_config_ids=frozenset(message.muted_config_ids),
        thresholds=tuple(_threshold(t, f"settings.thresholds[{i}]") for i, t in enumerate(message.thresholds)),
        quiet_hours=_quiet_hours(message.quiet_hours) if message.HasField("quiet_hours") else None,
        digest=_digest(message.digest) if message.HasField("digest") else Digest(),
        rate_limits=tuple(_limit(one, f"settings.rate_limits[{i}]") for i, one in enumerate(message.rate_limits)),
        escalation=tuple(
            Step(s.after_seconds, s.user_id, _channels(s.channels, f"settings.escalation[{i}].channels"))
            for i, s in enumerate(message.escalation)
        ),
        locale=message.locale,
        reduce_only_accounts=frozenset(message.reduce_only_accounts),
        **({"grouping_seconds": message.grouping_seconds} if message.HasField("grouping_seconds") else {}),
    )


def _channel(message: pb.ChannelSettings, field: str) -> tuple[Channel, ChannelPreference]:
    severity = severity_of(message.minimum_severity, f"{field}.minimum_severity")
    return channel_of(message.channel, f"{field}.channel"), ChannelPreference(message.off, severity)


def _channels(numbers: Iterable[int], field: str) -> frozenset[Channel]:
    return frozenset(channel_of(number, f"{field}[{i}]") for i, number in enumerate(numbers))


def _rule(message: pb.NotificationRule, field: str) -> Rule:
    if message.action not in pb.NotificationAction.values() or not message.action:
        raise InvalidArgumentError.field(f"{field}.action", "is missing; use SEND, DIGEST or SUPPRESS")
    action = Action(pb.NotificationAction.Name(message.action).removeprefix(_ACTION))
    return Rule(tuple(message.types), _channels(message.channels, f"{field}.channels"), action)


def _threshold(message: pb.NotificationThreshold, field: str) -> Threshold:
    try:
        minimum = Decimal(message.minimum)
    except InvalidOperation as e:
        raise InvalidArgumentError.field(f"{field}.minimum", f"{message.minimum!r} is not a decimal number") from e
    return Threshold(message.type, message.field, minimum)


def _quiet_hours(message: pb.QuietHours) -> QuietHours:
    zone_of(message.time_zone, "settings.quiet_hours.time_zone")
    windows = tuple(_window(w, f"settings.quiet_hours.windows[{i}]") for i, w in enumerate(message.windows))
    return QuietHours(message.time_zone, windows, message.hold_critical, message.discard)


def _window(message: pb.QuietWindow, field: str) -> Window:
    start, end = _minute(message.start, f"{field}.start"), _minute(message.end, f"{field}.end")
    return Window(start, end, frozenset(message.weekdays))


def _digest(message: pb.Digest) -> Digest:
    zone = message.time_zone or _DEFAULT_ZONE
    zone_of(zone, "settings.digest.time_zone")
    if message.every_minutes and message.at:
        raise InvalidArgumentError.field("settings.digest", "has both every_minutes and at; give one of them")
    at = tuple(sorted(_minute(text, f"settings.digest.at[{i}]") for i, text in enumerate(message.at)))
    if at:
        return Digest(at_minutes=at, time_zone=zone)
    return Digest(every_minutes=message.every_minutes)


def _limit(message: pb.NotificationRateLimit, field: str) -> RateLimit:
    channel = channel_of(message.channel, f"{field}.channel") if message.channel else None
    return RateLimit(channel, message.count, message.seconds)


def _minute(text: str, field: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not (colon and len(hours) == 2 and len(minutes) == 2 and hours.isdecimal() and minutes.isdecimal()):
        raise InvalidArgumentError.field(field, f"{text!r} is not a time; write it like 22:30")
    if int(minutes) > 59 or int(hours) * 60 + int(minutes) > 24 * 60:
        raise InvalidArgumentError.field(field, f"{text!r} is not a time of a day, which ends at 24:00")
    return int(hours) * 60 + int(minutes)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def endpoint_of(message: pb.NotificationEndpoint, endpoint_id: str, user_id: str) -> Endpoint:
    """A new endpoint of `user_id`, unchecked."""
    given = {"secret": message.secret, "p256dh": message.p256dh, "auth": message.auth}
    return Endpoint(
        endpoint_id=endpoint_id,
        user_id=user_id,
        channel=channel_of(message.channel, "endpoint.channel"),
        address=message.address.strip(),
        label=message.label,
        secrets={name: value for name, value in given.items() if value},
    )


def endpoint_message(endpoint: Endpoint, *, secret: str = "") -> pb.NotificationEndpoint:
    """An endpoint as callers see it."""
    message = pb.NotificationEndpoint(
        endpoint_id=endpoint.endpoint_id,
        user_id=endpoint.user_id,
        channel=channel_number(endpoint.channel),
        address=endpoint.address,
        label=endpoint.label,
        secret=secret,
        disabled_reason=endpoint.disabled_reason,
    )
    if endpoint.created_at is not None:
        message.created_at.CopyFrom(moment(endpoint.created_at))
    if endpoint.verified_at is not None:
        message.verified_at.CopyFrom(moment(endpoint.verified_at))
    return message
