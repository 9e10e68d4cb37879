"""What an account logs in with, as it is kept sealed in `broker_accounts.sealed_credentials`."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from tradewinds.errors import ConfigurationError
from tradewinds.seal import seal, unseal


@dataclass(frozen=True)
class Credentials:
    """`totp_secret` is base32, as the broker showed it once. Secrets are kept out of the text form."""

    client_code: str
    pin: str = field(repr=False)
    totp_secret: str = field(repr=False)
    api_key: str = field(repr=False)

    def __post_init__(self) -> None:
        """What goes into headers must be fit for them, or a library's error would quote it. Raises `ValueError`."""
        for name in ("client_code", "api_key"):
            value = getattr(self, name)
            if not value or not (value.isascii() and value.isprintable()):
                raise ValueError(f"{name}: must be printable ASCII and not empty")


def seal_credentials(seal_key: bytes, account_id: str, credentials: Credentials) -> bytes:
    """The bytes for `broker_accounts.sealed_credentials`."""
    return seal(seal_key, _purpose(account_id), msgspec.json.encode(credentials))


def unseal_credentials(seal_key: bytes, account_id: str, sealed: bytes) -> Credentials:
    """Raises `ConfigurationError` where the key is another, or what was sealed is not what it should be."""
    plain = unseal(seal_key, _purpose(account_id), sealed)
    try:
        return msgspec.json.decode(plain, type=Credentials)
    except msgspec.MsgspecError:
        # Not chained: the error's text could quote what was sealed.
        raise ConfigurationError(
            f"the sealed credentials of {account_id} are not client_code, pin, totp_secret and api_key; store them again"
        ) from None


def _purpose(account_id: str) -> str:
    return f"credentials:{account_id}"
