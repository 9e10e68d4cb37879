"""The Bot API as far as a conversation needs it (https://core.telegram.org/bots/api#getting-updates)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from tradewinds.errors import TradewindsError

_MOST_UPDATES: Final = 20
_MOST_CHARACTERS: Final = 4_000
_CALL_SECONDS: Final = 10.0
_BEYOND_WAIT_SECONDS: Final = 4.0
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BotApiError(TradewindsError):
    """The Bot API did not do what it was asked; `status` 409: somebody else listens to this bot, 401: the token is wrong."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Words:
    """What somebody wrote. `chat_id` is None where it is nothing that we take for words: a picture, a group, another's forward."""

    update_id: int
    chat_id: int | None = None
    message_id: int = 0
    text: str = ""
    sent_at: datetime = _LONG_AGO


class BotApi:
    """One bot. `bot_id` is the public part of its token."""

    def __init__(self, url: str, token: str) -> None:
        self.bot_id = token.partition(":")[0]
        self._base = f"{url}/bot{token}"
        self._session: aiohttp.ClientSession | None = None

    async def updates(self, offset: int, wait_seconds: float) -> list[Words]:
        """What has been written since `offset`, which confirms everything before it; waits for something. Raises `BotApiError`."""
        body = {
            "offset": offset,
            "limit": _MOST_UPDATES,
            "timeout": int(wait_seconds),
            "allowed_updates": ["message"],
        }
        if offset == 0:
            del body["offset"]
        result = await self._call("getUpdates", body, seconds=wait_seconds + _BEYOND_WAIT_SECONDS)
        return [words_of(update) for update in result if isinstance(update, dict) and "update_id" in update]

    async def say(self, chat_id: int, text: str) -> None:
        """Answer. Raises `BotApiError`."""
        await self._call("sendMessage", {"chat_id": chat_id, "text": text[:_MOST_CHARACTERS]})

    async def forget(self, chat_id: int, message_id: int) -> None:
        """Delete a message from the chat. Raises `BotApiError`."""
        await self._call("deleteMessage", {"chat_id": chat_id, "message_id": message_id})

    async def close(self) -> None:
        """Let connections go."""
        if self._session is not None:
            await self._session.close()

    async def _call(self, method: str, body: dict[str, Any], *, seconds: float = _CALL_SECONDS) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        try:
            timeout = aiohttp.ClientTimeout(total=seconds)
            async with self._session.post(
                f"{self._base}/{method}", json=body, timeout=timeout, allow_redirects=False
            ) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            # An error's words may hold the URL, and that the token: its kind is enough.
            raise BotApiError(f"{method}: {type(e).__name__}") from e
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            said = str(answer.get("description", "")) if isinstance(answer, dict) else "nonsense"
            raise BotApiError(f"{method}: HTTP {response.status} {said[:200]}", response.status)
        return answer.get("result")


def words_of(update: dict[str, Any]) -> Words:
    """Only what a person wrote to the bot alone: in a group others could speak in that person's name."""
    update_id = int(update["update_id"])
    message = update.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("text"), str):
        return Words(update_id)
    chat, sender, sent_at = message.get("chat"), message.get("from"), message.get("date")
    if not isinstance(chat, dict) or not isinstance(sender, dict) or not isinstance(sent_at, int):
        return Words(update_id)
    if chat.get("type") != "private" or chat.get("id") != sender.get("id") or "forward_origin" in message:
        return Words(update_id)
    return Words(
        update_id,
        int(chat["id"]),
        int(message.get("message_id", 0)),
        message["text"],
        datetime.fromtimestamp(sent_at, UTC),
    )
