"""How fires become notifications: some are accepted (deduped, kept) beside each other, and all are told in their order.

A fire that comes while another one is being kept must not wait for that one's transaction before its own begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from notifier.notification import NewNotification
from tradewinds.errors import InvalidArgumentError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.alerts.telling")


class Sending(Protocol):
    """The notifier's own, in its two halves; both raise `UnavailableError`, the first one `InvalidArgumentError` too."""

    async def accept(self, news: Sequence[NewNotification], *, is_known_new: bool = False) -> Any:
        """What is kept is a row when this returns. `is_known_new`: under keys that were made just now."""
        ...

    async def tell(self, accepted: Any) -> object:
        """Tell what was accepted."""
        ...


class HandingOn:
    """One lot of notifications after the other, or several on their way."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending

    def begin(self, notifications: Sequence[NewNotification], *, is_known_new: bool = False) -> asyncio.Task[Any]:
        """Accept them; `finish` is to be called in the order in which they are to be told."""
        accepting = asyncio.create_task(
            self._sending.accept(notifications, is_known_new=is_known_new), name="accepting price alerts"
        )
        accepting.add_done_callback(_heard)
        return accepting

    async def finish(self, notifications: Sequence[NewNotification], accepting: asyncio.Task[Any]) -> None:
        """Tell what `begin` began."""
        try:
            await self._sending.tell(await accepting)
        except InvalidArgumentError:
            await self.hand_on(notifications)

    async def hand_on(self, notifications: Sequence[NewNotification]) -> None:
        """All of it. One that is refused for good must not hold up the others: it is logged and dropped."""
        try:
            await self._sending.tell(await self._sending.accept(notifications))
        except InvalidArgumentError as e:
            if len(notifications) == 1:
                log.error(  # noqa: TRY400 - the refusal says it all
                    "refused", user_id=notifications[0].user_id, title=notifications[0].title, error=e.message
                )
                return
            for one in notifications:
                await self.hand_on([one])


def _heard(accepting: asyncio.Task[Any]) -> None:
    """One that nobody finishes any more has failed for nobody."""
    if not accepting.cancelled():
        accepting.exception()
