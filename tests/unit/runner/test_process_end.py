"""What the end of a strategy's process means."""

from __future__ import annotations

import pytest

from strategy_runner.assignment import LifeEvent
from strategy_runner.process_end import End, judged
from tradewinds.sdk.vocabulary import StopReason

STOPPED, CRASHED, FAILED = (
    End(LifeEvent.STOPPED),
    End(LifeEvent.CRASHED, "on_tick: boom"),
    End(LifeEvent.FAILED, "config.x: bad"),
)


@pytest.mark.parametrize(
    ("said", "code", "stopping", "because", "expected"),
    [
        (CRASHED, 1, None, "", CRASHED),
        (FAILED, 1, None, "", FAILED),
        (None, -9, None, "", End(LifeEvent.CRASHED, "killed by SIGKILL")),
        (None, 3, None, "", End(LifeEvent.CRASHED, "ended with exit code 3")),
        (STOPPED, 0, None, "", End(LifeEvent.CRASHED, "ended with exit code 0")),  # nobody asked it to stop
        (None, -9, None, "frozen for 40 s", End(LifeEvent.CRASHED, "frozen for 40 s; killed by SIGKILL")),
        (CRASHED, 1, None, "blocked for 30 s", End(LifeEvent.CRASHED, "blocked for 30 s; on_tick: boom")),
        (STOPPED, 0, StopReason.STOP, "", End(LifeEvent.STOPPED)),
        (STOPPED, 0, StopReason.MOVE, "", End(LifeEvent.STOPPED, "MOVE: it goes on elsewhere")),
        (None, -9, StopReason.STOP, "", End(LifeEvent.STOPPED, "killed by SIGKILL; on_stop may take 5 s")),
        (CRASHED, 1, StopReason.STOP, "", End(LifeEvent.STOPPED, "on_tick: boom")),
        (None, -9, StopReason.STOP, "fat", End(LifeEvent.STOPPED, "killed by SIGKILL; on_stop may take 5 s")),
    ],
)
def test_asked_for_it_is_a_stop_and_otherwise_a_crash(
    said: End | None, code: int, stopping: StopReason | None, because: str, expected: End
) -> None:
    assert judged(said, code, stopping=stopping, ended_because=because, stop_seconds=5.0) == expected
