"""Alerts as rows of one numpy table: about a hundred bytes each, read from PostgreSQL's binary COPY without a Python object each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from notifier.alerts.domain.watch import Shape, Watch

RowTable = npt.NDArray[Any]

# Times: `not_before_ms` market epoch milliseconds, `cooling_us` and `snoozed_us` real epoch microseconds. `slot` is the instrument's
# place in the evaluator, `seen` the stream entry that the last fire was judged on, `wake_*` where the alert stands in the index.
ROW_DTYPE: Final = np.dtype(
    [
        ("number", "i8"),
        ("generation", "i4"),
        ("slot", "i4"),
        ("measure", "i2"),
        ("condition", "i2"),
        ("reference", "i2"),
        ("frequency", "i2"),
        ("bar_minutes", "i2"),
        ("arms", "i2"),
        ("cooldown_seconds", "i4"),
        ("basis_points", "i4"),
        ("lower", "i8"),
        ("upper", "i8"),
        ("distance", "i8"),
        ("hysteresis", "i8"),
        ("mark", "i8"),
        ("seen", "i8"),
        ("not_before_ms", "i8"),
        ("cooling_us", "i8"),
        ("snoozed_us", "i8"),
        ("wake_up", "i8"),
        ("wake_down", "i8"),
    ]
)
# What a row of PostgreSQL has: all but the places in the index.
STORED_FIELDS: Final = tuple(name for name in ROW_DTYPE.names or () if not name.startswith("wake_"))
_WIDTH_OF: Final = {"i2": 2, "i4": 4, "i8": 8}


class Row(NamedTuple):
    """One row; the order is `ROW_DTYPE`'s."""

    number: int
    generation: int
    slot: int
    measure: int
    condition: int
    reference: int
    frequency: int
    bar_minutes: int
    arms: int
    cooldown_seconds: int
    basis_points: int
    lower: int
    upper: int
    distance: int
    hysteresis: int
    mark: int
    seen: int
    not_before_ms: int
    cooling_us: int
    snoozed_us: int
    wake_up: int = 0
    wake_down: int = 0

    @property
    def shape(self) -> Shape:
        """What was asked for."""
        return Shape(self.condition, self.lower, self.upper, self.basis_points, self.distance, self.hysteresis)

    @property
    def watch(self) -> Watch:
        """What changes."""
        return Watch(self.arms, self.mark)


def _copied_dtype() -> np.dtype[Any]:
    """A tuple of binary COPY: a count of fields, then a length before each."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name in STORED_FIELDS:
        kind = ROW_DTYPE[name].str[1:]
        fields += [(f"{name}_length", ">i4"), (name, f">{kind}")]
    return np.dtype(fields)


_COPIED: Final = _copied_dtype()
_HEADER_BYTES: Final = 19  # signature, flags, and an empty extension
_TRAILER_BYTES: Final = 2


def from_copy(data: bytes) -> RowTable:
    """The rows of a COPY in binary format of `STORED_FIELDS`, none of them null; raises `ValueError` where it is something else."""
    body = memoryview(data)[_HEADER_BYTES : len(data) - _TRAILER_BYTES]
    copied = np.frombuffer(body, _COPIED)
    if len(copied) and not (copied["fields"] == len(STORED_FIELDS)).all():
        raise ValueError("the rows of price_alerts are not as wide as they must be")
    rows = np.zeros(len(copied), ROW_DTYPE)
    for name in STORED_FIELDS:
        rows[name] = copied[name]
    return rows
