"""Settings over the wire: what is said comes back, and what is wrong is named."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given

from notifier import preference_limits
from notifier.preferences import Preferences
from notifier.rpc.settings_messages import preferences_of, settings_message
from tests.unit.notifier.test_resolver import preferences
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import notifier_pb2 as pb

FULL: dict[str, Any] = {
    "muted_types": ["STRATEGY_STARTED"],
    "minimum_severity": "SEVERITY_INFO",
    "channels": [{"channel": "NOTIFICATION_CHANNEL_SMS", "minimum_severity": "SEVERITY_CRITICAL"}],
    "rules": [
        {
            "types": ["ORDER_*", "CUSTOM_NOTE"],
            "channels": ["NOTIFICATION_CHANNEL_EMAIL"],
            "action": "NOTIFICATION_ACTION_DIGEST",
        }
    ],
    "muted_instruments": ["NSE:YESBANK-EQ"],
    "muted_config_ids": ["m1"],
    "thresholds": [{"type": "ORDER_EXECUTED", "field": "amount", "minimum": "10000.50"}],
    "quiet_hours": {
        "time_zone": "Asia/Kolkata",
        "windows": [
            {"weekdays": [6, 7], "start": "00:00", "end": "24:00"},
            {"start": "22:00", "end": "07:00"},
        ],
        "hold_critical": True,
    },
    "digest": {"at": ["09:00", "18:30"], "time_zone": "Asia/Kolkata"},
    "rate_limits": [
        {"channel": "NOTIFICATION_CHANNEL_SMS", "count": 5, "seconds": 3600},
        {"count": 100, "seconds": 60},
    ],
    "escalation": [{"channels": ["NOTIFICATION_CHANNEL_TELEGRAM"]}, {"after_seconds": 60, "user_id": "bob"}],
    "locale": "hi-IN",
    "grouping_seconds": 0,
    "reduce_only_accounts": ["ACC1"],
}


def message(**fields: Any) -> pb.NotificationSettings:
    return json_format.ParseDict(fields, pb.NotificationSettings())


def test_what_is_said_comes_back() -> None:
    given = message(**FULL)
    understood = preferences_of(given)
    preference_limits.check(understood)
    again = settings_message("alice", understood)
    assert preferences_of(again) == understood
    assert again.quiet_hours == given.quiet_hours
    assert (again.digest, list(again.rules), list(again.rate_limits)) == (
        given.digest,
        list(given.rules),
        list(given.rate_limits),
    )
    assert again.HasField("grouping_seconds")
    assert again.grouping_seconds == 0


@given(preferences)
def test_any_preferences_survive_the_wire(preferences: Preferences) -> None:
    assert preferences_of(settings_message("alice", preferences)) == preferences


def test_nothing_said_is_the_defaults() -> None:
    assert preferences_of(pb.NotificationSettings()) == Preferences()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("rules[0].types[0]", {"rules": [{"types": ["ORDERS_*"], "action": 1}]}),
        ("rules[0].types", {"rules": [{"action": 1}]}),
        ("rules[0].action", {"rules": [{"types": ["*"]}]}),
        ("rules[0].action", {"rules": [{"types": ["*"], "action": 2}]}),
        ("rules[0].channels[0]", {"rules": [{"types": ["*"], "channels": [99], "action": 1}]}),
        ("channels[0].channel", {"channels": [{"off": True}]}),
        ("thresholds[0].minimum", {"thresholds": [{"type": "*", "field": "a", "minimum": "ten"}]}),
        ("thresholds[0].minimum", {"thresholds": [{"type": "*", "field": "a", "minimum": "NaN"}]}),
        ("thresholds[0].field", {"thresholds": [{"type": "*", "minimum": "1"}]}),
        ("quiet_hours.time_zone", {"quiet_hours": {"time_zone": "Mars/Olympus", "windows": [{"start": "22:00", "end": "07:00"}]}}),
        ("quiet_hours.time_zone", {"quiet_hours": {"time_zone": "../etc/passwd"}}),
        ("quiet_hours.windows", {"quiet_hours": {"time_zone": "UTC"}}),
        ("quiet_hours.windows", {"quiet_hours": {"time_zone": "UTC", "windows": [{"start": "00:00", "end": "24:00"}]}}),
        ("quiet_hours.windows[0].start", {"quiet_hours": {"time_zone": "UTC", "windows": [{"start": "9:00", "end": "24:00"}]}}),
        ("quiet_hours.windows[0].end", {"quiet_hours": {"time_zone": "UTC", "windows": [{"start": "09:00", "end": "24:01"}]}}),
        ("quiet_hours.windows[0].weekdays", {"quiet_hours": {"time_zone": "UTC", "windows": [{"weekdays": [0], "start": "09:00", "end": "10:00"}]}}),  # noqa: E501
        ("digest.every_minutes", {"digest": {}}),
        ("digest", {"digest": {"every_minutes": 5, "at": ["09:00"]}}),
        ("rate_limits[0].count", {"rate_limits": [{"seconds": 60}]}),
        ("rate_limits[0].seconds", {"rate_limits": [{"count": 1}]}),
        ("rate_limits[0].channel", {"rate_limits": [{"channel": 1, "count": 1, "seconds": 1}]}),
        ("escalation[0]", {"escalation": [{"after_seconds": 5}]}),
        ("escalation[1].after_seconds", {"escalation": [{}, {"after_seconds": -1}]}),
        ("grouping_seconds", {"grouping_seconds": 3601}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(field: str, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        preference_limits.check(preferences_of(message(**fields)))
    assert refused.value.violations[0].field == f"settings.{field}"
