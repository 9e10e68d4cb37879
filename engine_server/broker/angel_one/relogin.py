"""When a new login may follow the last one (protocol §2.6), and when one is due by itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Final

from tradewinds.clock import IST, day_key, ist

BEFORE_THE_OPEN: Final = time(8, 45)


@dataclass(frozen=True)
class LoginTimes:
    """Real seconds."""

    between_seconds: float = 30.0  # between two new logins, the first replacement of a lost session apart
    contested_seconds: float = 300.0  # a session that lives shorter than this was taken away from us
    longest_seconds: float = 120.0
    # What a login cannot cure is not asked again before this is over: a refused login locks accounts when repeated.
    configuration_seconds: float = 600.0


@dataclass(frozen=True)
class LoginHistory:
    """What the last new session came to. `losses`: so many in a row have lived too short."""

    opened_at: float | None = None  # monotonic
    losses: int = 0

    def after_login(self, now: float) -> LoginHistory:
        """A new session was opened."""
        return replace(self, opened_at=now)

    def after_loss(self, now: float, times: LoginTimes) -> LoginHistory:
        """The broker has disowned the session that was opened last."""
        if self.opened_at is None:
            return self
        short = now - self.opened_at < times.contested_seconds
        return replace(self, losses=self.losses + 1 if short else 0)

    @property
    def is_contested(self) -> bool:
        """A first early loss may be an accident and is cured at once; a second one has somebody behind it."""
        return self.losses > 1

    def next_login_at(self, times: LoginTimes) -> float:
        """Monotonic time before which there is no other automatic login."""
        if self.opened_at is None or not self.is_contested:
            return 0.0
        pause = min(times.longest_seconds, times.between_seconds * 2.0 ** (self.losses - 2))
        return self.opened_at + pause


def renewal_is_due(logged_in_at: datetime, now: datetime, jitter_seconds: float) -> bool:
    """Whether a session is to be replaced although nobody has complained: at 08:45 in India what was opened before it, and
    after midnight what was opened the day before; each a little later, so that not everybody comes at once.
    """
    here = ist(now)
    if day_key(logged_in_at) < day_key(now):
        return (here - datetime.combine(here.date(), time(), IST)).total_seconds() >= jitter_seconds
    opening = datetime.combine(here.date(), BEFORE_THE_OPEN, IST)
    return logged_in_at < opening and (here - opening).total_seconds() >= jitter_seconds
