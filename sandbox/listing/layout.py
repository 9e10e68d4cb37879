"""The two layouts of the scrip master."""

from __future__ import annotations

from enum import StrEnum


class ScripLayout(StrEnum):
    """Since 2026 a row has two keys more: `freeze_qty`, a string, and `is_cas_enabled`, a boolean."""

    OLD = "old"
    NEW = "new"
