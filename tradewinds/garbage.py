"""The garbage collector, told what stays. A full collection looks at everything that there is: with a million alerts, or the day's
instruments and a thousand runners, it holds up everything else for tens of milliseconds, again and again. Nearly all that a service
makes is freed by its last reference anyway.
"""

from __future__ import annotations

import gc
from typing import Final

_YOUNG: Final = 50_000  # a thousand notifications or heartbeats on their way are no reason to look
_OLDER: Final = (20, 100)


def settle() -> None:
    """What is there now stays, and is not looked at again."""
    gc.set_threshold(_YOUNG, *_OLDER)
    gc.collect()
    gc.freeze()
