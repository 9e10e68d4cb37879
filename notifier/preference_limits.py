"""What makes preferences acceptable. A typo would mute nothing and silence that never ends would hide everything, so both are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from notifier.channels import EXTERNAL, Action
from notifier.preferences import Digest, Preferences, QuietHours, RateLimit, Step, Threshold
from notifier.quiet_hours import MINUTES_OF_DAY, Window, ever_ends
from notifier.types import TYPES, is_known, type_of
from tradewinds.errors import FieldViolation, InvalidArgumentError

MAXIMUM_MUTED: Final = 200
MAXIMUM_ENTRIES: Final = 50
MAXIMUM_STEPS: Final = 10
MAXIMUM_GROUPING_SECONDS: Final = 3_600
MAXIMUM_AFTER_SECONDS: Final = 24 * 3_600
_A_MONDAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def check_muted(types: Iterable[str]) -> None:
    """Raise `InvalidArgumentError` for a type that does not exist: muting a typo would mute nothing."""
    for index, name in enumerate(types):
        if not is_known(name):
            type_of(name, f"settings.muted_types[{index}]")


def check(preferences: Preferences) -> None:
    """Raise `InvalidArgumentError` with every wrong field of the settings."""
    violations = tuple(FieldViolation(f"settings.{name}", what) for name, what in _problems(preferences))
    if violations:
        first = violations[0]
        raise InvalidArgumentError(f"{first.field}: {first.description}", violations=violations)


def zone_of(name: str, field: str) -> ZoneInfo:
    """The IANA zone `name`; raises `InvalidArgumentError` on `field`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as e:
        raise InvalidArgumentError.field(field, f"{name!r} is not an IANA time zone; use one like Asia/Kolkata") from e


def _problems(preferences: Preferences) -> Iterator[tuple[str, str]]:
    sizes = (
        ("muted_types", preferences.muted_types, MAXIMUM_MUTED),
        ("muted_instruments", preferences.muted_instruments, MAXIMUM_MUTED),
        ("muted_config_ids", preferences.muted_config_ids, MAXIMUM_MUTED),
        ("rules", preferences.rules, MAXIMUM_ENTRIES),
        ("thresholds", preferences.thresholds, MAXIMUM_ENTRIES),
        ("rate_limits", preferences.rate_limits, MAXIMUM_ENTRIES),
        ("escalation", preferences.escalation, MAXIMUM_STEPS),
        ("reduce_only_accounts", preferences.reduce_only_accounts, MAXIMUM_ENTRIES),
    )
    for name, entries, maximum in sizes:
        if len(entries) > maximum:
            yield name, f"has {len(entries)} entries, at most {maximum} are allowed"
    for index, rule in enumerate(preferences.rules):
        yield from _in_types(f"rules[{index}].types", rule.types)
        if rule.action is Action.DEFER:
            yield f"rules[{index}].action", "cannot be DEFER; use SEND, DIGEST or SUPPRESS"
    yield from _in_thresholds(preferences.thresholds)
    yield from _in_quiet_hours(preferences.quiet_hours)
    yield from _in_digest(preferences.digest)
    yield from _in_rate_limits(preferences.rate_limits)
    yield from _in_escalation(preferences.escalation)
    if not 0 <= preferences.grouping_seconds <= MAXIMUM_GROUPING_SECONDS:
        yield "grouping_seconds", f"{preferences.grouping_seconds} is not between 0 and {MAXIMUM_GROUPING_SECONDS}"


def _in_types(field: str, patterns: Iterable[str]) -> Iterator[tuple[str, str]]:
    patterns = tuple(patterns)
    if not patterns:
        yield field, "is empty; name a type, or a beginning with *, such as ORDER_*"
    for index, pattern in enumerate(patterns):
        beginning = pattern.removesuffix("*")
        known = is_known(pattern) or pattern == "*" or (pattern.endswith("*") and _begins_a_type(beginning))
        if not known:
            yield f"{field}[{index}]", f"{pattern!r} matches no type; the types are {', '.join(TYPES)} and CUSTOM_…"


def _begins_a_type(beginning: str) -> bool:
    return beginning.startswith("CUSTOM_") or any(name.startswith(beginning) for name in (*TYPES, "CUSTOM_"))


def _in_thresholds(thresholds: Iterable[Threshold]) -> Iterator[tuple[str, str]]:
    for index, threshold in enumerate(thresholds):
        yield from _in_types(f"thresholds[{index}].type", (threshold.type,))
        if not threshold.field:
            yield f"thresholds[{index}].field", "is empty; name a number in data, such as amount"
        if not threshold.minimum.is_finite() or threshold.minimum <= 0:
            yield f"thresholds[{index}].minimum", f"{threshold.minimum} is not a positive number"


def _in_quiet_hours(quiet: QuietHours | None) -> Iterator[tuple[str, str]]:
    if quiet is None:
        return
    if not 1 <= len(quiet.windows) <= MAXIMUM_ENTRIES:
        yield "quiet_hours.windows", f"has {len(quiet.windows)} windows; give 1 to {MAXIMUM_ENTRIES}, or no quiet_hours"
        return
    bad = list(_in_windows(quiet.windows))
    yield from bad
    if not bad and not ever_ends(quiet.windows, ZoneInfo(quiet.time_zone), _A_MONDAY):
        yield "quiet_hours.windows", "cover the whole week; switch channels off instead"


def _in_windows(windows: Iterable[Window]) -> Iterator[tuple[str, str]]:
    for index, window in enumerate(windows):
        field = f"quiet_hours.windows[{index}]"
        if not window.weekdays <= frozenset(range(1, 8)):
            yield f"{field}.weekdays", f"{sorted(window.weekdays)} are not all days from 1 (Monday) to 7"
        if not 0 <= window.start_minute < MINUTES_OF_DAY:
            yield f"{field}.start", "is not a time from 00:00 to 23:59"
        if not 0 <= window.end_minute <= MINUTES_OF_DAY:
            yield f"{field}.end", "is not a time from 00:00 to 24:00"


def _in_digest(digest: Digest) -> Iterator[tuple[str, str]]:
    if not 1 <= digest.every_minutes <= MINUTES_OF_DAY:
        yield "digest.every_minutes", f"{digest.every_minutes} is not between 1 and {MINUTES_OF_DAY}"
    if len(digest.at_minutes) > MAXIMUM_ENTRIES or any(not 0 <= at < MINUTES_OF_DAY for at in digest.at_minutes):
        yield "digest.at", f"takes at most {MAXIMUM_ENTRIES} times from 00:00 to 23:59"


def _in_rate_limits(limits: Iterable[RateLimit]) -> Iterator[tuple[str, str]]:
    for index, limit in enumerate(limits):
        if limit.channel is not None and limit.channel not in EXTERNAL:
            yield f"rate_limits[{index}].channel", "LIVE has no limit; leave the channel out or name another"
        if limit.count < 1:
            yield f"rate_limits[{index}].count", f"{limit.count} is not positive; switch the channel off instead"
        if not 1 <= limit.seconds <= MAXIMUM_AFTER_SECONDS:
            yield f"rate_limits[{index}].seconds", f"{limit.seconds} is not between 1 and {MAXIMUM_AFTER_SECONDS}"


def _in_escalation(steps: tuple[Step, ...]) -> Iterator[tuple[str, str]]:
    previous = 0
    for index, step in enumerate(steps):
        field = f"escalation[{index}]"
        if index == 0 and (step.after_seconds != 0 or step.user_id):
            yield field, "the first step tells the user itself at once: after_seconds 0 and no user_id"
        if not previous <= step.after_seconds <= MAXIMUM_AFTER_SECONDS:
            yield (
                f"{field}.after_seconds",
                f"{step.after_seconds} is not between the step before and {MAXIMUM_AFTER_SECONDS}",
            )
        if not step.channels <= EXTERNAL:
            yield f"{field}.channels", "LIVE is always told; name external channels"
        previous = step.after_seconds
