"""A few packets, one by one: what is settled there is what the bulk way says, and what is not plainly good is left to it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine_server.feed import tick_judge
from engine_server.feed.few import decode_few
from engine_server.feed.packets import LTP, QUOTE, SNAP_QUOTE, decode
from engine_server.feed.tick_judge import MarketMoment, TickJudge
from engine_server.feed.tick_routes import routes
from tests.unit.feed.instruments import instrument
from tests.unit.feed.packet_builder import Level, packet

NOW = 1_790_000_000_000
WANTED = routes(
    [
        instrument("NSE:RELIANCE-EQ", "2885"),
        instrument("NSE:SBIN-EQ", "3045"),
        instrument("NSE:NIFTY 50", "99926000", kind="INDEX"),
        instrument("NFO:NIFTY28JUL2623500CE", "45000", kind="OPT"),
    ]
)
prices = st.one_of(st.integers(141_000, 143_000), st.integers(-5, 2 * 10**9))
levels = st.lists(st.builds(Level, st.integers(-5, 2 * 10**9), st.integers(-1, 10)), max_size=2)
packets = st.builds(
    packet,
    st.sampled_from([SNAP_QUOTE] * 8 + [LTP, QUOTE]),
    exchange_type=st.sampled_from([1] * 6 + [2, 13, 6]),
    token=st.sampled_from([2885, 2885, 3045, 3045, 99926000, 45000, 1]),
    sequence=st.integers(0, 20),
    exchange_ms=st.one_of(st.integers(NOW - 50, NOW), st.integers(NOW - 100_000, NOW + 200_000), st.integers(-1, 1)),
    last_price=prices,
    volume=st.integers(-2, 2**62),
    close=st.one_of(st.just(141_050), prices),
    bids=levels,
    asks=levels,
    circuits=st.sampled_from([(0, 0), (200_000, 100_000), (141_500, 120_000), (70_000, 64_000)]),
)
batches = st.lists(st.lists(packets, min_size=1, max_size=6), min_size=1, max_size=5)
AN_EARLIER_TIME_UNDER_A_NEWER_NUMBER = [[packet(SNAP_QUOTE, sequence=n, exchange_ms=NOW - n) for n in (1, 2)]]


@given(st.lists(packets, min_size=1, max_size=6))
def test_what_is_decoded_one_by_one_is_what_is_decoded_in_bulk(frames: list[bytes]) -> None:
    received = list(range(7, 7 + len(frames)))
    few, bulk = decode_few(frames, received), decode(frames, received)
    if few is not None:
        assert few.ticks.tobytes() == bulk.ticks.tobytes()
        assert few.sequences.tolist() == bulk.sequences.tolist()
        assert few.rejected == bulk.rejected == {}
        assert few.newest_ms == bulk.newest_ms


def test_plain_packets_are_decoded_here_and_whatever_is_not_leaves_them_all_to_the_bulk_way() -> None:
    plain = packet(SNAP_QUOTE, bids=[Level(142_000, 10)])
    assert decode_few([plain, plain], [1, 2]) is not None
    for other in (
        packet(QUOTE),
        packet(SNAP_QUOTE, exchange_type=13),
        packet(SNAP_QUOTE, last_price=0),
        b"",
        plain[:-1],
    ):
        assert decode_few([plain, other], [1, 2]) is None


@given(batches, st.sampled_from([None, MarketMoment(NOW, 1.0), MarketMoment(NOW, 60.0)]), st.booleans())
@example(AN_EARLIER_TIME_UNDER_A_NEWER_NUMBER, None, False)
def test_a_judge_says_and_remembers_the_same_of_a_few_ticks_as_in_bulk(
    many: list[list[bytes]], moment: MarketMoment | None, reconnects: bool
) -> None:
    one_by_one, in_bulk = TickJudge(), TickJudge()
    for judge in (one_by_one, in_bulk):
        judge.want(WANTED)
    for frames in many:
        decoded = decode(frames, [7_000_000_000] * len(frames))
        few = one_by_one.judge(copy.deepcopy(decoded), moment)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tick_judge, "FEW_TICKS", 0)
            bulk = in_bulk.judge(decoded, moment)
        assert few.news.tobytes() == bulk.news.tobytes()
        assert few.quotes.tobytes() == bulk.quotes.tobytes()
        assert (few.slots.tolist(), dict(few.dropped)) == (bulk.slots.tolist(), dict(bulk.dropped))
        assert np.array_equal(one_by_one._memory, in_bulk._memory)
        assert one_by_one._newest_ms == in_bulk._newest_ms
        if reconnects:
            one_by_one.reconnected()
            in_bulk.reconnected()
