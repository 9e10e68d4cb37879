"""Retrying, breaking, budgets, wording and gathering: what is decided about a message on its way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.channels import Channel
from notifier.delivery.backoff import MAXIMUM_ATTEMPTS, next_attempt
from notifier.delivery.breaker import THRESHOLD, Breaker, Budget
from notifier.delivery.endpoints import Endpoint
from notifier.delivery.gathering import Member, digest, settle
from notifier.delivery.http_answers import of_status, retry_after
from notifier.delivery.message import Attempt, Fate, Message
from notifier.delivery.routes import Route, Routes
from notifier.delivery.wording import push_payload, sms_size, sms_text, telegram_text
from notifier.types import Severity

NOW = datetime(2026, 11, 27, 4, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=24)
ENDPOINT = Endpoint("nep-1", "alice", Channel.EMAIL, "alice@example.com")
MESSAGE = Message("dlv-1", "ntf-1", "ORDER_REJECTED", Severity.WARNING, "rejected", "RMS", {}, NOW, LATER)


@given(st.integers(1, MAXIMUM_ATTEMPTS - 1), st.floats(0, 1), st.none() | st.floats(0, 3600))
def test_the_next_attempt_is_later_than_the_provider_wants_and_before_it_is_worthless(
    attempts: int, chance: float, wish: float | None
) -> None:
    attempt = Attempt(Fate.THROTTLED, retry_after_seconds=wish)
    due_at = next_attempt(attempt, attempts, NOW, LATER, lambda: chance)
    assert due_at is not None
    assert NOW + timedelta(seconds=wish or 0) <= due_at < LATER
    assert next_attempt(attempt, attempts, NOW, due_at, lambda: chance) is None


@pytest.mark.parametrize("fate", [Fate.SENT, Fate.REFUSED, Fate.GONE])
def test_what_is_final_is_not_tried_again(fate: Fate) -> None:
    assert next_attempt(Attempt(fate), 1, NOW, LATER, lambda: 0.5) is None


def test_it_is_over_after_so_many_attempts_but_waiting_is_none() -> None:
    assert next_attempt(Attempt(Fate.PASSING), MAXIMUM_ATTEMPTS, NOW, LATER, lambda: 0.5) is None
    held = Attempt(Fate.HELD, retry_after_seconds=3)
    assert next_attempt(held, 1000, NOW, LATER, lambda: 1.0) == NOW + timedelta(seconds=3)


def test_a_breaker_opens_lets_one_try_and_closes_with_its_success() -> None:
    breaker = Breaker()
    for _ in range(THRESHOLD):
        assert breaker.wait(100.0) == 0
        breaker.enter(100.0)
        breaker.failed(100.0)
    assert breaker.wait(100.0) > 0
    later = 100.0 + breaker.wait(100.0)
    assert breaker.wait(later) == 0
    breaker.enter(later)
    assert breaker.wait(later) > 0, "one is trying"
    breaker.failed(later)
    assert breaker.wait(later) > later - 100.0, "it waits longer"
    breaker.enter(later + 60)
    breaker.succeeded()
    assert breaker.wait(later + 60) == 0


def test_a_burst_of_failures_that_were_under_way_opens_it_once() -> None:
    one, many = Breaker(), Breaker()
    for breaker, failures in ((one, THRESHOLD), (many, THRESHOLD * 4)):
        for _ in range(failures):
            breaker.failed(10.0)
    assert many.wait(10.0) == one.wait(10.0)


@given(st.floats(0.5, 100), st.lists(st.floats(0, 5), min_size=1, max_size=200))
def test_a_budget_is_never_exceeded(rate: float, gaps: list[float]) -> None:
    budget, now, taken = Budget(rate), 1.0, 0
    for gap in gaps:
        now += gap
        if budget.wait(now) == 0:
            budget.take(now)
            taken += 1
    assert taken <= max(1.0, rate) + rate * (now - 1.0) + 1


@dataclass
class Scripted:
    """A provider that answers as it is told."""

    name: str
    answers: list[Attempt] = field(default_factory=list)
    asked: int = 0

    async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
        self.asked += 1
        return self.answers.pop(0) if self.answers else Attempt(Fate.SENT, provider_message_id=f"{self.name}-1")

    async def close(self) -> None:
        pass


@dataclass
class Time:
    seconds: float = 100.0

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return self.seconds


def routes(*providers: Scripted, clock: Time | None = None, budgets: Sequence[float] = ()) -> Routes:
    some = [Route(provider) for provider in providers]
    for route, rate in zip(some, budgets, strict=False):
        route.budget = Budget(rate)
    return Routes(Channel.EMAIL, some, clock or Time())


async def test_who_fails_or_is_busy_is_passed_over() -> None:
    first, second = (
        Scripted("first", [Attempt(Fate.PASSING), Attempt(Fate.THROTTLED, retry_after_seconds=30)]),
        Scripted("second"),
    )
    both = routes(first, second)
    for _ in range(3):
        answer = await both.send(MESSAGE, ENDPOINT)
        assert (answer.fate, answer.provider) == (Fate.SENT, "second")
    assert first.asked == 2, "it had asked for quiet"


async def test_what_is_refused_is_not_asked_of_another() -> None:
    first, second = Scripted("first", [Attempt(Fate.REFUSED, "no such user")]), Scripted("second")
    assert (await routes(first, second).send(MESSAGE, ENDPOINT)).fate is Fate.REFUSED
    assert second.asked == 0


async def test_one_users_dead_server_does_not_hold_back_anothers() -> None:
    dead = [Attempt(Fate.PASSING)] * THRESHOLD
    webhooks = Scripted("webhook", dead)
    some = Routes(Channel.WEBHOOK, [Route(webhooks, by_endpoint=True)], Time())
    alices, bobs = replace(ENDPOINT, endpoint_id="nep-1"), replace(ENDPOINT, endpoint_id="nep-2")
    for _ in range(THRESHOLD):
        assert (await some.send(MESSAGE, alices)).fate is Fate.PASSING
    assert (await some.send(MESSAGE, alices)).fate is Fate.HELD
    assert (await some.send(MESSAGE, bobs)).fate is Fate.SENT


async def test_one_users_slow_server_does_not_take_every_place() -> None:
    class Slow(Scripted):
        async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
            if endpoint.endpoint_id == "nep-1":
                await asyncio.sleep(0.2)
            return await super().send(message, endpoint)

    some = Routes(Channel.WEBHOOK, [Route(Slow("webhook"), by_endpoint=True)], Time())
    alices, bobs = replace(ENDPOINT, endpoint_id="nep-1"), replace(ENDPOINT, endpoint_id="nep-2")
    slow = [asyncio.create_task(some.send(MESSAGE, alices)) for _ in range(16)]
    await asyncio.sleep(0)
    assert (await some.send(MESSAGE, bobs)).fate is Fate.SENT
    fates = [(await one).fate for one in slow]
    assert (fates.count(Fate.SENT), fates.count(Fate.HELD)) == (4, 12)
    assert (await some.send(MESSAGE, alices)).fate is Fate.SENT


async def test_over_budget_waits_without_counting_as_an_attempt() -> None:
    only = Scripted("only")
    some = routes(only, budgets=[1])
    assert (await some.send(MESSAGE, ENDPOINT)).fate is Fate.SENT
    held = await some.send(MESSAGE, ENDPOINT)
    assert held.fate is Fate.HELD
    assert held.retry_after_seconds == pytest.approx(1, abs=0.1)
    assert only.asked == 1


async def test_a_provider_with_a_defect_does_not_stop_the_others() -> None:
    class Broken(Scripted):
        async def send(self, message: Message, endpoint: Endpoint) -> Attempt:
            raise ZeroDivisionError

    assert (await routes(Broken("broken"), Scripted("second")).send(MESSAGE, ENDPOINT)).provider == "second"


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.SENT),
        (202, Fate.SENT),
        (301, Fate.REFUSED),
        (400, Fate.REFUSED),
        (404, Fate.REFUSED),
        (408, Fate.PASSING),
        (410, Fate.GONE),
        (413, Fate.REFUSED),
        (429, Fate.THROTTLED),
        (500, Fate.PASSING),
        (502, Fate.PASSING),
        (503, Fate.PASSING),
    ],
)
def test_an_http_status_is_classified(status: int, fate: Fate) -> None:
    assert of_status(status, {}, "", gone=(410,)).fate is fate


def test_retry_after_is_understood_in_both_forms() -> None:
    assert retry_after("17") == 17
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None
    assert of_status(503, {"Retry-After": "9"}, "").retry_after_seconds == 9


@pytest.mark.parametrize(
    ("text", "encoding", "segments"),
    [
        ("a" * 160, "GSM-7", 1),
        ("a" * 161, "GSM-7", 2),
        ("a" * 306, "GSM-7", 2),
        ("a" * 307, "GSM-7", 3),
        ("€" * 80, "GSM-7", 1),
        ("€" * 81, "GSM-7", 2),
        ("₹" * 70, "UCS-2", 1),
        ("₹" * 71, "UCS-2", 2),
        ("😀" * 35, "UCS-2", 1),
        ("😀" * 36, "UCS-2", 2),
        ("", "GSM-7", 1),
    ],
)
def test_the_segments_of_a_text_message(text: str, encoding: str, segments: int) -> None:
    size = sms_size(text)
    assert (size.encoding, size.segments) == (encoding, segments)


@given(st.text(max_size=4000), st.text(max_size=200))
def test_every_wording_fits_its_channel(body: str, title: str) -> None:
    message = replace(MESSAGE, title=title, body=body)
    assert sms_size(sms_text(message)).segments <= 3
    assert len(telegram_text(message)) <= 4096
    assert len(push_payload(message)["body"]) <= 1000


def test_what_was_registered_is_not_cut() -> None:
    own = "x" * 1000
    assert sms_text(replace(MESSAGE, part={"text": own})) == own


def member(number: int, *, seen: bool = False, type_: str = "ORDER_REJECTED") -> Member:
    return Member(
        f"dlv-{number}", NOW, f"ntf-{number}", type_, f"title {number}", NOW + timedelta(seconds=number), seen
    )


def test_several_become_one_with_a_count() -> None:
    settled = settle([member(n) for n in range(30)])
    (carrier,) = [one for one in settled if one.state == "PENDING"]
    assert carrier.content is not None
    assert carrier.content["title"].startswith("30 orders rejected, 27 Nov 10:00")
    assert "… and 10 before these" in carrier.content["message"]
    assert {one.merged_into for one in settled if one.state == "MERGED"} == {carrier.member.delivery_id}


def test_several_of_several_types_begin_with_how_many_of_each() -> None:
    content = digest([member(1), member(2, type_="PRICE_ALERT"), member(3)])
    assert content["title"].startswith("3 notifications, 27 Nov 10:00")
    assert content["message"].splitlines()[0] == "2 orders rejected, 1 price alert"


def test_one_alone_is_itself_and_what_was_seen_is_not_told() -> None:
    settled = settle([member(1, seen=True), member(2)])
    assert [(one.state, one.content) for one in settled] == [("CANCELLED", None), ("PENDING", None)]
    assert {one.state for one in settle([member(1, seen=True)])} == {"CANCELLED"}
