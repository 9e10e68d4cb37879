"""What a user wants to be told live. Nothing here decides what is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from notifier.notification import Notification
from notifier.types import Severity, is_known, type_of
from tradewinds.errors import InvalidArgumentError

MAXIMUM_MUTED: Final = 200


@dataclass(frozen=True)
class Preferences:
    """One user's; the defaults tell everything."""

    muted_types: frozenset[str] = frozenset()
    minimum_severity: Severity = Severity.INFO


DEFAULTS: Final = Preferences()


def is_told_live(notification: Notification, preferences: Preferences) -> bool:
    """Whether `notification` goes to the user's live subscribers."""
    return notification.severity >= preferences.minimum_severity and notification.type not in preferences.muted_types


def check(muted_types: list[str]) -> None:
    """Raise `InvalidArgumentError` for a list too long or a type that does not exist: muting a typo would mute nothing."""
    if len(muted_types) > MAXIMUM_MUTED:
        raise InvalidArgumentError.field(
            "settings.muted_types", f"has {len(muted_types)} types, at most {MAXIMUM_MUTED} are allowed"
        )
    for index, name in enumerate(muted_types):
        if not is_known(name):
            type_of(name, f"settings.muted_types[{index}]")
