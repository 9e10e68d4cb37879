"""The ladder of a must-acknowledge notification: who is told when, until somebody acknowledges. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from notifier.channels import EXTERNAL, Channel
from notifier.preferences import Preferences, Step

# Whoever has set up nothing: everything but text messages at once, everything after two minutes.
DEFAULT_STEPS: Final = (Step(0, channels=EXTERNAL - {Channel.SMS}), Step(120))
# After the last step that one is repeated, so that a telephone that was off is reached when it is on again.
REPEAT_SECONDS: Final = 300
LONGEST: Final = timedelta(hours=24)


class Progress(msgspec.Struct, frozen=True):
    """`steps[next_step]` is taken when `due_at` comes; None: nobody acknowledged in a day."""

    next_step: int
    due_at: datetime | None


def steps_of(preferences: Preferences) -> tuple[Step, ...]:
    """The user's own ladder, or the one for everybody."""
    return preferences.escalation or DEFAULT_STEPS


def opening_channels(steps: tuple[Step, ...]) -> frozenset[Channel]:
    """On which channels the first step tells; a user whose first step leads nowhere has the others when their time comes."""
    return steps[0].channels or EXTERNAL


def after(steps: tuple[Step, ...], taken: int, began: datetime, now: datetime) -> Progress:
    """What comes once step `taken` has been taken at `now`: the next one on the ladder, then the last one again and again."""
    if taken + 1 < len(steps):
        return Progress(taken + 1, began + timedelta(seconds=steps[taken + 1].after_seconds))
    due_at = now + timedelta(seconds=REPEAT_SECONDS)
    return Progress(len(steps) - 1, due_at if due_at - began < LONGEST else None)


def last_resort(steps: tuple[Step, ...], taken: int, known: str) -> str:
    """How near the last resort is once step `taken` has been taken: NEAR when everybody was told, DUE when the last step is repeated. The
    first step is taken when the notification is accepted, so that a ladder of one has nobody left to tell the first time already.
    """
    if known not in ("", "NEAR") or taken + 1 < len(steps):
        return known
    return "DUE" if known == "NEAR" or len(steps) == 1 else "NEAR"
