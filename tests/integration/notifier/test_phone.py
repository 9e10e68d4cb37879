"""Commands from a telephone: real notifiers, a real PostgreSQL, the Bot API on this machine, and an engine with the real roles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import grpc
import pytest

from tests.integration.notifier.conftest import Caller, environment
from tests.integration.notifier.engine import Engine
from tests.support.service_process import ServiceProcess
from tests.support.signing import Signing
from tests.support.telegram import BotServer
from tests.support.waiting import eventually
from tradewinds.auth import TRADER, VIEWER
from tradewinds.v1 import notifier_pb2 as pb
from tradewinds.v1 import risk_pb2

PIN, CHAT = "271828", 42


class Phone:
    """Alice, her telephone, the bot and the engine."""

    def __init__(self, bot: BotServer, engine: Engine, environment: dict[str, str], signing: Signing) -> None:
        self.bot = bot
        self.engine = engine
        self.environment = environment
        self.signing = signing
        self.database_url = environment["DATABASE_URL"]

    async def tell(self, text: str, *, age_seconds: float = 0) -> str:
        """Write, and read the answer."""
        before = len(self.bot.answers(CHAT))
        self.bot.write(CHAT, text, age_seconds=age_seconds)
        await eventually(lambda: len(self.bot.answers(CHAT)) > before, timeout=30, what=f"an answer to {text}")
        return self.bot.answers(CHAT)[before]

    async def link(self, notifier: ServiceProcess, *roles: str) -> None:
        """Allow the chat as alice, and prove that it is hers."""
        async with Caller(notifier.facts["grpc"], self.signing, "alice", *roles) as alice:
            allowed = await alice("AllowPhoneChat", pb.AllowPhoneChatRequest(chat_id=CHAT, pin=PIN))
        assert "speaks for alice" in await self.tell(f"/link {allowed.link_code}")

    async def rows(self, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()


@pytest.fixture
async def phone(database_url: str, redis_url: str, signing: Signing) -> AsyncIterator[Phone]:
    async with BotServer() as bot, Engine(signing) as engine:
        more = {
            "PHONE_CONTROL": "true",
            "PHONE_POLL_SECONDS": "1",
            "TELEGRAM_PROVIDERS": bot.provider,
            "ENGINE_ADDRESS": f"127.0.0.1:9,{engine.address}",
            "SEAL_KEY": "A" * 43 + "=",
        }
        yield Phone(bot, engine, environment(database_url, redis_url, signing) | more, signing)


@asynccontextmanager
async def a_notifier(phone: Phone, folder: Path) -> AsyncIterator[ServiceProcess]:
    folder.mkdir(exist_ok=True)
    async with ServiceProcess("notifier", phone.environment, folder) as process:
        yield process


async def test_a_trader_looks_pauses_and_squares_off_from_her_phone(phone: Phone, tmp_path: Path) -> None:
    async with a_notifier(phone, tmp_path) as notifier:
        # Nobody is anybody before.
        assert await phone.tell("/start") == f"This chat is allowed nothing. Its id is {CHAT}."
        await phone.link(notifier, TRADER)

        assert "NOT WELL: the feed is not connected" in (status := await phone.tell("/status"))
        assert "momentum: running" in status
        assert "₹1,234.50" in await phone.tell("/pnl")

        assert "There are: all, ACC1, momentum" in await phone.tell("/squareoff ACC2")
        assert "CLOSE every position of account ACC1" in await phone.tell("/squareoff ACC1")
        assert phone.engine.asked == []
        assert "4 tries left" in await phone.tell("314159")
        phone.engine.unavailable = 2  # an engine that is starting is asked again
        answer = await phone.tell(PIN)
        assert answer.startswith("account ACC1: square off engaged")
        assert "tradewinds release kill-1" in answer

        await phone.tell("/pause all")
        assert await phone.tell(PIN) == "momentum: paused"

        assert "late and was not done" in await phone.tell("/kill all", age_seconds=90)
        (squared, paused) = phone.engine.asked
        assert squared[:2] == paused[:2] == ("alice", f"telegram chat {CHAT}")
        assert squared[2].action == risk_pb2.KILL_ACTION_SQUARE_OFF
        assert (squared[2].scope, squared[2].subject_id) == (risk_pb2.RISK_SCOPE_ACCOUNT, "ACC1")
        # The wrong one and the two right ones.
        assert len(phone.bot.forgotten) == 3

        # A stranger learns nothing, whatever he says.
        phone.bot.write(7, "/squareoff all")
        phone.bot.write(7, PIN)
        await phone.tell("/help")
        assert phone.bot.answers(7) == []

    trail = await phone.rows("SELECT actor, action, subject_id, source FROM audit_log ORDER BY audit_id")
    assert [(row["action"], row["subject_id"]) for row in trail] == [
        ("phone_chat.allow", "42"),
        ("phone_chat.link", "42"),
        ("phone_chat.wrong_pin", "42"),
        ("phone.squareoff", "ACC1"),
        ("phone.pause", ""),
        ("phone_chat.late", "42"),
    ]
    assert {row["actor"] for row in trail} == {"alice"}
    assert {row["source"] for row in trail[1:]} == {f"telegram chat {CHAT}"}
    everything = str(await phone.rows("SELECT * FROM phone_commands")) + str(
        await phone.rows("SELECT * FROM phone_chats")
    )
    assert PIN not in everything
    assert phone.signing.token("alice", TRADER).split(".")[0] not in everything


async def test_a_chat_has_the_roles_of_its_token_and_no_more(phone: Phone, tmp_path: Path) -> None:
    async with a_notifier(phone, tmp_path) as notifier:
        async with Caller(notifier.facts["grpc"], phone.signing, "victor", VIEWER) as victor:
            with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
                await victor("AllowPhoneChat", pb.AllowPhoneChatRequest(chat_id=CHAT, pin=PIN))
        await phone.link(notifier, TRADER)
        async with (
            Caller(notifier.facts["grpc"], phone.signing, "mallory", TRADER) as mallory,
            Caller(notifier.facts["grpc"], phone.signing, "oscar", "operator") as oscar,
        ):
            with pytest.raises(grpc.aio.AioRpcError, match="ALREADY_EXISTS"):
                await mallory("AllowPhoneChat", pb.AllowPhoneChatRequest(chat_id=CHAT, pin=PIN))
            with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
                await mallory("ForbidPhoneChat", pb.ForbidPhoneChatRequest(chat_id=CHAT))
            assert (await mallory("ListPhoneChats", pb.ListPhoneChatsRequest())).phone_chats == []
            for bad in (pb.AllowPhoneChatRequest(chat_id=-5, pin=PIN), pb.AllowPhoneChatRequest(chat_id=5, pin="1234")):
                with pytest.raises(grpc.aio.AioRpcError, match="INVALID_ARGUMENT"):
                    await mallory("AllowPhoneChat", bad)

            # Five wrong ones lock it, and alice is told where she looks.
            await phone.tell("/kill ACC1")
            for _ in range(5):
                answer = await phone.tell("314159")
            assert "locked until" in answer
            assert "Locked until" in await phone.tell(PIN)
            async with Caller(notifier.facts["grpc"], phone.signing, "alice") as alice:
                page = await alice("ListNotifications", pb.ListNotificationsRequest())
                assert [one.type for one in page.notifications] == ["PHONE_LOCKED"]
            # The telephone is gone: an operator forbids it.
            await oscar("ForbidPhoneChat", pb.ForbidPhoneChatRequest(chat_id=CHAT))
        assert "allowed nothing" in await phone.tell("/start")
    assert phone.engine.asked == []


async def test_a_command_is_done_once_whichever_notifier_dies_in_the_middle(phone: Phone, tmp_path: Path) -> None:
    """Two notifiers; the one that listens is killed while the engine has the command and has not answered."""
    first = ServiceProcess("notifier", phone.environment, tmp_path)
    await first.start()
    try:
        await phone.link(first, TRADER)
        await phone.tell("/squareoff ACC1")
        async with a_notifier(phone, tmp_path / "second"):
            phone.engine.hold.clear()
            phone.bot.write(CHAT, PIN)
            await eventually(lambda: phone.engine.calls == 1, timeout=20)
            await first.kill()
            phone.engine.hold.set()
            await eventually(lambda: "square off" in phone.bot.answers(CHAT)[-1], timeout=40)
            # The Bot API gave the update again, to another notifier.
            assert phone.engine.calls >= 2
            assert len(phone.engine.asked) == 1
            assert [
                row["state"] for row in await phone.rows("SELECT state FROM phone_commands WHERE target IS NOT NULL")
            ] == ["DONE"]
            assert "momentum" in await phone.tell("/status")
    finally:
        await first.kill()
