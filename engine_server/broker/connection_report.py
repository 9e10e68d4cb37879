"""How an account stands with its broker, as the adapter knows it without asking anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class BudgetLeft:
    """What may still be asked for now, of one category in one rolling window."""

    category: str
    window_seconds: float
    limit: int
    left: int
    paused_seconds: float


@dataclass(frozen=True)
class ConnectionReport:
    """`problem` is what only a person can mend, in the broker's words; `stream_age_seconds` is None where nothing was ever heard."""

    session_usable: bool
    session_ends_at: datetime | None = None
    problem: str = ""
    stream_age_seconds: float | None = None
    budgets: Sequence[BudgetLeft] = ()
