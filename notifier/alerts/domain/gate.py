"""When an alert may fire again. Days and bars are market time; cooldown and snooze are real time (the two clocks)."""

from __future__ import annotations

from typing import Final

from notifier.alerts.domain.vocabulary import Frequency

MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
_IST_OFFSET_MS: Final = 19_800_000
# Minutes of bars that begin at the same moments whether a session opens at 09:00 or at 09:15: the notifier knows no calendar.
BAR_MINUTES: Final = (1, 3, 5, 15)

_DAILY, _PER_BAR = int(Frequency.ONCE_A_DAY), int(Frequency.ONCE_PER_BAR)
PERIODIC: Final = frozenset({_DAILY, _PER_BAR})


def period_ms(frequency: int, bar_minutes: int) -> int:
    """How long a period is in which it fires once; 0 where there is none."""
    if frequency == _DAILY:
        return DAY_MS
    return bar_minutes * MINUTE_MS if frequency == _PER_BAR else 0


def next_period_ms(frequency: int, bar_minutes: int, market_ms: int) -> int:
    """Market time at which the period after that of `market_ms` begins; 0 where there is none. Counted from midnight in India."""
    length = period_ms(frequency, bar_minutes)
    if not length:
        return 0
    return ((market_ms + _IST_OFFSET_MS) // length + 1) * length - _IST_OFFSET_MS


def has_fired_in_period(not_before_ms: int, market_ms: int, length_ms: int) -> bool:
    """Whether `market_ms` is in the period that ends at `not_before_ms`. Further back is another life of the market clock: a replay
    that was started again."""
    return 0 < not_before_ms - market_ms <= length_ms
