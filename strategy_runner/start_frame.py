"""What a new process of a strategy is told first."""

from __future__ import annotations

from strategy_runner.assignment import Assignment, SavedState
from strategy_runner.hosting import Hosting
from strategy_runner.protocol import ClassRef, Clock, Start


def start_frame(assignment: Assignment, saved: SavedState, hosting: Hosting) -> Start:
    """It continues from `saved`, which may be newer than the assignment's."""
    reading = hosting.market_reading()
    return Start(
        config_id=assignment.config_id,
        epoch=assignment.epoch,
        nonce=hosting.new_nonce(),
        strategy=ClassRef(
            module_path=assignment.module_path,
            class_name=assignment.class_name,
            config_json=assignment.config_json,
            folders=list(hosting.folders),
        ),
        confinement=hosting.confinement,
        instruments=list(assignment.instruments),
        state_json=saved.state_json,
        last_event_sequence=saved.last_event_sequence,
        positions=list(assignment.positions),
        working_orders=list(assignment.working_orders),
        clock=Clock(reading.market_ms, reading.real_ms, reading.rate) if reading is not None else None,
    )
