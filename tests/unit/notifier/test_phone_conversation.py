"""What a chat may do: nothing without a link, nothing that changes something without the right PIN, nothing late, nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from notifier.engines import Engines
from notifier.notification import NewNotification
from notifier.phone import pin
from notifier.phone.assembly import assemble_phone
from notifier.phone.bot_api import BotApi, words_of
from notifier.phone.commands import Command, Verb, parse
from notifier.phone.conversation import (
    LOCKED_FOR,
    MOST_WRONG,
    OLDEST,
    PIN_WAIT,
    Act,
    Chat,
    Look,
    Propose,
    Say,
    Target,
    ask,
    hear,
)
from notifier.rpc.phone import PhoneRpcs
from notifier.settings import PhoneSettings
from tradewinds.clock import SystemClock
from tradewinds.config import DatabaseSettings
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError, InvalidArgumentError, PreconditionError
from tradewinds.v1 import notifier_pb2 as pb

NOW = datetime(2026, 11, 27, 4, 0, tzinfo=UTC)
CHAT = Chat(42, "alice", linked=True, token_expires_at=NOW + timedelta(days=1))
NEW = replace(CHAT, linked=False, link_hash=pin.code_hash("12345678"), link_expires_at=NOW + timedelta(minutes=10))
SQUARE_OFF = Command(Verb.SQUAREOFF, "ACC1")
ASKED = ask(CHAT, SQUARE_OFF, Target("ACCOUNT", "ACC1"), NOW)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/status", Command(Verb.STATUS)),
        (" /PAUSE momentum ", Command(Verb.PAUSE, "momentum")),
        ("/kill@tradewinds_bot ACC1", Command(Verb.KILL, "ACC1")),
        ("/buy everything", None),
        ("/pause a b", None),
        ("pause momentum", None),
        ("123456", None),
    ],
)
def test_what_is_said_is_a_command_or_none(text: str, command: Command | None) -> None:
    assert parse(text) == command


def test_looking_needs_no_pin_and_changing_does() -> None:
    assert hear(CHAT, "/pnl", NOW, NOW) == (CHAT, Look(Command(Verb.PNL)))
    assert hear(CHAT, "/squareoff ACC1", NOW, NOW) == (CHAT, Propose(SQUARE_OFF))


def test_the_right_pin_does_what_was_asked_for_once() -> None:
    after, intent = hear(ASKED, "271828", NOW, NOW, pin_is_right=True)
    assert intent == Act(SQUARE_OFF, Target("ACCOUNT", "ACC1"))
    assert after.pending is None
    assert isinstance(hear(after, "271828", NOW, NOW, pin_is_right=True)[1], Say)


def test_a_pin_that_comes_too_late_does_nothing() -> None:
    late = NOW + PIN_WAIT + timedelta(seconds=1)
    assert isinstance(hear(ASKED, "271828", late, late, pin_is_right=True)[1], Say)


def test_a_new_question_replaces_the_one_that_waited() -> None:
    after, intent = hear(ASKED, "/pause momentum", NOW, NOW)
    assert (after.pending, intent) == (None, Propose(Command(Verb.PAUSE, "momentum")))


def test_cancel_forgets_it() -> None:
    after, _ = hear(ASKED, "/cancel", NOW, NOW)
    assert isinstance(hear(after, "271828", NOW, NOW, pin_is_right=True)[1], Say)


def test_too_many_wrong_pins_lock_the_chat_even_for_the_right_one_and_for_looking() -> None:
    chat = ASKED
    for tries in range(1, MOST_WRONG + 1):
        chat, intent = hear(chat, "000001", NOW, NOW)
        assert isinstance(intent, Say)
        assert intent.event == ("lock" if tries == MOST_WRONG else "wrong_pin")
    for text in ("271828", "/status", "/squareoff ACC1"):
        assert isinstance(hear(chat, text, NOW, NOW, pin_is_right=True)[1], Say)
    over = NOW + LOCKED_FOR
    assert isinstance(hear(chat, "/status", over, over)[1], Look)
    assert isinstance(hear(chat, "271828", over, over, pin_is_right=True)[1], Say), "nothing waits any more"


def test_wrong_pins_are_counted_over_several_questions_until_the_right_one() -> None:
    chat, _ = hear(ASKED, "000001", NOW, NOW)
    chat, _ = hear(chat, "/cancel", NOW, NOW)
    assert chat.wrong == 1
    chat, _ = hear(ask(chat, SQUARE_OFF, Target("MINE"), NOW), "271828", NOW, NOW, pin_is_right=True)
    assert chat.wrong == 0


@pytest.mark.parametrize("text", ["/status", "/squareoff ACC1", "271828"])
def test_what_is_old_is_refused_and_said_to_be(text: str) -> None:
    sent = NOW - OLDEST - timedelta(seconds=1)
    after, intent = hear(ASKED, text, sent, NOW, pin_is_right=True)
    assert after == ASKED
    assert isinstance(intent, Say)
    assert "61 s late" in intent.text


@pytest.mark.parametrize("text", ["/status", "/kill all", "271828", "/link 87654321"])
def test_a_chat_that_is_not_linked_can_do_nothing(text: str) -> None:
    after, intent = hear(NEW, text, NOW, NOW, pin_is_right=True)
    assert isinstance(intent, Say)
    assert not after.linked


def test_its_code_links_it_in_time() -> None:
    linked, intent = hear(NEW, "/link 12345678", NOW, NOW)
    assert linked.linked
    assert isinstance(intent, Say)
    late = NOW + timedelta(minutes=11)
    assert not hear(NEW, "/link 12345678", late, late)[0].linked


def test_it_ends_with_its_token() -> None:
    chat = replace(CHAT, token_expires_at=NOW)
    assert isinstance(hear(chat, "/status", NOW, NOW)[1], Say)


words = st.one_of(
    st.sampled_from(["/status", "/pnl", "/pause x", "/kill all", "/cancel", "/link 12345678", "/link 1", "271828"]),
    st.text(max_size=12),
)


@given(st.lists(st.tuples(words, st.booleans(), st.integers(0, 40)), max_size=40))
def test_whatever_is_said_only_a_right_pin_after_its_question_acts(said: list[tuple[str, bool, int]]) -> None:
    chat, now = NEW, NOW
    wrong_in_a_row = 0
    for text, right, pause in said:
        now += timedelta(seconds=pause)
        before = chat
        chat, intent = hear(chat, text, now, now, pin_is_right=right)
        if isinstance(intent, Propose):
            chat = ask(chat, intent.command, Target("MINE"), now)
        if isinstance(intent, Act):
            assert before.linked
            assert right
            assert parse(text) is None
            assert before.pending is not None
            assert before.pending.command == intent.command
            assert now - before.pending.until <= timedelta(0)
            assert not before.is_locked(now)
        guessed = isinstance(intent, Say) and intent.event in ("wrong_pin", "lock")
        wrong_in_a_row = (
            wrong_in_a_row + 1
            if guessed
            else 0
            if isinstance(intent, Act) or chat.linked > before.linked
            else wrong_in_a_row
        )
        assert chat.wrong == wrong_in_a_row % MOST_WRONG


@pytest.mark.parametrize("bad", ["12345", "1234567890123", "abcdef", "111111", "123456", "987654", ""])
def test_a_pin_that_is_guessed_easily_is_refused(bad: str) -> None:
    with pytest.raises(InvalidArgumentError, match="pin"):
        pin.checked(bad)


def test_of_a_pin_only_a_salted_hash_is_kept() -> None:
    kept = pin.hashed("271828")
    assert b"271828" not in kept
    assert kept != pin.hashed("271828")
    assert pin.is_right("271828", kept)
    assert not pin.is_right("271829", kept)


@pytest.mark.parametrize(
    "message",
    [
        {"chat": {"id": -5, "type": "group"}, "from": {"id": 42}},
        {"chat": {"id": 42, "type": "private"}, "from": {"id": 43}},
        {"chat": {"id": 42, "type": "private"}, "from": {"id": 42}, "forward_origin": {"type": "user"}},
        {"chat": {"id": 42, "type": "private"}},
        {"chat": 7, "from": 8},
        {"text": None},
    ],
)
def test_only_what_a_person_writes_to_the_bot_alone_is_heard(message: dict[str, Any]) -> None:
    whole = {"message_id": 1, "date": 1_800_000_000, "text": "/kill all"} | message
    assert words_of({"update_id": 7, "message": whole}).chat_id is None


async def test_phone_control_is_off_until_an_operator_says_so() -> None:
    rpcs = PhoneRpcs()
    rpcs._phone = None
    with pytest.raises(PreconditionError, match="PHONE_CONTROL=true"):
        await rpcs.ListPhoneChats(pb.ListPhoneChatsRequest(), None)


@pytest.mark.parametrize(
    ("bot", "engines", "missing"),
    [(None, "127.0.0.1:1", "TELEGRAM_PROVIDERS"), (BotApi("http://bot", "1:a"), "", "ENGINE_ADDRESS")],
)
async def test_what_it_needs_is_named(bot: BotApi | None, engines: str, missing: str) -> None:
    settings = PhoneSettings(enabled=True)
    database = Database(DatabaseSettings(url=SecretStr("postgresql://nobody@127.0.0.1:9/none")))

    async def send(new: NewNotification) -> None:
        raise AssertionError(new)

    with pytest.raises(ConfigurationError, match=missing):
        assemble_phone(settings, bot, database, Engines([engines]) if engines else None, SystemClock(), send)
