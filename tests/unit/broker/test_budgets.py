"""Rates as configuration, strict rolling windows, and whose turn it is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.broker.angel_one.budgets import Budgets, BudgetsByClient
from engine_server.broker.angel_one.rates import Category, Rate, RateSettings
from engine_server.broker.angel_one.spending import Spending
from engine_server.broker.port import ThrottledError
from tradewinds.config import load
from tradewinds.errors import ConfigurationError


class Stopped:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime(2026, 11, 23, 4, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds


def no_jitter(low: float, _high: float) -> float:
    return low


def spending(rate: str) -> Spending:
    return Spending("x", Rate.parse(rate), no_jitter)


def test_the_defaults_are_the_brokers_table() -> None:
    settings = RateSettings()
    table = {category.value: str(settings.of(category)) for category in Category}
    assert table == {
        "login": "1/s",
        "profile": "3/s 1000/h",
        "funds": "2/s",
        "place": "9/s 500/min 1000/h",
        "modify": "9/s 500/min 1000/h",
        "cancel": "9/s 500/min 1000/h",
        "convert": "10/s 500/min 5000/h",
        "order_book": "1/s",
        "order_details": "10/s 500/min 5000/h",
        "trade_book": "1/s",
        "positions": "1/s",
        "holdings": "1/s",
        "margin": "10/s 500/min 5000/h",
        "charges": "1/s",
        "quotes": "10/s 500/min 5000/h",
        "candles": "2/s 180/min 5000/h",
    }
    assert str(settings.order_messages) == "9/s"


def test_a_rate_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_RATE_PLACE", "200/s 9000/min")
    assert str(load(RateSettings).place) == "200/s 9000/min"


@pytest.mark.parametrize("text", ["", "9", "9/day", "0/s", "-1/s", "9/s 10/s", "nine/s"])
def test_a_rate_that_is_none_is_refused_naming_its_variable(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BROKER_RATE_PLACE", text)
    with pytest.raises(ConfigurationError, match="BROKER_RATE_PLACE"):
        load(RateSettings)


@given(
    waits=st.lists(st.floats(0, 0.4), min_size=30, max_size=120),
    limit=st.integers(1, 9),
    per_minute=st.integers(5, 40),
)
def test_no_window_of_the_brokers_ever_holds_more_than_its_limit(
    waits: list[float], limit: int, per_minute: int
) -> None:
    mine, now, sent = spending(f"{limit}/s {per_minute}/min"), 0.0, []
    for wait in waits:
        now = max(now + wait, mine.free_at(now + wait))
        mine.add(now)
        sent.append(now)
    for window, allowed in ((1.0, limit), (60.0, per_minute)):
        for at in sent:
            # What the network bunches by up to 40 ms is still inside the margin.
            assert sum(at <= other < at + window + 0.04 for other in sent) <= allowed


def test_a_refusal_pauses_for_half_a_second_then_twice_as_long_each_time_and_a_success_ends_the_series() -> None:
    mine, now, pauses = spending("9/s"), 100.0, []
    for _ in range(8):
        mine.refused(now)
        pauses.append(mine.paused_seconds(now))
        now += pauses[-1]
    assert pauses == pytest.approx([0.5, 1, 2, 4, 8, 16, 32, 32])
    mine.answered(now)
    mine.refused(now)
    assert mine.paused_seconds(now) == pytest.approx(0.5)


def test_refusals_of_requests_that_were_on_their_way_together_are_one() -> None:
    mine = spending("9/s")
    for _ in range(9):
        mine.refused(100.0)
    assert mine.paused_seconds(100.0) == pytest.approx(0.5)


def test_an_answer_to_what_was_sent_before_the_pause_does_not_end_the_series() -> None:
    mine = spending("9/s")
    mine.refused(100.0)
    mine.answered(100.1)
    mine.refused(100.6)
    assert mine.paused_seconds(100.6) == pytest.approx(1.0)


def test_placements_changes_and_cancels_are_counted_together() -> None:
    clock = Stopped()
    budgets = Budgets(clock=clock)
    kinds = [Category.PLACE, Category.MODIFY, Category.CANCEL] * 3
    assert all(budgets.take(kind) for kind in kinds)
    assert not any(budgets.take(kind) for kind in (Category.PLACE, Category.MODIFY, Category.CANCEL))
    assert budgets.take(Category.ORDER_BOOK)
    clock.seconds += 1.06
    assert budgets.take(Category.CANCEL)


def test_a_refused_order_message_pauses_all_three_kinds_and_no_read() -> None:
    budgets = Budgets(clock=Stopped())
    budgets.refused(Category.PLACE)
    assert not budgets.take(Category.CANCEL)
    assert budgets.take(Category.ORDER_BOOK)


async def test_too_far_away_is_an_error_that_names_the_category_and_the_time() -> None:
    clock = Stopped()
    budgets = Budgets(RateSettings(place=Rate.parse("1/h"), order_messages=Rate.parse("9/s")), clock)
    assert budgets.take(Category.PLACE)
    with pytest.raises(ThrottledError, match=r"place: .* in 3618\.0 s \(at 10:30:18 IST\)") as raised:
        await budgets.turn(Category.PLACE, 2.0)
    assert raised.value.metadata == {"category": "place", "retry_seconds": "3618.0"}


async def test_who_comes_first_goes_first_and_nobody_before_the_window_allows() -> None:
    budgets, done = Budgets(), []
    started = time.monotonic()

    async def one(number: int) -> None:
        await budgets.turn(Category.PROFILE, 5.0)
        done.append((number, time.monotonic() - started))

    await asyncio.gather(*(one(n) for n in range(7)))
    assert [number for number, _ in done] == list(range(7))
    assert [at >= 1.05 * (n // 3) for n, at in done] == [True] * 7
    assert done[-1][1] < 3.0


async def test_a_cancel_passes_placements_that_wait() -> None:
    budgets, done = Budgets(RateSettings(order_messages=Rate.parse("1/s"))), []

    async def one(category: Category) -> None:
        await budgets.turn(category, 5.0)
        done.append(category)

    assert budgets.take(Category.PLACE)
    waiting = [asyncio.create_task(one(Category.PLACE)) for _ in range(2)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(one(Category.CANCEL)))
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert done == [Category.CANCEL]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_nobody_overtakes_those_who_wait() -> None:
    budgets = Budgets()
    assert budgets.take(Category.POSITIONS)
    waiting = asyncio.create_task(budgets.turn(Category.POSITIONS, 5.0))
    await asyncio.sleep(0)
    budgets._spendings[Category.POSITIONS][0]._times.clear()  # room appears before the waiter was told
    assert not budgets.take(Category.POSITIONS)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_a_cancelled_wait_gives_its_place_up() -> None:
    budgets = Budgets()
    assert budgets.take(Category.POSITIONS)
    first = asyncio.create_task(budgets.turn(Category.POSITIONS, 5.0))
    second = asyncio.create_task(budgets.turn(Category.POSITIONS, 5.0))
    await asyncio.sleep(0)
    first.cancel()
    started = time.monotonic()
    await second
    assert time.monotonic() - started < 1.5
    assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], asyncio.CancelledError)


async def test_too_many_that_wait_are_refused() -> None:
    budgets = Budgets()
    assert budgets.take(Category.POSITIONS)
    waiting = [asyncio.create_task(budgets.turn(Category.POSITIONS, 5.0)) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(ThrottledError, match="positions"):
        await budgets.turn(Category.POSITIONS, 5.0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def test_people_see_what_is_left_of_each_window() -> None:
    budgets = Budgets(clock=Stopped(), jitter=no_jitter)
    budgets.take(Category.PLACE)
    budgets.refused(Category.PLACE)
    left = {(one.category, one.window_seconds): one for one in budgets.left()}
    assert (left["place", 60.0].limit, left["place", 60.0].left) == (500, 499)
    assert left["order_messages", 1.0].left == 8
    assert left["order_messages", 1.0].paused_seconds == 0.5
    assert left["cancel", 3600.0].left == 1000


def test_what_an_earlier_owner_has_sent_leaves_so_much_less_room() -> None:
    clock = Stopped()
    budgets = Budgets(RateSettings(), clock)
    budgets.count_in({Category.PLACE: [0.2] * 5, Category.CANCEL: [0.5] * 3, Category.MODIFY: []})
    assert [budgets.take(category) for category in (Category.CANCEL, Category.PLACE)] == [True, False]
    clock.seconds += 1.0
    assert budgets.take(Category.PLACE)


def test_what_is_on_record_and_known_here_as_well_counts_once() -> None:
    clock = Stopped()
    budgets = Budgets(RateSettings(), clock)
    assert all(budgets.take(Category.PLACE) for _ in range(4))
    budgets.count_in({Category.PLACE: [0.0] * 4})
    assert sum(budgets.take(Category.PLACE) for _ in range(9)) == 5


def test_a_client_code_has_one_budget_whoever_asks() -> None:
    clients = BudgetsByClient()
    assert clients.of("A1") is clients.of("A1")
    assert clients.of("A1") is not clients.of("B2")


@pytest.mark.parametrize(("rate", "in_a_second"), [("9/s 500/min", 9), ("1000/s", 1000), ("90/min", 1), ("30/min", 1)])
def test_what_a_rate_allows_in_a_second_follows_from_its_shortest_window(rate: str, in_a_second: int) -> None:
    assert Rate.parse(rate).in_a_second == in_a_second
