"""How often the broker's books are read, and how long is waited for them."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine_server.oms.domain.resolution import ResolutionBounds


@dataclass(frozen=True)
class RecoverySettings:
    """Real seconds. The broker serves one order-book read a second."""

    sweep_seconds: float = 10.0  # while orders work
    unknown_seconds: float = 1.0  # while one is unknown, or the order stream is down
    foreign_seconds: float = 1.0  # after the stream has told of an order that is not ours
    positions_seconds: float = 30.0
    differing_seconds: float = 5.0  # while they differ: to be said soon, and to be let go soon
    trades_seconds: float = 15.0
    idle_seconds: float = 300.0  # otherwise: it tells whether the session is still good
    refused_login_seconds: float = 30.0  # doubled up to ten minutes: a refused login locks accounts when repeated
    maximum_login_seconds: float = 600.0
    retry_seconds: float = 1.0  # after a failed read or an unanswered login, doubled up to the sweep
    bounds: ResolutionBounds = field(default_factory=ResolutionBounds)
