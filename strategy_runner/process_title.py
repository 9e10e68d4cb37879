"""Gives a strategy's process a name that a person finds in `ps`, `top` and `pgrep -f`. Linux only; elsewhere nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1  # <linux/prctl.h>
_PR_SET_NAME: Final = 15
_ARG_START: Final = 48  # proc_pid_stat(5), counted from 1
_ARG_END: Final = 49

# Before any fork: loading a library afterwards, in each child, would cost each child memory of its own.
_libc: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def set_title(title: str) -> None:
    """Become `title`: 15 bytes of it in `comm`, all that fits over the old arguments in `cmdline`."""
    if _libc is None:
        return
    name = title.encode()
    _libc.prctl(_PR_SET_NAME, ctypes.c_char_p(name[:15]), 0, 0, 0)
    # The state field follows the command in parentheses, which may hold anything.
    fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
    start, end = int(fields[_ARG_START - 3]), int(fields[_ARG_END - 3])
    if 0 < start < end:
        ctypes.memmove(start, name[: end - start - 1].ljust(end - start, b"\0"), end - start)


def die_with_parent() -> None:
    """SIGKILL when the fork server is gone, however it went."""
    if _libc is None:
        return
    parent = os.getppid()
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
