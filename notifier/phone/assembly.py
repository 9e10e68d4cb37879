"""Phone control of this process, put together; None where it is off."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from notifier.engines import Engines
from notifier.notification import NewNotification
from notifier.phone.acts import Acts
from notifier.phone.bot_api import BotApi
from notifier.phone.chat_store import ChatStore
from notifier.phone.desk import PhoneDesk
from notifier.phone.listener import PhoneListener
from notifier.phone.tokens import ChatTokens
from notifier.settings import PhoneSettings
from tradewinds import ids
from tradewinds.clock import Clock
from tradewinds.config import SealSettings, load
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError

Send = Callable[[NewNotification], Awaitable[None]]


@dataclass(frozen=True)
class Phone:
    """For the rpcs, and for the process that runs it."""

    desk: PhoneDesk
    listener: PhoneListener


def assemble_phone(
    settings: PhoneSettings, bot: BotApi | None, database: Database, engines: Engines | None, clock: Clock, send: Send
) -> Phone | None:
    """Raises `ConfigurationError` naming what is missing."""
    if not settings.enabled:
        return None
    if bot is None:
        raise ConfigurationError("PHONE_CONTROL: needs a bot; set TELEGRAM_PROVIDERS")
    if engines is None:
        raise ConfigurationError("ENGINE_ADDRESS: not set, and PHONE_CONTROL needs an engine to give commands to")
    tokens, chats = ChatTokens(load(SealSettings).key_bytes()), ChatStore(database)

    async def warn(user_id: str, title: str, message: str, dedupe_key: str) -> None:
        await send(NewNotification(user_id, "PHONE_LOCKED", title, message, dedupe_key=dedupe_key))

    listener = PhoneListener(bot, chats, Acts(engines), tokens, clock, ids.new_id("phone"), settings.poll_seconds, warn)
    return Phone(PhoneDesk(chats, tokens, clock), listener)
