"""Login and tokens. A session is one login; it ends at midnight or with its logout, and survives a restart of the broker.

Tokens are signed and carry their session and their market day, so the broker keeps no token: only its signing key (a 0600 file) and,
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


class TokenState(StrEnum):
    """What the broker thinks of a token."""

    VALID = "valid"
    INVALID = "invalid"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Standing:
    """A token's state, and the session it is of (empty for a token that was never one)."""

    state: TokenState
    session_id: str = ""

    @property
    def is_valid(self) -> bool:
        return self.state is TokenState.VALID


class Sessions:
    """Issues and checks tokens of the one client. They end at midnight of market time, with a logout, or by a fault."""

    def __init__(
        self,
        credentials: Credentials,
        signing_key: bytes,
        tell: Callable[[str, str], None],
        market_day: Callable[[], int],
        *,
        second_login_ends: bool = False,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """`tell(event, session_id)` records a session's beginning and end; `market_day` counts days of market time in IST;
        `now_seconds` is real time: TOTP lives there. What a second login does to the first is not documented by the broker.
        """
        self._credentials = credentials
        self._key = signing_key
        self._tell = tell
        self._market_day = market_day
        self._second_login_ends = second_login_ends
        self._now_seconds = now_seconds
        self._alive: set[str] = set()
        self._expired: set[str] = set()

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
        if self._second_login_ends:
            for other in sorted(self._alive):
                self.logout(other)
        session_id = secrets.token_hex(8)
        self._alive.add(session_id)
        self._tell("begun", session_id)
        return self._issue(session_id)

    def renew(self, refresh_token: str) -> TokenSet:
        """New tokens for a session. Raises RefusedError AB1004 (nothing given), AB8050 (invalid), AB8051 (expired)."""
        if not refresh_token:
            raise RefusedError("AB1004", "Something Went Wrong, Please Try After Sometime")
        standing = self.look_up(refresh_token, TokenUse.REFRESH)
        if standing.state is TokenState.EXPIRED:
            raise RefusedError("AB8051", "Refresh Token Expired")
        if not standing.is_valid:
            raise RefusedError("AB8050", "Invalid Refresh Token")
        return self._issue(standing.session_id)

    def logout(self, session_id: str) -> None:
        self._alive.discard(session_id)
        self._tell("ended", session_id)

    def expire_all(self) -> None:
        """Let every session be over, as if midnight had come."""
        for session_id in sorted(self._alive):
            self._tell("expired", session_id)
        self._expired |= self._alive
        self._alive.clear()

    @property
    def alive(self) -> int:
        """How many sessions stand, those of earlier market days included."""
        return len(self._alive)

    def look_up(self, token: str, use: TokenUse) -> Standing:
        """What a token, with or without `Bearer `, is good for in this use."""
        try:
            claims = jwt.decode(
                token.removeprefix("Bearer "), self._key, algorithms=[_ALGORITHM], options={"verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return Standing(TokenState.INVALID)
        session_id = str(claims.get("sid"))
        if claims.get("use") != use.value or session_id not in self._alive | self._expired:
            return Standing(TokenState.INVALID)
        is_over = session_id in self._expired or claims.get("day") != self._market_day()
        return Standing(TokenState.EXPIRED if is_over else TokenState.VALID, session_id)

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
            "day": self._market_day(),
            "iat": int(self._now_seconds()),
            "jti": secrets.token_hex(6),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)
