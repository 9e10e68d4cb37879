"""Tokens of a test run: one key pair, its JWKS file, and tokens signed with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tradewinds import auth


class Signing:
    """Writes `jwks.json` into `folder`."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self._pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
        self.jwks_file = folder / "jwks.json"
        self.jwks_file.write_text(json.dumps({"keys": [{**public, "kid": "test", "alg": "ES256", "use": "sig"}]}))

    def token(self, subject: str, *roles: str, lifetime_seconds: float = 3600) -> str:
        """A token of `subject` with `roles` (default: trader)."""
        lifetime = timedelta(seconds=lifetime_seconds)
        return auth.issue_token(self._pem, "test", subject, roles or (auth.TRADER,), lifetime)

    def header(self, subject: str, *roles: str) -> dict[str, str]:
        """The HTTP header that carries such a token."""
        return {"authorization": f"Bearer {self.token(subject, *roles)}"}
