"""Generated identifiers; their generator is injected.

They are UUIDv7-shaped (time-ordered, RFC 9562 §5.7) with a short prefix that says what they name.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

IdFactory = Callable[[str], str]


def new_id(prefix: str) -> str:
    """`prefix-` and 26 base32 characters: 48 bits of milliseconds, then 82 random bits; sorts by time."""
    value = (time.time_ns() // 1_000_000 << 82) | secrets.randbits(82)
    return f"{prefix}-{_base32(value)}"


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford: no i, l, o, u


def _base32(value: int) -> str:
    characters = []
    for _ in range(26):
        value, digit = divmod(value, 32)
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))
