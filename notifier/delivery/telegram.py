"""Telegram through the Bot API (https://core.telegram.org/bots/api#sendmessage)."""

from __future__ import annotations

import json
from typing import Any, Final

from notifier.delivery.endpoints import Endpoint
from notifier.delivery.http_answers import HttpCaller, json_object, of_status
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.wording import telegram_text
from notifier.types import Severity

# The bot was blocked or removed; of 400 only an unknown chat.
_GONE: Final = frozenset({403})
_NO_CHAT: Final = ("chat not found", "user is deactivated", "group chat was deactivated")


class TelegramBot:
    """A `Provider`."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self._url = f"{url}/bot{token}/sendMessage"
        self._http = HttpCaller()

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        """One message to one chat."""
        body = {
            "chat_id": endpoint.address,
            "text": telegram_text(message),
            "link_preview_options": {"is_disabled": True},
            "disable_notification": message.severity is Severity.INFO,
        }
        headers = {"Content-Type": "application/json"}
        answer = await self._http.post(self._url, body=json.dumps(body).encode(), headers=headers)
        if isinstance(answer, Attempt):
            return answer
        status, response_headers, text = answer
        said = json_object(text)
        if status == 200:
            return _delivered(said)
        description = str(said.get("description", text))
        if status == 400 and any(words in description.lower() for words in _NO_CHAT):
            return Attempt(Fate.GONE, description[:200])
        attempt = of_status(status, response_headers, description, gone=_GONE, passing=(401, 404))
        wish = (said.get("parameters") or {}).get("retry_after")
        if attempt.fate is Fate.THROTTLED and isinstance(wish, int):
            return Attempt(Fate.THROTTLED, attempt.detail, retry_after_seconds=float(wish))
        return attempt

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def _delivered(said: dict[str, Any]) -> Attempt:
    result = said.get("result")
    if said.get("ok") is not True or not isinstance(result, dict) or "message_id" not in result:
        return Attempt(Fate.PASSING, "an answer that is not the Bot API's: is this the right address?")
    return Attempt(Fate.SENT, provider_message_id=str(result["message_id"]))
