"""What makes a new notification acceptable, and whom it is told to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from notifier import preference_limits
from notifier.access import recipient, settings_owner
from notifier.notification import NewNotification, check, is_plainly_good
from notifier.preferences import DEFAULTS, Preferences
from notifier.resolver import is_told_live
from notifier.types import Severity
from tests.unit.notifier.builders import a_notification
from tradewinds.auth import Principal
from tradewinds.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError

GOOD = NewNotification("alice", "ORDER_EXECUTED", "bought")


def test_a_good_one_passes() -> None:
    check(GOOD)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", " "),
        ("title", "x" * 201),
        ("title", "bought\r\nBcc: mallory@example.com"),
        ("message", "x" * 4001),
        ("message", "a\x00b"),
        ("dedupe_key", "x" * 201),
        ("user_id", "x" * 129),
        ("data", {"document": "x" * 9000}),
        ("data", {"deep": [{"er": "a\x00b"}]}),
        ("data", {"a\x00b": 1}),
        ("ttl_seconds", -1),
        ("ttl_seconds", 10**9),
    ],
)
def test_a_bad_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        check(msgspec.structs.replace(GOOD, **{field: value}), "requests[2].")
    content = b"x" * (9_000 if "document" in str(value) else 1)
    assert not is_plainly_good(msgspec.structs.replace(GOOD, **{field: value}, content=content))
    assert [violation.field for violation in refused.value.violations] == [f"requests[2].{field}"]


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        check(msgspec.structs.replace(GOOD, title="", message="x" * 5000))
    assert {violation.field for violation in refused.value.violations} == {"title", "message"}


def test_a_muted_type_is_not_told() -> None:
    muted = Preferences(frozenset({"ORDER_EXECUTED"}))
    assert is_told_live(a_notification(), DEFAULTS)
    assert not is_told_live(a_notification(), muted)
    assert is_told_live(a_notification(type="ORDER_REJECTED"), muted)


def test_nothing_below_the_minimum_severity_is_told() -> None:
    warnings = Preferences(minimum_severity=Severity.WARNING)
    assert not is_told_live(a_notification(type="ORDER_EXECUTED"), warnings)
    assert is_told_live(a_notification(type="ORDER_REJECTED"), warnings)
    assert is_told_live(a_notification(type="ORDER_UNKNOWN"), warnings)


def test_a_misspelt_type_cannot_be_muted() -> None:
    preference_limits.check_muted(["ORDER_EXECUTED", "CUSTOM_LUNCH"])
    with pytest.raises(InvalidArgumentError) as refused:
        preference_limits.check_muted(["ORDER_EXECUTED", "ORDER_EXECUTE"])
    assert refused.value.violations[0].field == "settings.muted_types[1]"


def test_only_services_operators_and_admins_tell_somebody_else() -> None:
    trader, operator = Principal("alice", frozenset({"trader"})), Principal("olga", frozenset({"operator"}))
    assert recipient(trader, "", "user_id") == "alice"
    assert recipient(trader, "alice", "user_id") == "alice"
    assert recipient(operator, "alice", "user_id") == "alice"
    with pytest.raises(PermissionDeniedError, match=r"requests\[0\].user_id"):
        recipient(trader, "bob", "requests[0].user_id")


def test_another_users_settings_are_not_found() -> None:
    trader, admin = Principal("alice", frozenset({"trader"})), Principal("ann", frozenset({"admin"}))
    assert settings_owner(trader, "me") == "alice"
    assert settings_owner(admin, "alice") == "alice"
    with pytest.raises(NotFoundError):
        settings_owner(trader, "bob")
    with pytest.raises(InvalidArgumentError):
        settings_owner(trader, "")
