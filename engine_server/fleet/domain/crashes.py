"""When crashes are too many: the budget of one strategy over the whole fleet, whatever runner it crashes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CrashBudget:
    """So many crashes within so long, and it is not started again by itself."""

    crashes: int = 6
    window_seconds: float = 600.0


@dataclass(frozen=True)
class CrashRecord:
    """How often a strategy has crashed within the window since a person last started or released it; what to do after one."""

    within_window: int
    budget: CrashBudget
    on_crash: str = "RESUME"


def quarantine_reason(record: CrashRecord) -> str:
    """Why it is not started again after a crash, for a person; empty when it is."""
    if record.on_crash != "RESUME":
        return f"crashed, and its on_crash is {record.on_crash}"
    if record.within_window >= record.budget.crashes:
        return f"crashed {record.within_window} times within {record.budget.window_seconds / 60:g} min"
    return ""
