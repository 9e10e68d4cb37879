"""What keeps a strategy's process to itself: limits of memory and files, and the system calls that it is refused."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

import msgspec

from strategy_runner import syscall_filter
from strategy_runner.syscall_filter import FilterRefusedError

# Address space beyond what is written to: libraries, threads' stacks, files that are mapped.
_MAPPED_BYTES: Final = 4 * 1024**3


class Confinement(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of one process."""

    memory_bytes: int
    open_files: int
    file_bytes: int
    filter_calls: bool
    is_required: bool  # rather no strategy than one that the kernel does not hold


def confine(bounds: Confinement) -> str:
    """Confine this process, for good; why the kernel has refused the filter, empty when it has not (or none was wanted)."""
    limits = {
        resource.RLIMIT_DATA: bounds.memory_bytes,
        resource.RLIMIT_AS: bounds.memory_bytes + _MAPPED_BYTES,
        resource.RLIMIT_NOFILE: bounds.open_files,
        resource.RLIMIT_FSIZE: bounds.file_bytes,
        resource.RLIMIT_CORE: 0,  # a core file holds everything that the strategy knows, and fills a disk
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):  # not Linux: some kinds cannot be set
            resource.setrlimit(kind, (bound, bound))
    if not bounds.filter_calls:
        return ""
    try:
        syscall_filter.install()
    except FilterRefusedError as e:
        return str(e)
    return ""
