"""The login: what goes out, and what the broker's answer means to a person. Pure, but for the clock that is passed in."""

from __future__ import annotations

import binascii
from datetime import datetime
from typing import Any, Final

import pyotp

from engine_server.broker.angel_one.codes import CONFIGURATION, INVALID_TOTP, UNCLEAR_CODES
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.envelope import Envelope
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.sessions import SessionTokens
from engine_server.broker.port import BrokerError, LoginRefusedError
from tradewinds.errors import InvalidArgumentError

_PIN: Final = "check the account's client code and PIN"
# Protocol §2.1: the broker answers a malformed PIN as a wrong one-time password, too.
_WHAT_TO_CHECK: Final = {
    **CONFIGURATION,
    INVALID_TOTP: "check that this machine's clock is right, the account's TOTP secret, and that the PIN has "
    "four digits",
    **dict.fromkeys(("AB1000", "AB1001", "AB1002", "AB1007", "AB1032"), _PIN),
}
_OTHERWISE: Final = "check the account's client code, PIN, TOTP secret and API key"


def one_time_password(credentials: Credentials, now: datetime) -> str:
    """Six digits of RFC 6238 for this instant of real time. Raises `LoginRefusedError` for a secret that is not base32 or,
    with less than 112 bits, not a whole one.
    """
    try:
        return pyotp.TOTP(credentials.totp_secret.replace(" ", "")).at(now)
    except binascii.Error:
        problem = "is not base32 text (A-Z and 2-7)"
    except ValueError:
        problem = "is too short; copy the whole of what the broker showed when TOTP was enabled"
    # Outside the handlers: an error that were chained could quote the secret.
    raise LoginRefusedError(f"the login was not tried: the account's TOTP secret {problem}")


def check_typed(one_time_password: str) -> None:
    """Raise `InvalidArgumentError` for a one-time password of a person that is none. It is not quoted."""
    if one_time_password and not (
        one_time_password.isascii() and one_time_password.isdigit() and len(one_time_password) == 6
    ):
        raise InvalidArgumentError.field("one_time_password", "must be the six digits that the authenticator shows")


def has_whole_pin(credentials: Credentials) -> bool:
    """Whether the PIN has the form that every PIN of the broker has."""
    return len(credentials.pin) == 4 and credentials.pin.isascii() and credentials.pin.isdigit()


def tokens_of(evidence: Evidence, credentials: Credentials, clock_hint: str = "") -> SessionTokens:
    """The tokens in the answer to loginByPassword. Raises `LoginRefusedError` where the broker said no (with its words and
    what to check; `clock_hint` is what is known about our clock), `BrokerError` where it did not say.
    """
    envelope = evidence.envelope if evidence.begun else None
    if envelope is None or envelope.ok is None or evidence.http_status >= 500:
        raise BrokerError(f"no clear answer to the login: {evidence.describe()}")
    if not envelope.ok:
        raise _refusal(envelope, clock_hint)
    return SessionTokens(
        jwt=_token(envelope.data, "jwtToken"),
        refresh_token=_token(envelope.data, "refreshToken"),
        feed_token=_token(envelope.data, "feedToken"),
        client_code=credentials.client_code,
        api_key=credentials.api_key,
    )


def _refusal(envelope: Envelope, clock_hint: str) -> BrokerError:
    words = f"{envelope.message or 'no reason given'} ({envelope.code or 'no code'})"
    if envelope.code in UNCLEAR_CODES:
        return BrokerError(f"no clear answer to the login: {words}")
    remedy = _WHAT_TO_CHECK.get(envelope.code, _OTHERWISE)
    if envelope.code == INVALID_TOTP and clock_hint:
        remedy = f"{remedy}; {clock_hint}"
    return LoginRefusedError(f"the broker refused the login: {words}; {remedy}", metadata={"code": envelope.code})


def _token(data: Any, name: str) -> str:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, str) or not value or not (value.isascii() and value.isprintable()):
        raise BrokerError(f"the broker accepted the login and gave no usable {name}")
    return value.removeprefix("Bearer ")
