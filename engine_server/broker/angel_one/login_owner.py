"""The one owner of an account's login: opens the day's session, hands it over, replaces it when the broker disowns it, and
does not fight: neither with a broker that refuses nor with somebody else who logs in with the same client code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.clock_skew import skew_hint
from engine_server.broker.angel_one.codes import CONFIGURATION, INVALID_TOTP
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.lane import Lane
from engine_server.broker.angel_one.login import check_typed, has_whole_pin, one_time_password, tokens_of
from engine_server.broker.angel_one.outcomes import is_throttled
from engine_server.broker.angel_one.rates import Category
from engine_server.broker.angel_one.relogin import LoginHistory, LoginTimes, renewal_is_due
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession, SessionStore, SessionTokens
from engine_server.broker.port import BrokerError, LoginRefusedError, SessionContestedError, ThrottledError
from tradewinds.clock import Clock, ist
from tradewinds.telemetry import get_logger

log = get_logger("broker.login")

_TOTP_SECONDS: Final = 30
_INTO_THE_STEP_SECONDS: Final = 1.0
_LOGIN_WAIT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class _Hold:
    """A refusal that a repetition does not cure."""

    error: LoginRefusedError
    until: float


class LoginOwner:
    """Use one a process and account; logins are one at a time."""

    def __init__(
        self,
        account_id: str,
        credentials: Credentials,
        epoch: int,
        lane: Lane,
        budgets: Budgets,
        session: CurrentSession,
        store: SessionStore,
        clock: Clock,
        times: LoginTimes | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._account_id = account_id
        self._credentials = credentials
        self._epoch = epoch
        self._lane = lane
        self._budgets = budgets
        self._session = session
        self._store = store
        self._clock = clock
        self._times = times or LoginTimes()
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._history = LoginHistory()
        self._counted_loss = ""
        self._hold: _Hold | None = None

    async def login(self, typed: str = "") -> None:
        """Today's stored session, or a new one; with a one-time password that a person has typed always a new one.

        Raises `InvalidArgumentError` for one that is not six digits, `LoginRefusedError`, `SessionContestedError`,
        `BrokerError`, and `LeaseSupersededError` when a newer epoch has stored a session. What is raised of the broker is
        noted in `broker_sessions.last_error`.
        """
        check_typed(typed)
        async with self._lock:
            try:
                await self._refuse_rivals()
                stored = None if typed else await self._stored()
                self._session.set(stored or await self._opened(typed))
            except BrokerError as e:
                await self._store.record_failure(self._epoch, self._credentials.client_code, e.message)
                raise

    async def renew_if_due(self, jitter_seconds: float) -> bool:
        """Before the open, and when the day is over: a new session while the old one still serves. Raises as `login`."""
        async with self._lock:
            current = self._session.value
            if current is None or not renewal_is_due(current.logged_in_at, self._clock.now(), jitter_seconds):
                return False
            try:
                self._session.set(await self._opened(""))
            except BrokerError as e:
                await self._store.record_failure(self._epoch, self._credentials.client_code, e.message)
                raise
            return True

    async def _refuse_rivals(self) -> None:
        client_code = self._credentials.client_code
        if other := await self._store.rival(client_code):
            raise LoginRefusedError(
                f"the login was not tried: client code {client_code} belongs to account {other} already, and two accounts "
                f"that log in with one client code end each other's sessions; disable {other} or {self._account_id}"
            )

    async def _stored(self) -> BrokerSession | None:
        stored, mine = await self._store.load(), self._credentials
        if stored is None or not stored.is_of_day(self._clock.now()):
            return None
        if stored.tokens.jwt == self._session.disowned_jwt:
            return None
        if (stored.tokens.client_code, stored.tokens.api_key) != (mine.client_code, mine.api_key):
            return None
        log.info("session.taken_over", account_id=self._account_id, logged_in_at=stored.logged_in_at.isoformat())
        return stored

    async def _opened(self, typed: str) -> BrokerSession:
        if not typed:
            self._check_not_held()
            self._check_not_contested()
        evidence = await self._asked(typed or one_time_password(self._credentials, self._clock.now()))
        if not typed and _is_wrong_password(evidence) and has_whole_pin(self._credentials):
            # At the edge of a step, or behind a clock that is a little off, the next one may do (protocol §2.1).
            log.warning("one_time_password.refused", account_id=self._account_id, retry="in the next 30 s step")
            await self._sleep(self._seconds_to_next_step())
            evidence = await self._asked(one_time_password(self._credentials, self._clock.now()))
        session = BrokerSession(self._tokens(evidence, typed), self._clock.now())
        await self._store.save(session, self._epoch)
        self._hold, self._history = None, self._history.after_login(self._clock.monotonic())
        log.info("session.opened", account_id=self._account_id, epoch=self._epoch, typed=bool(typed))
        return session

    async def _asked(self, totp: str) -> Evidence:
        mine = self._credentials
        await self._budgets.turn(Category.LOGIN, _LOGIN_WAIT_SECONDS)
        evidence = await self._lane.ask(
            mine.api_key, "", lambda client: client.generateSession(mine.client_code, mine.pin, totp)
        )
        if is_throttled(evidence):
            self._budgets.refused(Category.LOGIN)
            raise ThrottledError(
                "the broker refused the login as one request too many for this client code; it is tried again"
            )
        return evidence

    def _tokens(self, evidence: Evidence, typed: str) -> SessionTokens:
        try:
            return tokens_of(evidence, self._credentials, skew_hint(evidence.server_date, self._clock.now()))
        except LoginRefusedError as e:
            if not typed and e.metadata.get("code") in CONFIGURATION:
                until = self._clock.monotonic() + self._times.configuration_seconds
                self._hold = _Hold(e, until)
            raise

    def _check_not_held(self) -> None:
        hold = self._hold
        if hold is not None and (left := hold.until - self._clock.monotonic()) > 0:
            raise LoginRefusedError(
                f"{hold.error.message}; a login cannot cure this, the next is tried at {self._in_india(left)}",
                metadata=hold.error.metadata,
            )

    def _check_not_contested(self) -> None:
        current, now = self._session, self._clock.monotonic()
        if current.disowned_jwt and current.disowned_jwt != self._counted_loss:
            self._counted_loss = current.disowned_jwt
            self._history = self._history.after_loss(current.disowned_at, self._times)
        if not self._history.is_contested:
            return
        log.error("session.contested", account_id=self._account_id, losses=self._history.losses)
        left = self._history.next_login_at(self._times) - now
        if left > 0:
            raise SessionContestedError(
                f"the broker has ended {self._history.losses} sessions of client code {self._credentials.client_code} shortly "
                "after they were opened: somebody else logs in with it (another program, or "
                f"another installation). Stop the other one; the next login is tried at {self._in_india(left)}"
            )

    def _seconds_to_next_step(self) -> float:
        return _TOTP_SECONDS - self._clock.now().timestamp() % _TOTP_SECONDS + _INTO_THE_STEP_SECONDS

    def _in_india(self, seconds: float) -> str:
        return f"{ist(self._clock.now() + timedelta(seconds=seconds)):%H:%M:%S} IST"


def _is_wrong_password(evidence: Evidence) -> bool:
    envelope = evidence.envelope if evidence.begun else None
    return envelope is not None and envelope.ok is False and envelope.code == INVALID_TOTP
