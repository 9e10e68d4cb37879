"""The links that stop mails of a kind, and what they do to settings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from notifier.channels import Action, Channel
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Message
from notifier.delivery.unsubscribe import UnsubscribeLinks, Unsubscription
from notifier.preference_limits import MAXIMUM_ENTRIES
from notifier.preferences import DEFAULTS, Preferences, Rule
from notifier.resolver import Reason, Situation, decide
from notifier.types import Severity
from notifier.unsubscribing import without_mail
from tests.unit.notifier.builders import a_notification
from tradewinds.errors import InvalidArgumentError

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
LINKS = UnsubscribeLinks(bytes(range(32)), "https://tradewinds.example.com/")
ENDPOINT = Endpoint(endpoint_id="nep-1", user_id="alice", channel=Channel.EMAIL, address="alice@example.com")
MESSAGE = Message(
    delivery_id="dlv-1",
    notification_id="ntf-1",
    type="ORDER_EXECUTED",
    severity=Severity.INFO,
    title="bought",
    body="",
    data={},
    created_at=NOW,
    expires_at=NOW,
    told_user_id="alice",
    stops="ORDER_EXECUTED",
)


def _token(message: Message) -> str:
    return LINKS.headers(message, ENDPOINT)["List-Unsubscribe"].partition("token=")[2].rstrip(">")


def test_a_link_says_who_wants_no_more_of_what_and_shows_it_to_nobody() -> None:
    headers = LINKS.headers(MESSAGE, ENDPOINT)
    assert headers["List-Unsubscribe"].startswith("<https://tradewinds.example.com/v1/unsubscribe?token=")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "alice" not in headers["List-Unsubscribe"]
    assert LINKS.read(_token(MESSAGE)) == Unsubscription("alice", "ORDER_EXECUTED")
    assert LINKS.read(_token(replace(MESSAGE, stops="*"))) == Unsubscription("alice", "*")


@pytest.mark.parametrize("stops", ["", "ORDER_UNKNOWN"])
def test_what_must_come_has_no_link(stops: str) -> None:
    assert LINKS.headers(replace(MESSAGE, stops=stops), ENDPOINT) == {}


def test_nobody_makes_a_link_but_we() -> None:
    real = _token(MESSAGE)
    for token in ("", "x", "AQ", "é", real[:-4], real[:20] + ("A" if real[20] != "A" else "B") + real[21:]):
        with pytest.raises(InvalidArgumentError, match="not from one of our mails"):
            LINKS.read(token)
    with pytest.raises(InvalidArgumentError, match="not from one of our mails"):
        UnsubscribeLinks(bytes(32), "https://x").read(real)


def test_what_was_stopped_is_stopped_whatever_other_rules_say_and_only_by_mail() -> None:
    before = Preferences(rules=(Rule(("ORDER_*",), frozenset(), Action.SEND),), grouping_seconds=7)
    after = without_mail(before, "ORDER_EXECUTED")
    assert (after.rules[1:], after.grouping_seconds) == (before.rules, 7)
    assert without_mail(after, "ORDER_EXECUTED") is after
    situation = Situation(NOW, endpoints=(Channel.EMAIL, Channel.SMS))
    decisions = {c: decide(a_notification(), after, c, situation) for c in (Channel.LIVE, Channel.EMAIL, Channel.SMS)}
    assert [one.action for one in decisions.values()] == [Action.SEND, Action.SUPPRESS, Action.SEND]
    assert decisions[Channel.EMAIL].reason is Reason.RULE
    everything = without_mail(DEFAULTS, "*")
    assert decide(a_notification(), everything, Channel.EMAIL, situation).action is Action.SUPPRESS
    urgent = a_notification(type="ORDER_UNKNOWN")
    assert decide(urgent, everything, Channel.EMAIL, situation).action is Action.SEND


def test_settings_without_room_say_so() -> None:
    full = Preferences(rules=(Rule(("ORDER_EXECUTED",), frozenset({Channel.SMS}), Action.SEND),) * MAXIMUM_ENTRIES)
    with pytest.raises(InvalidArgumentError, match=r"settings\.rules"):
        without_mail(full, "ORDER_REJECTED")
