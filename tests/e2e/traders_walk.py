"""What a trader has in her hands while she tries the notifier: `curl -N`, a WebSocket, a mailbox, a telephone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from tests.support.outside_world import Mailbox
from tests.support.stack import UpProcess
from tests.support.telegram import BotServer
from tests.support.waiting import eventually

CHAT, PIN = 4242, "271828"


class Curl:
    """`curl -N` on the stream of notifications; `told` are the titles in order, `resyncs` how often something might be missing."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.resyncs = 0
        self.last_event_id = ""
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    async def start(self, stack: UpProcess) -> None:
        """Connect, with the cursor of the last time."""
        headers = [f"Authorization: Bearer {stack.facts['token']}"]
        if self.last_event_id:
            headers.append(f"Last-Event-ID: {self.last_event_id}")
        wanted = [word for header in headers for word in ("-H", header)]
        url = f"{stack.facts['rest']}/v1/notifications/stream"
        self._process = await asyncio.create_subprocess_exec(
            "curl", "-N", "-s", *wanted, url, stdout=asyncio.subprocess.PIPE
        )
        self._reading = asyncio.create_task(self._read(self._process))
        before = self.last_event_id
        await eventually(lambda: self.last_event_id not in ("", before), timeout=20, what="the stream is live")

    async def cut(self) -> None:
        """The connection is gone, in the middle of whatever it was doing."""
        assert self._process is not None
        assert self._reading is not None
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        name = ""
        async for raw in process.stdout:
            field, _, value = raw.decode().rstrip("\n").partition(": ")
            if field == "id":
                self.last_event_id = value
            elif field == "event":
                name = value
                self.resyncs += value == "resync"
            elif field == "data" and name == "notification":
                self.told.append(json.loads(value)["title"])


@asynccontextmanager
async def web_socket(stack: UpProcess) -> AsyncIterator[list[str]]:
    """The titles that a WebSocket client is told."""
    told: list[str] = []
    headers = {"authorization": f"Bearer {stack.facts['token']}"}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{stack.facts['rest']}/v1/ws", headers=headers) as socket,
    ):

        async def read() -> None:
            async for frame in socket:
                told.extend(one["title"] for one in json.loads(frame.data).get("notifications", ()))

        reading = asyncio.create_task(read())
        try:
            yield told
        finally:
            reading.cancel()


class Trader:
    """The owner of the stack."""

    def __init__(self, stack: UpProcess, mailbox: Mailbox, bot: BotServer) -> None:
        self.stack = stack
        self.mailbox = mailbox
        self.bot = bot

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST as JSON; fails on any status but 200."""
        response = await self.stack.rest.post(path, json=body)
        assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
        answer: dict[str, Any] = response.json()
        return answer

    async def is_quiet(self, *, now: bool) -> None:
        """Quiet hours that hold now, or not before tomorrow."""
        begin = datetime.now(UTC) + (timedelta(hours=-1) if now else timedelta(hours=3))
        window = {"start": f"{begin:%H:%M}", "end": f"{begin + timedelta(hours=2):%H:%M}"}
        settings = {
            "quiet_hours": {"time_zone": "UTC", "windows": [window]},
            "grouping_seconds": 0,
            "muted_types": ["ORDER_EXECUTED", "ORDER_PARTIALLY_FILLED", "ORDER_CANCELLED"],
        }
        response = await self.stack.rest.put("/v1/notification-settings/me", json=settings)
        assert response.status_code == 200, response.text

    async def alert(self, instrument: str, note: str) -> None:
        """One that the next tick of the replay fires."""
        body = {
            "instrument": instrument,
            "condition": "PRICE_ALERT_CONDITION_ABOVE",
            "threshold": "1",
            "note": note,
        }
        await self.post("/v1/price-alerts", body)

    async def inbox(self, note: str) -> dict[str, Any] | None:
        """What the inbox has with this note."""
        page = await self.stack.get("/v1/notifications", page_size="100")
        found: list[dict[str, Any]] = [one for one in page["notifications"] if one["message"].endswith(note)]
        return found[0] if found else None

    async def told_in_inbox(self, note: str) -> dict[str, Any]:
        """It, as soon as it is there."""

        async def found() -> dict[str, Any]:
            one = await self.inbox(note)
            assert one is not None
            return one

        return await eventually(found, timeout=40, interval=0.2, what=f"{note} in the inbox")

    def mailed(self, note: str) -> bool:
        """Whether a mail says it."""
        return any(note in str(mail.get_content()) for mail in self.mailbox.mails if not mail.is_multipart())

    def mailed_code(self) -> str | None:
        """The code of the endpoint that was added last."""
        subjects = [str(mail["Subject"]) for mail in self.mailbox.mails]
        return next((s.rpartition(" ")[2] for s in reversed(subjects) if s.startswith("Your Tradewinds code")), None)

    async def tell_bot(self, text: str) -> str:
        """Write to the bot, and read its answer."""
        before = len(self.bot.answers(CHAT))
        self.bot.write(CHAT, text)
        await eventually(lambda: len(self.bot.answers(CHAT)) > before, timeout=40, what=f"an answer to {text}")
        return self.bot.answers(CHAT)[before]
