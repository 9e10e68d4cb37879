"""Frames of the market socket: golden bytes, garbage, and the official client's parser as the judge."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine_server.feed.packets import LAYOUTS, LTP, MODE_OF_LENGTH, QUOTE, SNAP_QUOTE, decode
from tests.unit.feed.official_parser import parse
from tests.unit.feed.packet_builder import Level, packet
from tradewinds.ticks import TickArray

# A SNAP_QUOTE of RELIANCE-EQ: LTP 1420.05, bid 1420.00 x 10, ask 1420.10 x 20, volume 123456, close 1410.50, OI 7.
GOLDEN = bytes.fromhex(
    "0301" + "32383835" + "00" * 21  # mode, exchange type, token "2885"
    + "2a00000000000000" + "0058d0b2a1010000"  # sequence 42, exchange time 1794001360896 ms
    + "b52a020000000000"  # last price 142005 paise
    + "0500000000000000" + "a02a020000000000" + "40e2010000000000"  # last quantity 5, average, volume 123456
    + "0000000000004940" + "0000000000005940"  # 50.0 to buy, 100.0 to sell
    + "a02a020000000000" * 3 + "fa26020000000000"  # open, high, low, close 141050
    + "58b3ee6a00000000" + "0700000000000000" + "0000000000000000"  # last trade seconds, open interest, its change
    + ("0100" + "0a00000000000000" + "b02a020000000000" + "0100") * 5
    + ("0000" + "1400000000000000" + "ba2a020000000000" + "0100") * 5
    + "0000000000000000" * 4
)  # fmt: skip


def only(frames: list[bytes]) -> TickArray:
    decoded = decode(frames, [7] * len(frames))
    assert decoded.rejected == {}
    return decoded.ticks


def test_a_snap_quote_packet_becomes_a_tick_record() -> None:
    assert len(GOLDEN) == 379
    [tick] = only([GOLDEN])
    assert (tick["exchange_type"], tick["token"], tick["exchange_ms"], tick["received_ns"]) == (
        1,
        2885,
        1794001360896,
        7,
    )
    assert (tick["last_price_e4"], tick["bid_price_e4"], tick["ask_price_e4"]) == (14_200_500, 14_200_000, 14_201_000)
    assert (tick["last_quantity"], tick["volume"], tick["close_price_e4"]) == (5, 123_456, 14_105_000)
    assert tick["open_interest"] == 7
    assert decode([GOLDEN], [7]).sequences.tolist() == [42]


def test_the_layouts_have_the_brokers_lengths() -> None:
    assert {mode: layout.itemsize for mode, layout in LAYOUTS.items()} == {LTP: 51, QUOTE: 123, SNAP_QUOTE: 379}


@pytest.mark.parametrize("mode", [LTP, QUOTE, SNAP_QUOTE])
def test_every_layout_reads_as_the_official_client_reads_it(mode: int) -> None:
    frame = packet(mode, bids=[Level(142_000, 10)], asks=[Level(142_010, 20)])
    assert_agrees(frame, only([frame])[0])


prices = st.integers(1, 10**9)
levels = st.lists(st.builds(Level, prices, st.integers(1, 10**9)), max_size=5)


@given(
    mode=st.sampled_from([LTP, QUOTE, SNAP_QUOTE]),
    token=st.integers(1, 2**32 - 1),
    sequence=st.integers(-(2**63), 2**63 - 1),
    exchange_ms=st.integers(1, 4 * 10**12),
    last_price=prices,
    volume=st.integers(0, 2**62),
    close=prices,
    bids=levels,
    asks=levels,
)
def test_whatever_is_in_a_packet_comes_out_of_it(mode: int, **fields: Any) -> None:
    frame = packet(mode, **fields)
    decoded = decode([frame], [1])
    assert decoded.sequences.tolist() == [fields["sequence"]]
    assert_agrees(frame, decoded.ticks[0])


def assert_agrees(frame: bytes, tick: np.void) -> None:
    """The record says what the official parser says; prices in e4 instead of paise."""
    official = parse(frame)
    assert str(tick["token"]) == official["token"]
    assert tick["exchange_type"] == official["exchange_type"]
    assert tick["exchange_ms"] == official["exchange_timestamp"]
    assert tick["last_price_e4"] == official["last_traded_price"] * 100
    if official["subscription_mode"] >= QUOTE:
        assert tick["last_quantity"] == official["last_traded_quantity"]
        assert tick["volume"] == official["volume_trade_for_the_day"]
        assert tick["close_price_e4"] == official["closed_price"] * 100
    if official["subscription_mode"] == SNAP_QUOTE:
        assert tick["open_interest"] == official["open_interest"]
        for name, side in (("bid_price_e4", "best_5_buy_data"), ("ask_price_e4", "best_5_sell_data")):
            best = [level["price"] * 100 for level in official[side] if level["quantity"] > 0]
            assert tick[name] == (best[0] if best else 0)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        pytest.param(b"", "length", id="empty"),
        pytest.param(GOLDEN[:-1], "length", id="too short"),
        pytest.param(GOLDEN + b"\0", "length", id="too long"),
        pytest.param(bytes(443), "depth", id="a depth packet, which we never ask for"),
        pytest.param(b"\x02" + GOLDEN[1:], "mode", id="another mode than its length says"),
        pytest.param(packet(SNAP_QUOTE, exchange_type=6), "exchange", id="unknown exchange"),
        pytest.param(packet(SNAP_QUOTE, token_text=b""), "token", id="no token"),
        pytest.param(packet(SNAP_QUOTE, token_text=b"28x5"), "token", id="token with a letter"),
        pytest.param(packet(SNAP_QUOTE, token_text=b"28\x005"), "token", id="token with a hole"),
        pytest.param(packet(SNAP_QUOTE, token_text=b"\x002885"), "token", id="token behind a NUL"),
        pytest.param(packet(SNAP_QUOTE, token_text=b"12345678901"), "token", id="token of eleven digits"),
        pytest.param(packet(SNAP_QUOTE, token_text=b"4294967296"), "token", id="token beyond 32 bits"),
        pytest.param(packet(SNAP_QUOTE, last_price=0), "price", id="price zero"),
        pytest.param(packet(SNAP_QUOTE, last_price=-5), "price", id="negative price"),
        pytest.param(
            packet(SNAP_QUOTE, last_price=struct.unpack("<q", struct.pack("<d", float("nan")))[0]), "price", id="NaN"
        ),
        pytest.param(packet(SNAP_QUOTE, last_price=10**9 + 1), "price", id="a price beyond a crore"),
        pytest.param(packet(SNAP_QUOTE, circuits=(70_000, 64_000)), "absurd", id="more than twice the upper circuit"),
        pytest.param(packet(SNAP_QUOTE, circuits=(400_000, 300_000)), "absurd", id="less than half the lower circuit"),
        pytest.param(packet(SNAP_QUOTE, exchange_ms=0), "time", id="no time"),
        pytest.param(packet(SNAP_QUOTE, exchange_ms=2**62), "time", id="absurd time"),
    ],
)
def test_garbage_is_dropped_and_counted_by_reason_and_its_neighbours_live(frame: bytes, reason: str) -> None:
    decoded = decode([GOLDEN, frame, GOLDEN], [1, 2, 3])
    assert decoded.rejected == {reason: 1}
    assert decoded.ticks["received_ns"].tolist() == [1, 3]
    assert decode([frame], [1]).rejected == {reason: 1}


def test_a_price_a_little_beyond_the_band_is_one_the_band_moves_during_the_day() -> None:
    assert only([packet(SNAP_QUOTE, circuits=(140_000, 120_000))])["last_price_e4"].tolist() == [14_200_500]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=400),
            st.sampled_from([51, 123, 379]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
        )
    )
)
def test_no_bytes_whatever_break_the_decoder(frames: list[bytes]) -> None:
    decoded = decode(frames, list(range(len(frames))))
    assert len(decoded.ticks) + sum(decoded.rejected.values()) == len(frames)


def test_mixed_layouts_stay_in_order_of_arrival() -> None:
    modes = [SNAP_QUOTE, LTP, QUOTE, SNAP_QUOTE, LTP]
    frames = [packet(mode, sequence=number, last_price=100 + number) for number, mode in enumerate(modes)]
    decoded = decode(frames, [10, 11, 12, 13, 14])
    assert decoded.sequences.tolist() == [0, 1, 2, 3, 4]
    assert decoded.ticks["received_ns"].tolist() == [10, 11, 12, 13, 14]
    assert decoded.ticks["last_price_e4"].tolist() == [10_000, 10_100, 10_200, 10_300, 10_400]


def test_nobody_stands_in_the_book_of_an_index() -> None:
    [tick] = only([packet(SNAP_QUOTE, token=99926000)])
    assert (tick["bid_price_e4"], tick["ask_price_e4"]) == (0, 0)


def test_currency_prices_are_ten_millionths_of_a_rupee() -> None:
    frame = packet(
        SNAP_QUOTE, exchange_type=13, last_price=832_525_000, close=832_500_000, bids=[Level(832_500_000, 1)]
    )
    [currency, equity] = only([frame, packet(SNAP_QUOTE, last_price=142_005)])
    assert (currency["last_price_e4"], currency["close_price_e4"], currency["bid_price_e4"]) == (
        832_525,
        832_500,
        832_500,
    )
    assert equity["last_price_e4"] == 14_200_500


def test_a_length_of_no_layout_is_unknown() -> None:
    assert MODE_OF_LENGTH.get(443) is None
