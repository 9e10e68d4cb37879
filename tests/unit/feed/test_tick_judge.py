"""Which ticks are news, which are only quotes of their age, and which are dropped for which reason."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine_server.feed.packets import SNAP_QUOTE, decode
from engine_server.feed.tick_judge import Judged, MarketMoment, TickJudge
from engine_server.feed.tick_routes import routes
from tests.unit.feed.instruments import instrument
from tests.unit.feed.packet_builder import packet

RELIANCE = instrument("NSE:RELIANCE-EQ", "2885")
SBIN = instrument("NSE:SBIN-EQ", "3045")
NIFTY = instrument("NSE:NIFTY 50", "99926000", kind="INDEX")
OPTION = instrument("NFO:NIFTY28JUL2623500CE", "45000", kind="OPT")
WANTED = routes([RELIANCE, SBIN, NIFTY, OPTION])
NOW = 1_790_000_000_000
MOMENT = MarketMoment(NOW, 1.0)


def a_judge() -> TickJudge:
    judge = TickJudge()
    judge.want(WANTED)
    return judge


def tick(token: int = 2885, sequence: int = 1, ms: int = NOW, price: int = 142_005, **fields: Any) -> bytes:
    return packet(SNAP_QUOTE, token=token, sequence=sequence, exchange_ms=ms, last_price=price, **fields)


def judged(judge: TickJudge, *frames: bytes, moment: MarketMoment | None = MOMENT) -> Judged:
    return judge.judge(decode(frames, [7_000_000_000] * len(frames)), moment)


def sequences_taken(judge: TickJudge, *numbers: int, ms: int = NOW) -> Judged:
    return judged(judge, *(tick(sequence=number, ms=ms) for number in numbers))


def test_ticks_of_several_instruments_stay_in_order_of_arrival() -> None:
    frames = [tick(3045, 1), tick(2885, 1), tick(3045, 2, price=142_010), tick(2885, 2)]
    assert judged(a_judge(), *frames).news["token"].tolist() == [3045, 2885, 3045, 2885]


def test_a_tick_that_goes_back_is_dropped() -> None:
    judge = a_judge()
    sequences_taken(judge, 5, ms=NOW)
    verdict = judged(judge, tick(sequence=4, ms=NOW - 100), tick(sequence=5), tick(sequence=6))
    assert (len(verdict.news), verdict.dropped) == (1, {"regressed": 2})


def test_a_tick_that_goes_back_within_its_batch_is_dropped_too() -> None:
    verdict = sequences_taken(a_judge(), 1, 3, 2, 3, 4)
    assert (len(verdict.news), verdict.dropped) == (3, {"regressed": 2})


def test_numbers_that_begin_again_later_are_taken() -> None:
    judge = a_judge()
    sequences_taken(judge, 900_000, ms=NOW - 1000)
    assert len(sequences_taken(judge, 1).news) == 1


def test_after_a_reconnection_only_a_newer_time_is_news() -> None:
    judge = a_judge()
    sequences_taken(judge, 9)
    judge.reconnected()
    assert judged(judge, tick(sequence=1000)).dropped == {"regressed": 1}
    assert len(judged(judge, tick(sequence=1, ms=NOW + 1)).news) == 1
    assert len(judged(judge, tick(sequence=2, ms=NOW + 1)).news) == 1


def test_what_is_new_after_a_reconnection_may_number_as_it_likes() -> None:
    judge = TickJudge()
    judge.want(routes([RELIANCE]))
    judge.reconnected()
    assert len(sequences_taken(judge, 1, 2).news) == 2


def test_what_a_feed_before_us_published_is_not_news() -> None:
    judge, before = a_judge(), a_judge()
    judge.remember(sequences_taken(before, 50).news)
    assert judged(judge, tick(sequence=51)).dropped == {"regressed": 1}
    assert len(judged(judge, tick(sequence=1, ms=NOW + 5)).news) == 1


def test_the_numbers_of_an_index_mean_nothing_but_the_same_price_at_the_same_time_is_no_news() -> None:
    judge = a_judge()
    frames = [tick(99926000, 9, price=142_000), tick(99926000, 3, price=142_010), tick(99926000, 3, price=142_010)]
    assert len(judged(judge, *frames).news) == 2
    assert judged(judge, tick(99926000, 99, ms=NOW - 1)).dropped == {"regressed": 1}


def test_what_nobody_wants_any_more_and_what_nobody_ever_wanted_are_told_apart() -> None:
    judge = a_judge()
    judge.want(routes([SBIN]))
    assert judged(judge, tick(2885)).dropped == {"unwanted": 1}
    assert judged(judge, tick(11536)).dropped == {"stranger": 1}
    assert judged(judge, tick(3045, exchange_type=3)).dropped == {"stranger": 1}


def test_memory_goes_along_when_the_wishes_change() -> None:
    judge = a_judge()
    sequences_taken(judge, 5)
    judge.want(routes([instrument("NSE:AAA-EQ", "1"), RELIANCE]))
    assert sequences_taken(judge, 5).dropped == {"regressed": 1}


def test_a_price_of_ten_times_the_close_is_absurd_but_an_option_may_leap() -> None:
    judge = a_judge()
    leap, crash = tick(price=1_411_000, close=141_000), tick(price=14_000, close=141_000)
    assert judged(judge, leap, crash).dropped == {"absurd": 2}
    assert len(judged(judge, tick(45000, price=50_000, close=50, exchange_type=2)).news) == 1
    assert len(judged(judge, tick(price=1_400_000, close=0)).news) == 1


def test_a_time_in_the_future_is_dropped_and_does_not_deafen_the_instrument() -> None:
    judge = a_judge()
    assert judged(judge, tick(ms=NOW + 600_000)).dropped == {"future": 1}
    assert len(judged(judge, tick()).news) == 1


def test_a_time_of_years_ago_is_dropped() -> None:
    assert judged(a_judge(), tick(ms=NOW - 400 * 86_400_000)).dropped == {"ancient": 1}


def test_an_old_snapshot_is_a_quote_of_its_age_and_no_tick() -> None:
    verdict = judged(a_judge(), tick(ms=NOW - 3_600_000), tick(3045))
    assert verdict.news["token"].tolist() == [3045]
    [quote] = verdict.quotes
    assert quote["token"] == 2885
    assert quote["received_ns"] == 7_000_000_000 - 3_600 * 10**9


def test_at_sixty_times_the_speed_an_hour_of_the_market_is_a_minute_of_age() -> None:
    verdict = judged(a_judge(), tick(ms=NOW - 3_660_000), moment=MarketMoment(NOW, 60.0))
    assert verdict.quotes["received_ns"].tolist() == [7_000_000_000 - 61 * 10**9]


def test_before_the_market_clock_is_known_nothing_is_too_old() -> None:
    assert len(judged(a_judge(), tick(ms=NOW - 10**11), moment=None).news) == 1


def test_a_market_clock_that_was_set_back_does_not_deafen_the_instruments() -> None:
    judge = a_judge()
    sequences_taken(judge, 9)
    earlier = NOW - 86_400_000
    assert len(judged(judge, tick(sequence=1, ms=earlier), moment=MarketMoment(earlier, 1.0)).news) == 1


ticks = st.tuples(st.sampled_from([2885, 3045, 99926000]), st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))


@given(st.lists(ticks, max_size=30), st.integers(1, 7))
def test_however_ticks_are_split_into_batches_the_same_ones_are_news(
    stream: list[tuple[int, int, int, int]], size: int
) -> None:
    frames = [tick(token, number, NOW + ms, 142_000 + price) for token, number, ms, price in stream]
    whole, split = a_judge(), a_judge()
    at_once = judged(whole, *frames).news
    parts = [judged(split, *frames[at : at + size]).news for at in range(0, len(frames), size)]
    assert np.concatenate([at_once[:0], *parts]).tolist() == at_once.tolist()
