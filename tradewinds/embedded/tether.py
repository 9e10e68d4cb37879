"""Run as a script: become another program that is signalled when the parent dies.

`python -I -S tether.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT…` (UID and GID -1: stay who we are)

PR_SET_PDEATHSIG has to be set in the child. A `preexec_fn` would run Python between fork and exec of a process that has threads, which may
deadlock; here it runs in a fresh, single-threaded interpreter that then execs the program (the setting survives exec). The order
matters: all imports come first, since the new user may not be able to read this Python; changing the user clears the setting; a parent
that died before it was made is noticed by its pid.

Linux only; elsewhere the program is started plainly, and what a killed parent leaves behind is ended by the next start.
The kernel sends the signal when the *thread* that started us ends: start servers from a thread that lives as long as they should.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def _drop_privileges(uid: int, gid: int) -> None:
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)


def _die_with(parent_pid: int, signal_number: int, libc: ctypes.CDLL) -> None:
    if sys.platform != "linux":
        return
    if libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent_pid:
        sys.exit("the parent died before its child began")


def main() -> None:
    """Drop privileges, tie our life to the parent's, become the program."""
    parent_pid, signal_number, uid, gid = (int(argument) for argument in sys.argv[1:5])
    libc = ctypes.CDLL(None, use_errno=True)
    _drop_privileges(uid, gid)
    _die_with(parent_pid, signal_number, libc)
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - an absolute path and a list, no shell


if __name__ == "__main__":
    main()
