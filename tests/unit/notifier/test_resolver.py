"""The resolver: a table of what decides, and what holds for whatever somebody has set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import EXTERNAL, Action, Channel
from notifier.notification import Notification
from notifier.preferences import (
    DEFAULTS,
    ChannelPreference,
    Digest,
    Preferences,
    QuietHours,
    RateLimit,
    Rule,
    Threshold,
)
from notifier.quiet_hours import Window
from notifier.resolver import Decision, Reason, Situation, Usage, decide, is_told_live, next_digest, resolve
from notifier.types import TYPES, Severity
from tests.unit.notifier.builders import a_notification

NOW = datetime(2026, 11, 27, 17, 30, tzinfo=UTC)  # 23:00 in India
NIGHT = QuietHours("Asia/Kolkata", (Window(22 * 60, 7 * 60),))
MORNING = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)
SOON = NOW + timedelta(seconds=40)
USED = {Channel.EMAIL: Usage(limited_until=SOON)}
GROUPED = {Channel.EMAIL: Usage(grouped_until=SOON)}
FILL = a_notification(data={"instrument": "NSE:TCS-EQ", "config_id": "m1", "amount": "-250.50"})
REJECTED = a_notification(type="ORDER_REJECTED")
LOGIN = a_notification(type="BROKER_LOGIN_FAILED")
UNKNOWN = a_notification(type="ORDER_UNKNOWN", data={"instrument": "NSE:TCS-EQ"})


def situation(**fields: Any) -> Situation:
    return Situation(NOW, **({"endpoints": EXTERNAL} | fields))


def rule(action: Action, *types: str, channels: set[Channel] | None = None) -> Rule:
    return Rule(types, frozenset(channels or ()), action)


@pytest.mark.parametrize(
    ("notification", "preferences", "fields", "action", "reason"),
    [
        (FILL, DEFAULTS, {}, Action.SEND, Reason.DEFAULT),
        (FILL, DEFAULTS, {"endpoints": ()}, Action.SUPPRESS, Reason.NO_ENDPOINT),
        (UNKNOWN, DEFAULTS, {"endpoints": ()}, Action.SUPPRESS, Reason.NO_ENDPOINT),
        (FILL, Preferences(frozenset({"ORDER_EXECUTED"})), {}, Action.SUPPRESS, Reason.TYPE_MUTED),
        (FILL, Preferences(muted_instruments=frozenset({"NSE:TCS-EQ"})), {}, Action.SUPPRESS, Reason.INSTRUMENT_MUTED),
        (FILL, Preferences(muted_config_ids=frozenset({"m1"})), {}, Action.SUPPRESS, Reason.STRATEGY_MUTED),
        (FILL, Preferences(muted_config_ids=frozenset({"m2"})), {}, Action.SEND, Reason.DEFAULT),
        (
            FILL,
            Preferences(channels={Channel.EMAIL: ChannelPreference(off=True)}),
            {},
            Action.SUPPRESS,
            Reason.CHANNEL_OFF,
        ),
        (FILL, Preferences(channels={Channel.SMS: ChannelPreference(off=True)}), {}, Action.SEND, Reason.DEFAULT),
        (
            FILL,
            Preferences(channels={Channel.EMAIL: ChannelPreference(minimum_severity=Severity.WARNING)}),
            {},
            Action.SUPPRESS,
            Reason.BELOW_SEVERITY,
        ),
        (
            FILL,  # a rule is said on purpose: it stands above the channel's floor
            Preferences(
                channels={Channel.EMAIL: ChannelPreference(minimum_severity=Severity.WARNING)},
                rules=(rule(Action.SEND, "ORDER_EXECUTED"),),
            ),
            {},
            Action.SEND,
            Reason.RULE,
        ),
        (
            FILL,
            Preferences(rules=(rule(Action.SUPPRESS, "ORDER_*", channels={Channel.SMS}),)),
            {},
            Action.SEND,
            Reason.DEFAULT,
        ),
        (FILL, Preferences(rules=(rule(Action.SUPPRESS, "ORDER_*"),)), {}, Action.SUPPRESS, Reason.RULE),
        (
            FILL,
            Preferences(rules=(rule(Action.SEND, "ORDER_EXECUTED"), rule(Action.SUPPRESS, "ORDER_*"))),
            {},
            Action.SEND,
            Reason.RULE,
        ),
        (FILL, Preferences(rules=(rule(Action.DIGEST, "*"),)), {}, Action.DIGEST, Reason.RULE),
        (
            FILL,
            Preferences(thresholds=(Threshold("ORDER_*", "amount", Decimal(251)),)),
            {},
            Action.SUPPRESS,
            Reason.BELOW_THRESHOLD,
        ),
        (
            FILL,
            Preferences(thresholds=(Threshold("ORDER_*", "amount", Decimal("250.50")),)),
            {},
            Action.SEND,
            Reason.DEFAULT,
        ),
        (
            FILL,
            Preferences(thresholds=(Threshold("ORDER_*", "nothing", Decimal(251)),)),
            {},
            Action.SEND,
            Reason.DEFAULT,
        ),
        (FILL, Preferences(quiet_hours=NIGHT), {}, Action.DEFER, Reason.QUIET_HOURS),
        (LOGIN, Preferences(quiet_hours=NIGHT), {}, Action.SEND, Reason.DEFAULT),
        (
            LOGIN,
            Preferences(quiet_hours=QuietHours("Asia/Kolkata", NIGHT.windows, hold_critical=True)),
            {},
            Action.DEFER,
            Reason.QUIET_HOURS,
        ),
        (
            FILL,
            Preferences(quiet_hours=QuietHours("Asia/Kolkata", NIGHT.windows, discard=True)),
            {},
            Action.SUPPRESS,
            Reason.QUIET_HOURS,
        ),
        (FILL, DEFAULTS, {"usage": USED}, Action.DIGEST, Reason.RATE_LIMIT),
        (FILL, DEFAULTS, {"usage": GROUPED}, Action.DIGEST, Reason.GROUPED),
        (FILL, Preferences(quiet_hours=NIGHT), {"usage": USED}, Action.DEFER, Reason.QUIET_HOURS),
        (
            UNKNOWN,
            Preferences(
                frozenset({"ORDER_UNKNOWN"}),
                muted_instruments=frozenset({"NSE:TCS-EQ"}),
                channels={Channel.EMAIL: ChannelPreference(off=True)},
                rules=(rule(Action.SUPPRESS, "*"),),
                quiet_hours=QuietHours("Asia/Kolkata", NIGHT.windows, hold_critical=True, discard=True),
            ),
            {"usage": USED},
            Action.SEND,
            Reason.MUST_ACKNOWLEDGE,
        ),
        (UNKNOWN, DEFAULTS, {"opening": {Channel.SMS}}, Action.DEFER, Reason.ESCALATION),
        (UNKNOWN, DEFAULTS, {"usage": GROUPED}, Action.DIGEST, Reason.GROUPED),
    ],
)
def test_the_first_thing_that_applies_decides(
    notification: Notification, preferences: Preferences, fields: dict[str, Any], action: Action, reason: Reason
) -> None:
    decision = decide(notification, preferences, Channel.EMAIL, situation(**fields))
    assert (decision.action, decision.reason) == (action, reason)


def test_what_waits_says_until_when() -> None:
    quiet = decide(FILL, Preferences(quiet_hours=NIGHT), Channel.EMAIL, situation())
    assert quiet == Decision(Channel.EMAIL, Action.DEFER, Reason.QUIET_HOURS, MORNING)
    assert decide(FILL, DEFAULTS, Channel.EMAIL, situation(usage=USED)).until == SOON
    digested = decide(FILL, Preferences(rules=(rule(Action.DIGEST, "*"),)), Channel.EMAIL, situation())
    assert digested.until == datetime(2026, 11, 27, 18, tzinfo=UTC)


def test_live_knows_no_gate_and_no_digest() -> None:
    quiet = Preferences(quiet_hours=NIGHT, rules=(rule(Action.DIGEST, "ORDER_CANCELLED"),))
    assert decide(FILL, quiet, Channel.LIVE, situation()).action is Action.SEND
    assert decide(a_notification(type="ORDER_CANCELLED"), quiet, Channel.LIVE, situation()).action is Action.SUPPRESS


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (Digest(60), "2026-11-27T18:00+00:00"),
        (Digest(7), "2026-11-27T17:37+00:00"),
        (Digest(1440), "2026-11-28T00:00+00:00"),
        (Digest(at_minutes=(9 * 60, 18 * 60), time_zone="Asia/Kolkata"), "2026-11-28T03:30+00:00"),
        (Digest(at_minutes=(23 * 60,), time_zone="Asia/Kolkata"), "2026-11-28T17:30+00:00"),
    ],
)
def test_the_next_digest_is_after_now(digest: Digest, expected: str) -> None:
    assert next_digest(digest, NOW) == datetime.fromisoformat(expected)


types = st.sampled_from([*TYPES, "CUSTOM_NOTE"])
channels = st.sampled_from(Channel)
patterns = st.one_of(types, st.sampled_from(["*", "ORDER_*", "STRATEGY_*", "CUSTOM_*"]))
instruments = st.sampled_from(["NSE:TCS-EQ", "NSE:INFY-EQ"])
minutes = st.integers(0, 1439)
some_windows = st.builds(Window, minutes, minutes, st.frozensets(st.integers(1, 7), min_size=1, max_size=6))
preferences = st.builds(
    Preferences,
    muted_types=st.frozensets(types),
    minimum_severity=st.sampled_from(Severity),
    channels=st.dictionaries(channels, st.builds(ChannelPreference, st.booleans(), st.sampled_from(Severity))),
    rules=st.lists(
        st.builds(
            Rule,
            st.lists(patterns, min_size=1, max_size=2).map(tuple),
            st.frozensets(channels, max_size=2),
            st.sampled_from([Action.SEND, Action.DIGEST, Action.SUPPRESS]),
        ),
        max_size=3,
    ).map(tuple),
    muted_instruments=st.frozensets(instruments),
    thresholds=st.lists(
        st.builds(Threshold, patterns, st.just("amount"), st.decimals(1, 1000, places=2)), max_size=2
    ).map(tuple),
    quiet_hours=st.none()
    | st.builds(
        QuietHours,
        st.sampled_from(["Asia/Kolkata", "Europe/London"]),
        st.lists(some_windows, min_size=1, max_size=2).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    rate_limits=st.just((RateLimit(None, 1, 60),)),
)
notifications = st.builds(
    lambda type_, instrument, amount: a_notification(type=type_, data={"instrument": instrument, "amount": amount}),
    types,
    instruments,
    st.integers(-2000, 2000),
)
usages = st.dictionaries(channels, st.builds(Usage, st.none() | st.just(SOON), st.none() | st.just(SOON)))
situations = st.builds(
    Situation,
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    st.frozensets(st.sampled_from(sorted(EXTERNAL))),
    usages,
    st.frozensets(channels),
)


@given(notifications, preferences, situations)
def test_whatever_is_set_these_hold(notification: Notification, preferences: Preferences, situation: Situation) -> None:
    decisions = resolve(notification, preferences, situation)
    assert [decision.channel for decision in decisions] == list(Channel)
    for decision in decisions:
        waits = decision.action in (Action.DEFER, Action.DIGEST) and decision.reason is not Reason.ESCALATION
        assert (decision.until is not None) == waits
        assert (
            decision.until is None
            or decision.until > situation.now
            or decision.reason
            in (
                Reason.RATE_LIMIT,
                Reason.GROUPED,
            )
        )
        if decision.channel is not Channel.LIVE and decision.channel not in situation.endpoints:
            assert decision.reason is Reason.NO_ENDPOINT
        elif notification.must_acknowledge:
            # Never suppressed, never held by quiet hours or a limit.
            assert decision.action is not Action.SUPPRESS
            assert decision.reason in (Reason.MUST_ACKNOWLEDGE, Reason.ESCALATION, Reason.GROUPED)
        elif notification.type in preferences.muted_types:
            assert decision.action is Action.SUPPRESS
    live = decisions[0]
    assert (live.action is Action.SEND) == is_told_live(notification, preferences)
    assert live.action in (Action.SEND, Action.SUPPRESS)
