"""A broker session that nobody hands over: break-glass logs in for itself."""

from __future__ import annotations

from engine_server.broker.angel_one.sessions import BrokerSession


class OwnSession:
    """Implements `SessionStore`, and keeps nothing."""

    async def load(self) -> BrokerSession | None:
        """None: always a new login."""
        return None

    async def save(self, session: BrokerSession, epoch: int) -> None:
        """Not kept."""

    async def record_failure(self, epoch: int, client_code: str, error: str) -> None:
        """The caller says it."""

    async def rival(self, client_code: str) -> str:
        """Nobody else's business now."""
        return ""
