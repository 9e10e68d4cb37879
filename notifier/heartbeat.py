"""The outside dead-man: during sessions somebody outside this machine hears from us, and calls a person when we fall silent.

It is called only while PostgreSQL answers and the live streams are reached, so that what it hears is that notifications work.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import aiohttp
from pydantic import Field, SecretStr, field_validator

from notifier.quiet_hours import Window, quiet_until
from tradewinds.clock import IST, Clock
from tradewinds.config import Settings
from tradewinds.telemetry import get_logger

log = get_logger("notifier.heartbeat")

_CALL_SECONDS: Final = 10.0
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WINDOW: Final = re.compile(r"([A-Z][a-z]{2})-([A-Z][a-z]{2}) (\d{2}):(\d{2})-(\d{2}):(\d{2})")


class HeartbeatSettings(Settings):
    """Whom to call, how often and when."""

    url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias="HEALTHCHECK_URL",
        description="the ping URL of a health-check service; empty for none",
    )
    every_seconds: float = Field(default=60.0, gt=0, validation_alias="HEALTHCHECK_SECONDS", description="how often")
    during: str = Field(
        default="Mon-Fri 09:00-15:40",
        validation_alias="HEALTHCHECK_DURING",
        description="days and times in India, such as Mon-Fri 09:00-23:55 for MCX",
    )

    @field_validator("during")
    @classmethod
    def _is_a_window(cls, value: str) -> str:
        session(value)
        return value


def session(text: str) -> Window:
    """`Mon-Fri 09:00-15:40`; raises `ValueError`."""
    found = _WINDOW.fullmatch(text)
    if found is None or found[1] not in _DAYS or found[2] not in _DAYS:
        raise ValueError(f"{text!r} is not like Mon-Fri 09:00-15:40")
    first, last = _DAYS.index(found[1]) + 1, _DAYS.index(found[2]) + 1
    start, end = int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])
    if first > last or not 0 <= start < end <= 24 * 60:
        raise ValueError(f"{text!r} ends before it begins")
    return Window(start, end, frozenset(range(first, last + 1)))


def in_session(window: Window, moment: datetime) -> bool:
    """Whether somebody outside waits to hear from us."""
    return quiet_until([window], IST, moment) is not None


class Heartbeat:
    """Run it as a watched task where there is a URL."""

    def __init__(self, settings: HeartbeatSettings, clock: Clock, is_well: Callable[[], Awaitable[bool]]) -> None:
        self._settings = settings
        self._window = session(settings.during)
        self._clock = clock
        self._is_well = is_well

    async def run(self) -> None:
        """For ever; that it was not heard is for the other side to notice."""
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                if in_session(self._window, self._clock.now()):
                    await self._beat(http)
                await asyncio.sleep(self._settings.every_seconds)

    async def _beat(self, http: aiohttp.ClientSession) -> None:
        if not await self._is_well():
            log.warning_throttled("silent", reason="this notifier is not well")
            return
        try:
            async with http.get(self._settings.url.get_secret_value()) as response:
                if response.status >= 400:
                    log.warning_throttled("refused", status=response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as e:
            # Its words may hold the URL, whoever knows which can keep the other side quiet.
            log.warning_throttled("not_heard", error=type(e).__name__)
