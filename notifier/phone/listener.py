"""Listens to the bot: one notifier at a time, each update once, whoever dies in between.

An update is taken by the transaction that writes down what was said, what the chat becomes and, where something is to be done, the command
and its audit record. Only then is it done, under the command's own request id: whoever finds it taken and not finished does it again and
nothing happens twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from prometheus_client import Counter

from notifier.engines import Speaker
from notifier.phone import pin
from notifier.phone.acts import Acts, question
from notifier.phone.bot_api import BotApi, BotApiError, Words
from notifier.phone.chat_store import ChatStore, KnownChat, source_of
from notifier.phone.commands import Command, Verb, parse
from notifier.phone.conversation import OLDEST, Act, Chat, Intent, Look, Propose, Say, ask, hear
from notifier.phone.tokens import ChatTokens
from tradewinds.clock import Clock
from tradewinds.database.faults import is_passing
from tradewinds.database.reconnecting import describe
from tradewinds.errors import TradewindsError
from tradewinds.telemetry import get_logger

log = get_logger("notifier.phone")

_ASK_SECONDS: Final = 1.0
_TROUBLE_SECONDS: Final = 3.0
# More than the Bot API has for its answer.
_LEASE_BEYOND_POLL: Final = timedelta(seconds=6)
_LONGEST_ACT: Final = timedelta(seconds=90)
_HEARD: Final = Counter("tradewinds_notifier_phone_heard_total", "Words to the bot", ["what"])

# Tells a user what must not go unnoticed: (user id, title, message, dedupe key).
Warn = Callable[[str, str, str, str], Awaitable[None]]


class PhoneListener:
    """`run` is a watched task; any number of notifiers may run it. `holder` names this process."""

    def __init__(
        self,
        bot: BotApi,
        chats: ChatStore,
        acts: Acts,
        tokens: ChatTokens,
        clock: Clock,
        holder: str,
        poll_seconds: float,
        warn: Warn,
    ) -> None:
        self._bot = bot
        self._chats = chats
        self._acts = acts
        self._tokens = tokens
        self._clock = clock
        self._holder = holder
        self._poll_seconds = poll_seconds
        self._lease_ttl = timedelta(seconds=poll_seconds) + _LEASE_BEYOND_POLL
        self._warn = warn
        self._listens = False

    async def run(self) -> None:
        """Listen whenever no other notifier does."""
        while True:
            try:
                pause = await self.turn()
            except BotApiError as e:
                log.warning_throttled("bot.unwell", error=str(e), remedy=_remedy(e))
                pause = _TROUBLE_SECONDS
            except Exception as e:
                if not is_passing(e):
                    raise
                log.warning_throttled("database.away", error=describe(e))
                # What was taken and is not finished is looked for again.
                self._listens, pause = False, _TROUBLE_SECONDS
            await asyncio.sleep(pause)

    async def turn(self) -> float:
        """Hear what has been said since; how long to wait before the next turn."""
        next_update_id = await self._chats.lease(self._bot.bot_id, self._holder, self._lease_ttl)
        if next_update_id is None:
            self._listens = False
            return _ASK_SECONDS
        if not self._listens:
            self._listens = True
            log.info("listening", bot=self._bot.bot_id)
            await self._finish_what_was_taken()
        for words in await self._bot.updates(next_update_id, self._poll_seconds):
            # What is long in being done must not cost us the lease and the next update another's time.
            if await self._chats.lease(self._bot.bot_id, self._holder, self._lease_ttl) is None:
                return 0
            try:
                await self._hear(words)
            except Exception as e:
                if isinstance(e, BotApiError) or is_passing(e):
                    raise
                # One message that we stumble over must not stop the next command.
                log.error("defect", update_id=words.update_id, error=repr(e), exc_info=True)
            await self._chats.advance(self._bot.bot_id, self._holder, words.update_id + 1)
        return 0

    async def stop(self) -> None:
        """Let another notifier listen at once."""
        await self._chats.let_go(self._bot.bot_id, self._holder)
        await self._bot.close()

    async def _hear(self, words: Words) -> None:
        if words.chat_id is None:
            _HEARD.labels("no words").inc()
            return
        known = await self._chats.find(words.chat_id)
        if known is None:
            _HEARD.labels("stranger").inc()
            await self._to_a_stranger(words)
            return
        _HEARD.labels("chat").inc()
        await self._hear_known(known, words)

    async def _to_a_stranger(self, words: Words) -> None:
        """Whoever sets it up learns the chat's id; nobody else gets an answer."""
        if words.chat_id is not None and words.text.startswith("/start"):
            await self._say(words.chat_id, f"This chat is allowed nothing. Its id is {words.chat_id}.")

    async def _hear_known(self, known: KnownChat, words: Words) -> None:
        now = self._clock.now()
        is_secret = parse(words.text) is None
        right = is_secret and known.chat.awaits_pin(now) and await self._is_pin(known, words.text)
        after, intent = hear(known.chat, words.text, words.sent_at, now, pin_is_right=right)
        after, answer = await self._prepare(known, after, intent, now)
        command_id = f"tg-{self._bot.bot_id}-{words.update_id}"
        said = _without_secrets(words.text)
        if not await self._chats.take(command_id, self._bot.bot_id, known, after, said, intent, answer):
            return
        if is_secret:
            await self._forget(words)
        if isinstance(intent, Act):
            answer = await self._do(command_id, known, intent)
        await self._say(known.chat.chat_id, answer)
        if isinstance(intent, Say) and intent.event == "lock":
            await self._warn_of_lock(after)

    async def _is_pin(self, known: KnownChat, text: str) -> bool:
        return await asyncio.to_thread(pin.is_right, text.strip(), known.pin_hash)

    async def _prepare(self, known: KnownChat, after: Chat, intent: Intent, now: datetime) -> tuple[Chat, str]:
        """What the chat becomes and is answered, as far as that needs the engine and changes nothing there."""
        match intent:
            case Say(text):
                return after, text
            case Look(command):
                try:
                    return after, await self._acts.look(command, self._speaker(known))
                except TradewindsError as e:
                    return after, f"No answer: {e.message}"
            case Propose(command):
                try:
                    target = await self._acts.target(command, self._speaker(known))
                except TradewindsError as e:
                    return after, f"Not done: {e.message}"
                return ask(after, command, target, now), question(command, target)
        return after, ""

    async def _do(self, command_id: str, known: KnownChat, act: Act) -> str:
        log.info("command", command=str(act.command), command_id=command_id, user_id=known.chat.user_id)
        try:
            answer = await self._acts.do(act, command_id, known.chat.user_id, self._speaker(known))
        except TradewindsError as e:
            answer = f"NOT DONE: {e.message}"
        await self._chats.finish(command_id, answer)
        return answer

    async def _finish_what_was_taken(self) -> None:
        """Another notifier, or this one in an earlier life, took them and did not come back."""
        for one in await self._chats.accepted(self._bot.bot_id):
            known = await self._chats.find(one.chat_id)
            if known is None or self._clock.now() - one.created_at > OLDEST + _LONGEST_ACT:
                answer = f"{one.act.command}: interrupted, and may have been done in part. Look at /status."
                await self._chats.finish(one.command_id, answer, interrupted=True)
            else:
                answer = await self._do(one.command_id, known, one.act)
            await self._say(one.chat_id, answer)

    def _speaker(self, known: KnownChat) -> Speaker:
        chat_id = known.chat.chat_id
        return Speaker(self._tokens.unseal(chat_id, known.sealed_token), source_of(chat_id))

    async def _say(self, chat_id: int, text: str) -> None:
        """What was done is done, whether or not it can be said."""
        try:
            await self._bot.say(chat_id, text)
        except BotApiError as e:
            log.warning("not_said", chat_id=chat_id, error=str(e))

    async def _forget(self, words: Words) -> None:
        """A PIN must not stay on the telephone's screen."""
        try:
            await self._bot.forget(words.chat_id or 0, words.message_id)
        except BotApiError as e:
            log.warning("not_forgotten", chat_id=words.chat_id, error=str(e))

    async def _warn_of_lock(self, chat: Chat) -> None:
        until = chat.locked_until
        await self._warn(
            chat.user_id,
            f"Telegram chat {chat.chat_id} is locked",
            "Somebody guessed the PIN or the link code wrong five times. If it was not you: tradewinds notifications phone forbid "
            f"{chat.chat_id}",
            f"phone-lock-{chat.chat_id}-{until}",
        )


def _without_secrets(text: str) -> str:
    """What may be written down of somebody's words: a command, without the code of a link; anything else may be a PIN."""
    command = parse(text)
    if command is None:
        return "(words)"
    return str(Command(Verb.LINK)) if command.verb is Verb.LINK else str(command)


def _remedy(error: BotApiError) -> str:
    if error.status == 409:
        return "something else reads this bot's updates, or a webhook is set; give the notifier a bot of its own"
    if error.status in (401, 404):
        return "check the token in TELEGRAM_PROVIDERS"
    return ""
