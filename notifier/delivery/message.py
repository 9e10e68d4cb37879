"""What is said on a channel, and what came of saying it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from notifier.delivery.endpoints import Endpoint
from notifier.types import Severity


@dataclass(frozen=True)
class Message:
    """One delivery's content. `part` is what its template says on this channel, such as html or a DLT template id; `told_user_id` is whom
    the notification is for, which on an escalation is another than the endpoint's; `stops` names what a receiver would want no more of: a
    type, or * for all.
    """

    delivery_id: str
    notification_id: str
    type: str
    severity: Severity
    title: str
    body: str
    data: Mapping[str, Any]
    created_at: datetime
    expires_at: datetime
    told_user_id: str = ""
    stops: str = ""
    part: Mapping[str, str] = field(default_factory=dict)


class Fate(StrEnum):
    """What became of one attempt. One without an answer is PASSING: it goes again, under the same id."""

    SENT = "SENT"
    THROTTLED = "THROTTLED"
    PASSING = "PASSING"
    REFUSED = "REFUSED"
    GONE = "GONE"
    HELD = "HELD"  # no provider could be asked now: not an attempt


@dataclass(frozen=True)
class Attempt:
    """`retry_after_seconds` is the provider's wish."""

    fate: Fate
    detail: str = ""
    provider: str = ""
    provider_message_id: str = ""
    retry_after_seconds: float | None = None


class Provider(Protocol):
    """Somebody who takes messages. Never raises but for defects."""

    name: str

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """Hand it over."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...
