"""What a user wants to be told, where and when. Nothing here decides what is kept.

These are also the form in which settings are stored, so that a field that older rows lack has its default.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from notifier.channels import Action, Channel
from notifier.quiet_hours import Window
from notifier.types import Severity

DEFAULT_GROUPING_SECONDS: Final = 60


class ChannelPreference(msgspec.Struct, frozen=True):
    """What holds for a whole channel."""

    off: bool = False
    minimum_severity: Severity = Severity.INFO


class Rule(msgspec.Struct, frozen=True):
    """What is done with some types on some channels (all when empty); a type that ends in * matches all that begin so."""

    types: tuple[str, ...]
    channels: frozenset[Channel]
    action: Action


class Threshold(msgspec.Struct, frozen=True):
    """Nothing is told whose number `data[field]` is smaller than `minimum`, whatever its sign."""

    type: str
    field: str
    minimum: Decimal


class QuietHours(msgspec.Struct, frozen=True):
    """When external channels are silent."""

    time_zone: str
    windows: tuple[Window, ...]
    hold_critical: bool = False
    discard: bool = False


class Digest(msgspec.Struct, frozen=True):
    """Every so many minutes since midnight UTC, or at minutes of the local day."""

    every_minutes: int = 60
    at_minutes: tuple[int, ...] = ()
    time_zone: str = "UTC"


class RateLimit(msgspec.Struct, frozen=True):
    """At most `count` messages in `seconds`, on one channel or (None) on each."""

    channel: Channel | None
    count: int
    seconds: int


class Step(msgspec.Struct, frozen=True):
    """Whom an escalation tells so long after the notification: `user_id`, or its own user when empty; on all channels when empty."""

    after_seconds: int
    user_id: str = ""
    channels: frozenset[Channel] = frozenset()


class Preferences(msgspec.Struct, frozen=True):
    """One user's; the defaults tell everything."""

    muted_types: frozenset[str] = frozenset()
    minimum_severity: Severity = Severity.INFO
    channels: dict[Channel, ChannelPreference] = {}
    rules: tuple[Rule, ...] = ()
    muted_instruments: frozenset[str] = frozenset()
    muted_config_ids: frozenset[str] = frozenset()
    thresholds: tuple[Threshold, ...] = ()
    quiet_hours: QuietHours | None = None
    digest: Digest = Digest()
    rate_limits: tuple[RateLimit, ...] = ()
    escalation: tuple[Step, ...] = ()
    locale: str = ""
    grouping_seconds: int = DEFAULT_GROUPING_SECONDS
    reduce_only_accounts: frozenset[str] = frozenset()

    def of_channel(self, channel: Channel) -> ChannelPreference:
        """What holds for the whole channel; LIVE has its floor in the old place."""
        if channel is Channel.LIVE:
            known = self.channels.get(channel, _UNSAID)
            return ChannelPreference(known.off, max(known.minimum_severity, self.minimum_severity))
        return self.channels.get(channel, _UNSAID)


_UNSAID: Final = ChannelPreference()
DEFAULTS: Final = Preferences()


def matches(pattern: str, type_: str) -> bool:
    """Whether a type, or a beginning of types with *, means `type_`."""
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern
