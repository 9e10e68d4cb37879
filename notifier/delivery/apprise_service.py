"""Everything else, through Apprise: a blocking library, so it gets threads of its own, and not many."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.wording import plain_text
from notifier.types import Severity

THREADS: Final = 4
_KINDS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}


class AppriseService:
    """A `Provider`. Apprise answers yes or no: what was not sent is tried again."""

    name = "apprise"

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="apprise")
        # No queue of threads: who finds none free waits here, and can be cancelled.
        self._free = asyncio.Semaphore(THREADS)

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """One message to one service."""
        url = endpoint.secrets.get("url", "")
        async with self._free:
            loop = asyncio.get_running_loop()
            return await asyncio.shield(loop.run_in_executor(self._threads, _notify, url, message))

    async def close(self) -> None:
        """Threads that run end by their own timeouts."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _notify(url: str, message: Message) -> Attempt:
    import apprise  # loads 150 plugins: only who uses it waits for that

    # Its throttle sleeps in the thread; ours is the budget.
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        return Attempt(Fate.REFUSED, "Apprise does not understand the URL")
    service.request_rate_per_sec = 0
    taken = service.notify(body=plain_text(message), title=message.title, notify_type=_KINDS[message.severity])
    return Attempt(Fate.SENT) if taken else Attempt(Fate.PASSING, "Apprise says that it was not sent")
