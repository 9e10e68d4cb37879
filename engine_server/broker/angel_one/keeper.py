"""What goes on beside the requests of an account: warm connections, the next day's session, problems told to people."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from engine_server.broker.angel_one.login_owner import LoginOwner
from engine_server.broker.angel_one.problems import KnownProblems
from engine_server.broker.port import BrokerError
from tradewinds.errors import LeaseSupersededError
from tradewinds.telemetry import get_logger

log = get_logger("broker")

_TURN_SECONDS = 10.0
_RENEWAL_JITTER_SECONDS = 300.0  # 08:45 to 08:50: well before the pre-open session at 09:00
_FIRST_RETRY_SECONDS = 30.0
_LAST_RETRY_SECONDS = 600.0


class Keeper:
    """Run `run` as a task from the first login on."""

    def __init__(
        self,
        account_id: str,
        owner: LoginOwner,
        problems: KnownProblems,
        warm_up: Callable[[], Awaitable[None]],
        publish: Callable[[str], Awaitable[None]],
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._account_id = account_id
        self._owner = owner
        self._problems = problems
        self._warm_up = warm_up
        self._publish = publish
        self._jitter_seconds = jitter(0.0, _RENEWAL_JITTER_SECONDS)
        self._jitter = jitter
        self._retry_seconds = _FIRST_RETRY_SECONDS
        self._retry_at = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._pause()
            if (news := self._problems.take_news()) is not None:
                await self._publish(news)
            await self._renew()
            await self._warm_up()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_TURN_SECONDS):
                await self._problems.changed.wait()
        except TimeoutError:
            return

    async def _renew(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._retry_at:
            return
        try:
            renewed = await self._owner.renew_if_due(self._jitter_seconds)
        except LeaseSupersededError as e:
            log.warning("session.not_renewed", account_id=self._account_id, error=e.message)
            self._retry_at = now + _LAST_RETRY_SECONDS
        except BrokerError as e:
            # The old session serves on while it lives; once it does not, reads say so and the engine logs in.
            log.warning(
                "session.not_renewed", account_id=self._account_id, error=e.message, retry_seconds=self._retry_seconds
            )
            self._retry_at = now + self._retry_seconds * self._jitter(1.0, 1.25)
            self._retry_seconds = min(_LAST_RETRY_SECONDS, self._retry_seconds * 2)
        else:
            self._retry_seconds = _FIRST_RETRY_SECONDS
            if renewed:
                log.info("session.renewed", account_id=self._account_id)
                self._problems.forget_published()
