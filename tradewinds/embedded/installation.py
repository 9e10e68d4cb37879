"""What one installation on this machine keeps: its secrets, its signing key, and where things are in its state folder.

Everything is made at the first start and kept, so that the next `up` on the same folder continues where this one was.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import pyotp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tradewinds import auth
from tradewinds.client.target import FACTS_FILE
from tradewinds.errors import ConfigurationError

OWNER = "trader"  # the person that a solo installation belongs to
OWNER_ROLES = (auth.TRADER, auth.OPERATOR, auth.ADMIN)
SERVICE_TOKEN_LIFETIME = timedelta(days=30)  # made again at every start


@dataclass(frozen=True)
class Secrets:
    """Generated once. `sandbox_*` are the login of the simulated broker account."""

    seal_key: str
    sandbox_client_code: str
    sandbox_pin: str
    sandbox_totp_secret: str
    sandbox_api_key: str


class Installation:
    """The state folder of one installation."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.absolute()
        self.jwks_file = self.state_dir / "keys" / "jwks.json"
        self._key_file = self.state_dir / "keys" / "signing.pem"
        self._secrets_file = self.state_dir / "keys" / "secrets.json"

    @property
    def facts_file(self) -> Path:
        """Written while the stack is up: where everything is. The CLI reads it."""
        return self.state_dir / FACTS_FILE

    def prepare(self) -> None:
        """Create what is missing."""
        for folder in ("keys", "logs", "ready", "sandbox"):
            (self.state_dir / folder).mkdir(parents=True, exist_ok=True)
        if not self._key_file.exists():
            self._make_signing_key()
        if not self._secrets_file.exists():
            write_private(self._secrets_file, json.dumps(asdict(_new_secrets())))

    def secrets(self) -> Secrets:
        """The generated secrets."""
        return Secrets(**json.loads(self._secrets_file.read_text()))

    def token(self, subject: str, roles: tuple[str, ...], lifetime: timedelta) -> str:
        """Sign a token; raises `ConfigurationError` where this folder holds no key."""
        if not self._key_file.exists():
            raise ConfigurationError(
                f"{self.state_dir} holds no signing key; start the stack once with `tradewinds up`, or name its "
                "folder with --state-dir"
            )
        key_id = json.loads(self.jwks_file.read_text())["keys"][0]["kid"]
        return auth.issue_token(self._key_file.read_text(), key_id, subject, roles, lifetime)

    def _make_signing_key(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        jwk = json.loads(ECAlgorithm.to_jwk(public))
        jwk |= {"kid": hashlib.sha256(der).hexdigest()[:16], "use": "sig", "alg": "ES256"}
        self.jwks_file.write_text(json.dumps({"keys": [jwk]}))
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(self._key_file, pem.decode())


def _new_secrets() -> Secrets:
    return Secrets(
        seal_key=base64.b64encode(secrets.token_bytes(32)).decode(),
        sandbox_client_code=f"S{secrets.randbelow(900_000) + 100_000}",
        sandbox_pin=f"{secrets.randbelow(10_000):04d}",
        sandbox_totp_secret=pyotp.random_base32(),
        sandbox_api_key=secrets.token_urlsafe(12),
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w") as stream:
        stream.write(text)
    unfinished.replace(path)
