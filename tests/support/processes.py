"""What has become of a process that is not our child."""

from __future__ import annotations

import psutil


def is_gone(pid: int) -> bool:
    """Whether it has ended; one whose new parent has not reaped it yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
