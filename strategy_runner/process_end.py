"""How a strategy's process ended, and what that means."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import Final

from strategy_runner.assignment import LifeEvent
from strategy_runner.strategy_process import StrategyProcess
from tradewinds.sdk.vocabulary import StopReason

_EXIT_SECONDS: Final = 2.0
_WHY_STOPPED: Final = {
    StopReason.STOP: "",
    StopReason.MOVE: "MOVE: it goes on elsewhere",
    StopReason.UPGRADE: "UPGRADE: it goes on in a new process",
    StopReason.RUNNER_LOST: "RUNNER_LOST: its runner has lost the engine, or the strategy",
}


@dataclass(frozen=True)
class End:
    """How a process ended."""

    event: LifeEvent
    detail: str = ""
    lived_seconds: float = 0.0


def judged(said: End | None, code: int, *, stopping: StopReason | None, ended_because: str, stop_seconds: float) -> End:
    """What the end means: asked for, it is a stop however it went, and says how. `said` is the process's own last word,
    `ended_because` its supervisor's."""
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    if stopping is None and ended_because:
        return End(LifeEvent.CRASHED, f"{ended_because}; {said.detail if said is not None else how}")
    if stopping is None:
        return said if said is not None and said.event is not LifeEvent.STOPPED else End(LifeEvent.CRASHED, how)
    if said is None:
        return End(LifeEvent.STOPPED, f"{how}; on_stop may take {stop_seconds:g} s")
    return End(LifeEvent.STOPPED, said.detail or _WHY_STOPPED[stopping])


async def exit_code(process: StrategyProcess) -> int:
    """Once its pipe is closed; one that lives on is killed."""
    try:
        return await asyncio.wait_for(asyncio.shield(process.child.exited), _EXIT_SECONDS)
    except TimeoutError:
        process.child.kill()
        return await process.child.exited
