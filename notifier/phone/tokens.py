"""The tokens in whose name chats speak, sealed: a stolen database gives no commands."""

from __future__ import annotations

from tradewinds.seal import seal, unseal


class ChatTokens:
    """Each belongs to its chat, and opens for no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, chat_id: int, token: str) -> bytes:
        """For the database."""
        return seal(self._key, f"phone_chat:{chat_id}", token.encode())

    def unseal(self, chat_id: int, sealed: bytes) -> str:
        """Raises `ConfigurationError` when the key is another."""
        return unseal(self._key, f"phone_chat:{chat_id}", sealed).decode()
