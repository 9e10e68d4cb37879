"""PINs and link codes: how they look, and what is kept instead of them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import Final

from tradewinds.errors import InvalidArgumentError

_PIN: Final = re.compile(r"[0-9]{6,12}")
_SALT_BYTES: Final = 16
# 16 MiB and about 50 ms for each guess (RFC 7914).
_COST: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def checked(pin: str) -> str:
    """`pin`; raises `InvalidArgumentError` for what is guessed too easily."""
    if not _PIN.fullmatch(pin):
        raise InvalidArgumentError.field("pin", "is not 6 to 12 digits")
    if len(set(pin)) == 1 or pin in "01234567890123456789" or pin in "98765432109876543210":
        raise InvalidArgumentError.field("pin", "is what everybody would guess; take another")
    return pin


def hashed(pin: str) -> bytes:
    """Salt and scrypt. Takes a while: not for the event loop."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return salt + hashlib.scrypt(pin.encode(), salt=salt, **_COST)


def is_right(pin: str, kept: bytes) -> bool:
    """Whether `kept` was made of `pin`. Takes a while: not for the event loop."""
    salt, digest = kept[:_SALT_BYTES], kept[_SALT_BYTES:]
    return hmac.compare_digest(hashlib.scrypt(pin.encode(), salt=salt, **_COST), digest)


def new_code() -> str:
    """Eight digits, to be written from the chat that is to be linked."""
    return f"{secrets.randbelow(10**8):08}"


def code_hash(code: str) -> str:
    """What is kept of a code, which is good for minutes and few guesses."""
    return hashlib.sha256(code.encode()).hexdigest()
