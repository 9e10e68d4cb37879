"""The Bot API on this machine, as far as a bot can tell: updates with long polling and confirmation by offset, messages out, deletions."""

from __future__ import annotations

import asyncio
import time
from itertools import count
from types import TracebackType
from typing import Any, Self

from aiohttp import web

TOKEN = "123456:ABC"


class BotServer:
    """One bot. `write` is what a person does; `said` is what the bot answered, `forgotten` the messages that it deleted."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []
        self.forgotten: list[int] = []
        self.polls = 0
        self.refusals: list[int] = []
        self._updates: list[dict[str, Any]] = []
        self._ids = count(1000)
        self._new = asyncio.Event()
        application = web.Application()
        application.router.add_post(f"/bot{TOKEN}/{{method}}", self._call)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def provider(self) -> str:
        """For TELEGRAM_PROVIDERS."""
        return f"telegram://{TOKEN}@127.0.0.1:{self.port}?scheme=http"

    def write(self, chat_id: int, text: str, *, age_seconds: float = 0, **message: Any) -> int:
        """A person writes to the bot; the message's id."""
        update_id = next(self._ids)
        whole = {
            "message_id": update_id,
            "date": int(time.time() - age_seconds),
            "chat": {"id": chat_id, "type": "private"},
            "from": {"id": chat_id},
            "text": text,
        }
        self._updates.append({"update_id": update_id, "message": whole | message})
        self._new.set()
        return update_id

    def answers(self, chat_id: int) -> list[str]:
        """What this chat was told."""
        return [text for told, text in self.said if told == chat_id]

    async def _call(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.refusals:
            status = self.refusals.pop(0)
            return web.json_response({"ok": False, "description": "no"}, status=status)
        match request.match_info["method"]:
            case "getUpdates":
                return _ok(await self._get_updates(body))
            case "sendMessage":
                self.said.append((body["chat_id"], body["text"]))
                return _ok({"message_id": 1})
            case "deleteMessage":
                self.forgotten.append(body["message_id"])
                return _ok(True)
        return web.json_response({"ok": False, "description": "Not Found"}, status=404)

    async def _get_updates(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        self.polls += 1
        self._updates = [one for one in self._updates if one["update_id"] >= body.get("offset", 0)]
        if not self._updates:
            self._new.clear()
            try:
                await asyncio.wait_for(self._new.wait(), body["timeout"])
            except TimeoutError:
                return []
        return self._updates[: body["limit"]]

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})
