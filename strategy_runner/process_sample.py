"""Reads of a process what the kernel knows of it, whatever the process itself does. Linux only; elsewhere nothing is known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from strategy_runner.health import Sample

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_STATE, _USER_TIME, _SYSTEM_TIME = 3, 14, 15  # proc_pid_stat(5), counted from 1
_DATA: Final = 6  # proc_pid_statm(5): what RLIMIT_DATA bounds


def sample(pid: int) -> Sample | None:
    """One look; None when there is no such process (any more)."""
    try:
        # The state follows the command in parentheses, which may hold anything.
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        memory = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return None
    ticks = int(stat[_USER_TIME - _STATE]) + int(stat[_SYSTEM_TIME - _STATE])
    return Sample(
        cpu_seconds=ticks / _TICKS_PER_SECOND,
        memory_bytes=int(memory[_DATA - 1]) * _PAGE_BYTES,
        state=stat[0],
    )
