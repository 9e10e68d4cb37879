"""The ways to somebody, and what can be decided about one."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """LIVE are the streams; the others are external and need an endpoint."""

    LIVE = "LIVE"
    EMAIL = "EMAIL"
    SMS = "SMS"
    TELEGRAM = "TELEGRAM"
    WEB_PUSH = "WEB_PUSH"
    WEBHOOK = "WEBHOOK"
    APPRISE = "APPRISE"


EXTERNAL: Final = frozenset(Channel) - {Channel.LIVE}


class Action(StrEnum):
    """DEFER and DIGEST both wait; DEFER because now is a bad moment, DIGEST because the user wants such ones together."""

    SEND = "SEND"
    DEFER = "DEFER"
    DIGEST = "DIGEST"
    SUPPRESS = "SUPPRESS"
