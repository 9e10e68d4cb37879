"""Login and tokens. A session is one login; it ends with its logout and survives a restart of the broker.

Tokens are signed and carry their session id, so the broker keeps no token: only its signing key (a 0600 file) and,
in the truth log, which sessions were begun and ended.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import jwt
import pyotp

from sandbox.errors import RefusedError
from sandbox.settings import Credentials

_ALGORITHM = "HS256"
_TOTP_STEPS_OF_SKEW = 1


class TokenUse(StrEnum):
    ACCESS = "access"
    REFRESH = "refresh"
    FEED = "feed"


@dataclass(frozen=True, slots=True)
class TokenSet:
    """The three tokens of a login, without any `Bearer ` prefix."""

    jwt_token: str
    refresh_token: str
    feed_token: str

    def data(self) -> dict[str, str]:
        return {
            "jwtToken": self.jwt_token,
            "refreshToken": self.refresh_token,
            "feedToken": self.feed_token,
        }


class Sessions:
    """Issues and checks tokens of the one client. Several logins may be alive at once."""

    def __init__(
        self,
        credentials: Credentials,
        signing_key: bytes,
        tell: Callable[[str, str], None],
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """`tell(event, session_id)` records a session's beginning and end. `now_seconds` is real time: TOTP lives there."""
        self._credentials = credentials
        self._key = signing_key
        self._tell = tell
        self._now_seconds = now_seconds
        self._alive: set[str] = set()

    def knows_api_key(self, api_key: str) -> bool:
        return hmac.compare_digest(api_key.encode(), self._credentials.api_key.encode())

    def login(self, client_code: str, pin: str, totp: str) -> TokenSet:
        """Begin a session. Raises RefusedError: AB1007 for a wrong client or PIN, AB1050 for the one-time password.

        A PIN that is not four digits is answered as a wrong one-time password, as the broker does.
        """
        known = self._credentials
        if not (len(pin) == 4 and pin.isdigit()):
            raise RefusedError("AB1050", "Invalid totp")
        if not (client_code == known.client_code and hmac.compare_digest(pin.encode(), known.pin.encode())):
            raise RefusedError("AB1007", "Login Id or password is invalid")
        expected = pyotp.TOTP(known.totp_secret)
        if not expected.verify(totp, for_time=int(self._now_seconds()), valid_window=_TOTP_STEPS_OF_SKEW):
            raise RefusedError("AB1050", "Invalid totp")
        session_id = secrets.token_hex(8)
        self._alive.add(session_id)
        self._tell("begun", session_id)
        return self._issue(session_id)

    def renew(self, refresh_token: str) -> TokenSet:
        """New tokens for a session. Raises RefusedError AB8050."""
        session_id = self.session_of(refresh_token, TokenUse.REFRESH)
        if session_id is None:
            raise RefusedError("AB8050", "Invalid Refresh Token")
        return self._issue(session_id)

    def logout(self, session_id: str) -> None:
        self._alive.discard(session_id)
        self._tell("ended", session_id)

    def session_of(self, token: str, use: TokenUse) -> str | None:
        """The living session of a token, with or without `Bearer `; None when it is not good for this use."""
        try:
            claims = jwt.decode(
                token.removeprefix("Bearer "), self._key, algorithms=[_ALGORITHM], options={"verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return None
        session_id = str(claims.get("sid"))
        return session_id if claims.get("use") == use.value and session_id in self._alive else None

    def recover(self, alive: set[str]) -> None:
        self._alive = set(alive)

    def _issue(self, session_id: str) -> TokenSet:
        access, refresh, feed = (self._token(session_id, use) for use in TokenUse)
        return TokenSet(access, refresh, feed)

    def _token(self, session_id: str, use: TokenUse) -> str:
        claims = {
            "username": self._credentials.client_code,
            "sid": session_id,
            "use": use.value,
            "iat": int(self._now_seconds()),
            "jti": secrets.token_hex(6),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)
