"""The tag that an order carries at the broker (`ordertag`, at most 19 characters of A-Z0-9: protocol §3.1, §9).

    1 | 12 characters of intent | attempt | 5 characters of check

The intent follows from the order id, the check from our key: a tag of ours is recognised, and a foreign or mistyped one
is not taken for ours.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

VERSION = "1"
FIRST_ATTEMPT = "1"
LENGTH = 19
_INTENT_CHARACTERS = 12
_CHECK_CHARACTERS = 5
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base32: nothing that a person mixes up


def tag_key(seal_key: bytes) -> bytes:
    """Order tags carry a keyed check; its key is derived, so that one secret is enough to run an engine."""
    return hmac.digest(seal_key, b"tradewinds order tags v1", "sha256")


def attempt_mark(number: int) -> str:
    """The character of the attempt `number` (from 1, at most 31)."""
    return _ALPHABET[number]


@dataclass(frozen=True)
class Tags:
    """Makes and recognises the tags of one broker account."""

    account_id: str
    key: bytes

    def of(self, order_id: str, attempt: str = FIRST_ATTEMPT) -> str:
        """The tag of one attempt at an order: always the same for the same order."""
        intent = _base32(hashlib.sha256(order_id.encode()).digest(), _INTENT_CHARACTERS)
        body = f"{VERSION}{intent}{attempt}"
        return body + self._check(body)

    def is_ours(self, tag: str) -> bool:
        """Whether we made this tag, for this account."""
        if len(tag) != LENGTH or not tag.isascii() or not tag.startswith(VERSION):
            return False
        body = tag[:-_CHECK_CHARACTERS]
        return hmac.compare_digest(self._check(body), tag[-_CHECK_CHARACTERS:])

    def _check(self, body: str) -> str:
        digest = hmac.digest(self.key, f"order-tag/{self.account_id}/{body}".encode(), "sha256")
        return _base32(digest, _CHECK_CHARACTERS)


def _base32(digest: bytes, characters: int) -> str:
    value = int.from_bytes(digest[:8], "big") >> (64 - characters * 5)  # at most 12 characters
    return "".join([_ALPHABET[value >> shift & 31] for shift in range(characters * 5 - 5, -1, -5)])
