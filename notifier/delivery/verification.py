"""Whether an endpoint is its owner's: a code goes there, and nothing else does until somebody has said it here."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Protocol

from notifier.channels import Channel
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.message import Fate, Message
from notifier.delivery.routes import Routes
from notifier.types import Severity
from tradewinds.clock import Clock
from tradewinds.errors import PreconditionError

TYPE: Final = "ENDPOINT_VERIFICATION"
MOST_GUESSES: Final = 5
CODE_LIFE: Final = timedelta(hours=24)


class CodeLimits(Protocol):
    """Counts codes."""

    async def code(self, user_id: str, address: str) -> float:
        """One more; 0 where it may be sent, else the seconds until one may."""
        ...


class EndpointVerifier:
    """Sends codes through the providers that everything goes through."""

    def __init__(self, routes: Mapping[Channel, Routes], limits: CodeLimits, clock: Clock) -> None:
        self._routes = routes
        self._limits = limits
        self._clock = clock

    async def challenge(self, endpoint: Endpoint) -> str:
        """A new code, which was taken for `endpoint`. Raises `PreconditionError` with the provider's words where it was not, and where
        too many were sent lately."""
        seconds = await self._limits.code(endpoint.user_id, f"{endpoint.channel}:{endpoint.address}")
        if seconds:
            raise PreconditionError(
                f"too many codes were sent for you or there in the last hour; try again in {math.ceil(seconds / 60)} min",
                reason="TOO_MANY_CODES",
            )
        code, now = f"{secrets.randbelow(10**8):08}", self._clock.now()
        message = Message(
            delivery_id=f"{endpoint.endpoint_id}-code",
            notification_id=endpoint.endpoint_id,
            type=TYPE,
            severity=Severity.INFO,
            title=f"Your Tradewinds code is {code}",
            body=f"{endpoint.user_id} wants the notifications of Tradewinds to come here. If that was not you, do nothing, and none will.",
            data={"endpoint_id": endpoint.endpoint_id, "code": code},
            created_at=now,
            expires_at=now + CODE_LIFE,
            told_user_id=endpoint.user_id,
        )
        attempt = await self._routes[endpoint.channel].send(message, endpoint)
        if attempt.fate is not Fate.SENT:
            raise PreconditionError(
                f"the code could not be sent: {attempt.detail}; nothing was added",
                reason="CODE_NOT_SENT",
            )
        return code


def code_hash(endpoint_id: str, code: str) -> str:
    """What is kept of a code, which is good for a day and five guesses."""
    return hashlib.sha256(f"{endpoint_id}:{code.strip()}".encode()).hexdigest()
