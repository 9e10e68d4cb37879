"""Times between their two forms: datetimes, and epoch microseconds. Exactly, which floats of seconds are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(microseconds_: int) -> datetime:
    """Epoch microseconds as a time in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds_)


def microseconds(moment: datetime) -> int:
    """A time as epoch microseconds."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
