"""The two layouts of the scrip master, and its two sizes."""

from __future__ import annotations

from enum import StrEnum


class ScripLayout(StrEnum):
    """Since 2026 a row has two keys more: `freeze_qty`, a string, and `is_cas_enabled`, a boolean."""

    OLD = "old"
    NEW = "new"


class ScripSize(StrEnum):
    """Everything that is listed; or what the demo's own names need, for tests that are not about size. All of it trades either way."""

    FULL = "full"
    SMALL = "small"
