"""What a chat's words mean, and what is remembered of it: one table of rules, the first that applies decides. Pure.

Nothing changes anything but the right PIN after a question that said what it will do.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from notifier.phone.commands import HELP, Command, Verb, parse
from notifier.phone.pin import code_hash
from tradewinds.clock import ist

# A telephone that was in a tunnel delivers what its owner has long forgotten.
OLDEST: Final = timedelta(seconds=60)
PIN_WAIT: Final = timedelta(seconds=60)
LINK_WAIT: Final = timedelta(minutes=10)
MOST_WRONG: Final = 5
LOCKED_FOR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Target:
    """Whom a command means: one strategy, one account, or everything that is the user's own."""

    scope: str  # STRATEGY, ACCOUNT or MINE
    subject_id: str = ""

    def __str__(self) -> str:
        return {"STRATEGY": "strategy ", "ACCOUNT": "account "}.get(self.scope, "everything of yours") + self.subject_id


@dataclass(frozen=True)
class Pending:
    """A command that waits for the PIN."""

    command: Command
    target: Target
    until: datetime


@dataclass(frozen=True)
class Chat:
    """One private chat with the bot."""

    chat_id: int
    user_id: str
    linked: bool
    token_expires_at: datetime
    link_hash: str = ""
    link_expires_at: datetime | None = None
    wrong: int = 0
    locked_until: datetime | None = None
    pending: Pending | None = None

    def is_locked(self, now: datetime) -> bool:
        """Too many guesses, not long ago."""
        return self.locked_until is not None and now < self.locked_until

    def awaits_pin(self, now: datetime) -> bool:
        """Whether the next words are taken for the PIN."""
        return self.pending is not None and now <= self.pending.until and not self.is_locked(now)


@dataclass(frozen=True)
class Say:
    """Only words. `event` names what an auditor wants to know of, if it is such a thing."""

    text: str
    event: str = ""


@dataclass(frozen=True)
class Look:
    """Read and answer."""

    command: Command


@dataclass(frozen=True)
class Propose:
    """Find out whom it means, say what it would do, and ask for the PIN."""

    command: Command


@dataclass(frozen=True)
class Act:
    """Do it."""

    command: Command
    target: Target


Intent = Say | Look | Propose | Act


def hear(chat: Chat, text: str, sent_at: datetime, now: datetime, *, pin_is_right: bool = False) -> tuple[Chat, Intent]:
    """What the chat becomes, and what is to be done."""
    if chat.is_locked(now):
        return replace(chat, pending=None), Say(
            f"Locked until {_clock(chat.locked_until)} after {MOST_WRONG} wrong guesses."
        )
    if now - sent_at > OLDEST:
        late = (now - sent_at).total_seconds()
        return chat, Say(f"This came {late:.0f} s late and was not done. Send it again if you still want it.", "late")
    command = parse(text)
    if not chat.linked:
        return _link(chat, command, now)
    if now >= chat.token_expires_at:
        return chat, Say(
            "The permission of this chat has expired. Allow it again: tradewinds notifications phone allow"
        )
    if command is None and chat.pending is not None and chat.awaits_pin(now):
        return _unlock(chat, chat.pending, now, pin_is_right=pin_is_right)
    return _obey(chat, command)


def ask(chat: Chat, command: Command, target: Target, now: datetime) -> Chat:
    """It waits for the PIN now, instead of whatever waited before."""
    return replace(chat, pending=Pending(command, target, now + PIN_WAIT))


def _link(chat: Chat, command: Command | None, now: datetime) -> tuple[Chat, Intent]:
    if command is None or command.verb is not Verb.LINK:
        return chat, Say("Write /link and the code that `tradewinds notifications phone allow` printed.")
    if chat.link_expires_at is None or now > chat.link_expires_at:
        return chat, Say("The code has expired. Make another: tradewinds notifications phone allow")
    if not hmac.compare_digest(code_hash(command.argument), chat.link_hash):
        return _wrong(chat, now, "That is not the code.")
    linked = replace(chat, linked=True, link_hash="", link_expires_at=None, wrong=0)
    return linked, Say(f"This chat now speaks for {chat.user_id}.\n\n{HELP}", "link")


def _unlock(chat: Chat, pending: Pending, now: datetime, *, pin_is_right: bool) -> tuple[Chat, Intent]:
    if not pin_is_right:
        return _wrong(chat, now, "That is not your PIN. Nothing was done.")
    return replace(chat, pending=None, wrong=0), Act(pending.command, pending.target)


def _wrong(chat: Chat, now: datetime, words: str) -> tuple[Chat, Intent]:
    wrong = chat.wrong + 1
    if wrong < MOST_WRONG:
        return replace(chat, wrong=wrong), Say(f"{words} {MOST_WRONG - wrong} tries left.", "wrong_pin")
    until = now + LOCKED_FOR
    locked = replace(chat, wrong=0, locked_until=until, pending=None)
    return locked, Say(f"{words} This chat is locked until {_clock(until)}.", "lock")


def _obey(chat: Chat, command: Command | None) -> tuple[Chat, Intent]:
    if command is None or command.verb in (Verb.HELP, Verb.START, Verb.LINK):
        return chat, Say(HELP)
    if command.verb.looks:
        return chat, Look(command)
    if command.verb.acts:
        return replace(chat, pending=None), Propose(command)
    return replace(chat, pending=None), Say("Forgotten." if chat.pending else "Nothing waits for your PIN.")


def _clock(moment: datetime | None) -> str:
    return f"{ist(moment):%H:%M} IST" if moment is not None else ""
