"""When silence means that ticks are missing: never of one instrument, always of a whole socket in an open market (design §5.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# An index has a new value every second; whatever else is subscribed may trade once in minutes.
_WITH_CANARY_SECONDS: Final = 5.0
_UNPROVED_CANARY_SECONDS: Final = 20.0
_WITHOUT_CANARY_SECONDS: Final = 60.0
_LONGEST_SECONDS: Final = 120.0


@dataclass(frozen=True)
class SocketSilence:
    """What is known of one socket; times are real, monotonic seconds.

    `expecting_since`: since when it has subscriptions of an open market, None when it has none. `bound` is the silence that is
    borne. `mute_connections`: how many connections in a row have brought nothing.
    """

    now: float
    ticked_at: float
    connected_at: float | None
    expecting_since: float | None
    bound: float
    mute_connections: int = 0

    @property
    def seconds(self) -> float:
        """How long it has brought nothing that was expected, connected or not."""
        return 0.0 if self.expecting_since is None else self.now - max(self.ticked_at, self.expecting_since)

    @property
    def is_stale(self) -> bool:
        """Its instruments' prices are not to be trusted any more."""
        return self.seconds > self.bound

    @property
    def is_mute(self) -> bool:
        """The connection stands and brings nothing: another one may. Each that does not is given longer."""
        if self.expecting_since is None or self.connected_at is None:
            return False
        patience: float = min(_LONGEST_SECONDS, self.bound * 2**self.mute_connections)
        return self.now - max(self.ticked_at, self.expecting_since, self.connected_at) > patience


def bound_seconds(*, canary_open: bool, canary_proved: bool, rate: float) -> float:
    """The silence of a socket that is borne, in real seconds.

    `canary_open`: the canary is subscribed and its market open; `canary_proved`: it has ticked in this process's life. A market
    that runs slower than real time has its ticks further apart.
    """
    with_canary = _WITH_CANARY_SECONDS if canary_proved else _UNPROVED_CANARY_SECONDS
    return (with_canary if canary_open else _WITHOUT_CANARY_SECONDS) / min(1.0, max(rate, 0.01))
