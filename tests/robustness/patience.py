"""How patient the order management of these runs is: as at the real broker, only that everything takes seconds, not half minutes."""

from __future__ import annotations

from dataclasses import replace

from engine_server.oms.domain.resolution import ResolutionBounds
from engine_server.oms.pacer import PacerSettings
from tests.integration.oms.engine import FAST

# The simulated broker's book lags less than the bounds, as the real one's does.
PATIENT = replace(
    FAST,
    pacer=PacerSettings(),
    recovery=replace(
        FAST.recovery,
        sweep_seconds=2.0,
        unknown_seconds=1.1,
        bounds=ResolutionBounds(minimum_seconds=6.0, minimum_reads=4, tell_seconds=60.0),
    ),
)
