"""The system calls that a strategy's process is refused: no network, no other process, no hand on one that is there.

A list of refusals rather than of permissions: a strategy may use any library, and none may be killed for a harmless call that
its next version makes. A refused call fails with EPERM, which Python raises as `PermissionError` at the line that made
it. The program is classic BPF (`Documentation/userspace-api/seccomp_filter.rst` of the kernel), built for one process: it
may signal itself, nobody else.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # <linux/prctl.h>
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_PDEATHSIG: Final = 1
_SECCOMP_MODE_FILTER: Final = 2
_CLONE_THREAD: Final = 0x10000
_X32_BIT: Final = 0x40000000  # the second set of numbers of x86-64

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT = (
    0,
    4,
    16,
)  # struct seccomp_data; the low half of an argument comes first
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000

# Before any fork, see `process_title.py`.
_libc: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, constant


@dataclass(frozen=True)
class Architecture:
    """The number by which the kernel knows it (AUDIT_ARCH_*), and its system calls."""

    audit: int
    calls: dict[str, int]


# All calls of the tables are refused, but for what `program` says of these and of clone, clone3 and prctl.
_TO_ITSELF: Final = [
    "kill",
    "tgkill",
    "tkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "prlimit64",
    "sched_setaffinity",
]
_ZERO_IS_ITSELF: Final = frozenset({"prlimit64", "sched_setaffinity"})

# Network; processes; other processes' memory and files; io_uring, which would do all of it unseen; what reaches beyond the process.
X86_64: Final = Architecture(
    0xC000003E,
    {
        "socket": 41, "socketpair": 53, "bind": 49, "listen": 50, "accept": 43, "accept4": 288, "connect": 42,
        "fork": 57, "vfork": 58, "execve": 59, "execveat": 322, "clone": 56, "clone3": 435, "setsid": 112, "setpgid": 109,
        "unshare": 272, "setns": 308, "ptrace": 101, "process_vm_readv": 310, "process_vm_writev": 311,
        "process_madvise": 440, "kcmp": 312, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "bpf": 321, "perf_event_open": 298,
        "userfaultfd": 323, "add_key": 248, "request_key": 249, "keyctl": 250, "mount": 165, "umount2": 166,
        "pivot_root": 155, "chroot": 161, "setpriority": 141, "sched_setscheduler": 144, "sched_setparam": 142,
        "sched_setattr": 314, "ioprio_set": 251, "migrate_pages": 256, "move_pages": 279, "mq_open": 240, "msgget": 68,
        "semget": 64, "shmget": 29, "kill": 62, "tgkill": 234, "tkill": 200, "rt_sigqueueinfo": 129,
        "rt_tgsigqueueinfo": 297, "prlimit64": 302, "sched_setaffinity": 203, "prctl": 157,
    },
)  # fmt: skip
AARCH64: Final = Architecture(
    0xC00000B7,
    {
        "socket": 198, "socketpair": 199, "bind": 200, "listen": 201, "accept": 202, "accept4": 242, "connect": 203,
        "execve": 221, "execveat": 281, "clone": 220, "clone3": 435, "setsid": 157, "setpgid": 154,
        "unshare": 97, "setns": 268, "ptrace": 117, "process_vm_readv": 270, "process_vm_writev": 271,
        "process_madvise": 440, "kcmp": 272, "pidfd_open": 434, "pidfd_getfd": 438, "pidfd_send_signal": 424,
        "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "bpf": 280, "perf_event_open": 241,
        "userfaultfd": 282, "add_key": 217, "request_key": 218, "keyctl": 219, "mount": 40, "umount2": 39,
        "pivot_root": 41, "chroot": 51, "setpriority": 140, "sched_setscheduler": 119, "sched_setparam": 118,
        "sched_setattr": 274, "ioprio_set": 30, "migrate_pages": 238, "move_pages": 239, "mq_open": 180, "msgget": 186,
        "semget": 190, "shmget": 194, "kill": 129, "tgkill": 131, "tkill": 130, "rt_sigqueueinfo": 138,
        "rt_tgsigqueueinfo": 240, "prlimit64": 261, "sched_setaffinity": 122, "prctl": 167,
    },
)  # fmt: skip
_ARCHITECTURES: Final = {"x86_64": X86_64, "amd64": X86_64, "aarch64": AARCH64, "arm64": AARCH64}


class FilterRefusedError(Exception):
    """This machine does not take the filter."""


def program(architecture: Architecture, process_id: int) -> list[Instruction]:
    """The filter of one process."""
    calls = architecture.calls
    refuse = (_RETURN, 0, 0, ERRNO | errno.EPERM)
    allow = (_RETURN, 0, 0, ALLOW)
    load_argument = (_LOAD, 0, 0, _FIRST_ARGUMENT_AT)
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, KILL),  # 32-bit calls have other numbers: nothing here would hold
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if architecture is X86_64:
        lines += [(_AT_LEAST, 0, 1, _X32_BIT), refuse]
    for name, number in calls.items():
        if name not in {"clone", "clone3", "prctl", *_TO_ITSELF}:
            lines += [(_EQUAL, 0, 1, number), refuse]
    # Its flags lie in memory, where a filter cannot look; the C library falls back to clone.
    lines += [(_EQUAL, 0, 1, calls["clone3"]), (_RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    # Threads are its own affair, processes are not.
    lines += [(_EQUAL, 0, 4, calls["clone"]), load_argument, (_ANY_BIT, 0, 1, _CLONE_THREAD), allow, refuse]
    # It dies with its runner, whatever it wishes.
    lines += [(_EQUAL, 0, 4, calls["prctl"]), load_argument, (_EQUAL, 0, 1, _PR_SET_PDEATHSIG), refuse, allow]
    for name in _TO_ITSELF:
        targets = [process_id, 0] if name in _ZERO_IS_ITSELF else [process_id]
        matches = [line for target in targets for line in ((_EQUAL, 0, 1, target), allow)]
        lines += [(_EQUAL, 0, len(matches) + 2, calls[name]), load_argument, *matches, refuse]
    return [*lines, allow]


def install() -> None:
    """Put the filter on this process, for good; raises `FilterRefusedError`. To be called while it has one thread."""
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if _libc is None or architecture is None:
        raise FilterRefusedError(f"there is no filter for {sys.platform} on {platform.machine()}")
    lines = program(architecture, os.getpid())
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in lines))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(code)))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))


def hide_memory() -> None:
    """Keep this process's memory and environment (in /proc) from other processes of the same user. Linux only."""
    if _libc is not None:
        _prctl(_PR_SET_DUMPABLE, 0)


def _prctl(option: int, first: int, second: int = 0) -> None:
    assert _libc is not None  # noqa: S101 - the callers have looked
    arguments = [ctypes.c_ulong(value) for value in (first, second, 0, 0)]
    if _libc.prctl(option, *arguments) != 0:
        code = ctypes.get_errno()
        raise FilterRefusedError(f"prctl({option}): {errno.errorcode.get(code, code)}, {os.strerror(code)}")
