"""Sealing of broker credentials and sessions: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D).

The sealed form is `0x01 || nonce (12) || ciphertext and tag`. The purpose (`credentials:ACC1`) is authenticated with it,
so that one account's sealed bytes cannot be put in another's place.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tradewinds.errors import ConfigurationError

_VERSION = b"\x01"
_NONCE_BYTES = 12


def seal(key: bytes, purpose: str, plain: bytes) -> bytes:
    """Encrypt `plain` for `purpose`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, purpose.encode())


def unseal(key: bytes, purpose: str, sealed: bytes) -> bytes:
    """Decrypt what `seal` made; raises `ConfigurationError` when the key or the purpose is another."""
    if sealed[:1] != _VERSION:
        raise ConfigurationError(f"{purpose}: sealed with an unknown version {sealed[:1]!r}")
    nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, purpose.encode())
    except InvalidTag as e:
        raise ConfigurationError(f"{purpose}: cannot be unsealed; SEAL_KEY is not the key it was sealed with") from e
