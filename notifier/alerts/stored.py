"""A row of `price_alerts` read back: into what is judged, and into the wish that a person may change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from notifier.alerts.domain.definition import Wish
from notifier.alerts.domain.vocabulary import CHANNEL, PERCENT, TRAILING, Condition, Frequency, Measure, Reference
from notifier.alerts.domain.watch import Shape
from notifier.alerts.wording import amount, percent


def shape_of(row: Mapping[str, Any]) -> Shape:
    """What the alert waits for."""
    return Shape(
        Condition[row["condition"]],
        row["lower"],
        row["upper"],
        row["basis_points"],
        row["distance"],
        row["hysteresis"],
    )


def wish_of(row: Mapping[str, Any]) -> Wish:
    """As a person would write it: what is derived (the defaults) has become explicit."""
    measure, condition = Measure[row["measure"]], Condition[row["condition"]]
    reference = Reference[row["reference"]]
    is_channel = condition in CHANNEL
    has_threshold = condition not in CHANNEL | PERCENT | TRAILING
    return Wish(
        condition=condition,
        measure=measure,
        threshold=amount(row["upper"], measure) if has_threshold else "",
        lower=amount(row["lower"], measure) if is_channel else "",
        upper=amount(row["upper"], measure) if is_channel else "",
        percent=percent(row["basis_points"]) if row["basis_points"] else "",
        distance=amount(row["distance"], measure) if row["distance"] else "",
        reference=reference,
        reference_price=amount(row["mark"], measure) if row["mark"] and condition in PERCENT | TRAILING else "",
        hysteresis="" if condition in TRAILING else amount(row["hysteresis"], measure),
        frequency=Frequency[row["frequency"]],
        cooldown_seconds=row["cooldown_seconds"],
        bar_interval=f"{row['bar_minutes']}m" if row["bar_minutes"] else "",
        note=row["note"],
        template_id=row["template_id"],
        expires_at=row["expires_at"],
    )
