"""Byte-exact layout of the market socket's packets, against bytes written out by hand from the protocol's table."""

from __future__ import annotations

import math
import struct

import pytest

from sandbox.market import Quote
from sandbox.sockets.outbox import BINARY, frame
from sandbox.sockets.packets import depth_packet, leapt, ltp_packet, not_a_number, quote_packet, snap_quote_packet
from sandbox.universe import DEFAULT_UNIVERSE


@pytest.fixture
def quote() -> Quote:
    sbin = DEFAULT_UNIVERSE.find("NSE", "3045")
    assert sbin is not None
    made = Quote(sbin, ltp=94_010, close=93_000, day=20_000, open=94_000, high=94_500, low=93_900)
    made.last_quantity, made.volume, made.traded_value, made.traded_quantity = 12, 3_400, 188_000, 2
    made.last_trade_ms, made.sequence = 1_795_319_105_123, 77
    made.bid, made.bid_size, made.ask, made.ask_size = 94_000, 800, 94_020, 400
    return made


LTP_GOLDEN = bytes.fromhex(
    "01 01"  # mode, exchange type nse_cm
    "33303435 000000 00000000 00000000 00000000 0000 00000000"  # token "3045" in 25 bytes
    "4d00000000000000"  # sequence 77
    "63865b01a2010000"  # 1795319105123 ms
    "3a6f010000000000"  # 94010 paise
)


def test_an_ltp_packet_is_the_51_golden_bytes(quote: Quote) -> None:
    assert len(LTP_GOLDEN) == 51
    assert ltp_packet(quote) == LTP_GOLDEN


def test_a_quote_packet_adds_the_day_at_its_offsets(quote: Quote) -> None:
    packet = quote_packet(quote)
    assert len(packet) == 123
    assert packet[0] == 2
    assert packet[1:51] == ltp_packet(quote)[1:]
    assert struct.unpack_from("<qqq", packet, 51) == (12, 94_000, 3_400)
    total_buy, total_sell = struct.unpack_from("<dd", packet, 75)
    assert total_buy > 800
    assert total_sell > 400
    assert struct.unpack_from("<qqqq", packet, 91) == (94_000, 94_500, 93_900, 93_000)


def test_a_snap_quote_packet_adds_best_five_circuits_and_the_year(quote: Quote) -> None:
    packet = snap_quote_packet(quote)
    assert len(packet) == 379
    assert packet[0] == 3
    assert packet[1:123] == quote_packet(quote)[1:]
    assert struct.unpack_from("<qqd", packet, 123) == (1_795_319_105, 0, 0.0)
    best_five = [struct.unpack_from("<hqqh", packet, 147 + 20 * n) for n in range(10)]
    assert [(flag, price) for flag, _, price, _ in best_five] == [
        *((1, 94_000 - 10 * n) for n in range(5)),
        *((0, 94_020 + 10 * n) for n in range(5)),
    ]
    assert (best_five[0][1], best_five[5][1]) == (800, 400)
    assert struct.unpack_from("<qq", packet, 347) == (102_300, 83_700)
    assert struct.unpack_from("<qq", packet, 363) == (94_500, 93_900), "no more than today is known of it"


def test_a_depth_packet_has_twenty_levels_a_side_and_neither_sequence_nor_last_price(quote: Quote) -> None:
    packet = depth_packet(quote)
    assert len(packet) == 443
    assert packet[:27] == b"\x04" + LTP_GOLDEN[1:27]
    assert struct.unpack_from("<qq", packet, 27) == (1_795_319_105_123, 1_795_319_105_123)
    buys = [struct.unpack_from("<iih", packet, 43 + 10 * n) for n in range(20)]
    sells = [struct.unpack_from("<iih", packet, 243 + 10 * n) for n in range(20)]
    assert [price for _, price, _ in buys] == [94_000 - 10 * n for n in range(20)]
    assert [price for _, price, _ in sells] == [94_020 + 10 * n for n in range(20)]
    assert (buys[0][0], sells[0][0]) == (800, 400)


def test_best_five_are_the_first_of_the_twenty(quote: Quote) -> None:
    snap, depth = snap_quote_packet(quote), depth_packet(quote)
    five = [struct.unpack_from("<hqqh", snap, 147 + 20 * n)[1:] for n in range(10)]
    twenty = [struct.unpack_from("<iih", depth, 43 + 10 * n) for n in range(40)]
    assert five == twenty[:5] + twenty[20:25]


def test_a_spoilt_packet_keeps_its_length_and_loses_its_numbers(quote: Quote) -> None:
    for packet in (ltp_packet(quote), quote_packet(quote), snap_quote_packet(quote)):
        spoilt = not_a_number(packet)
        assert len(spoilt) == len(packet)
        assert struct.unpack_from("<q", spoilt, 43) == (0,)
        if len(packet) > 51:
            assert all(math.isnan(total) for total in struct.unpack_from("<dd", spoilt, 75))
    assert not_a_number(depth_packet(quote))[43:] == bytes(400)


def test_a_price_that_cannot_be_is_in_every_mode_and_the_days_figures_stay(quote: Quote) -> None:
    absurd = leapt(quote)
    for packet in (ltp_packet(absurd), quote_packet(absurd), snap_quote_packet(absurd)):
        assert struct.unpack_from("<q", packet, 43) == (50 * 94_010,)
    assert quote_packet(absurd)[91:] == quote_packet(quote)[91:]
    levels = [struct.unpack_from("<iih", depth_packet(absurd), 43 + 10 * n)[1] for n in (0, 20)]
    assert levels == [50 * 94_000, 50 * 94_020]
    assert (quote.ltp, quote.bid, quote.ask) == (94_010, 94_000, 94_020)


@pytest.mark.parametrize(
    ("size", "header"), [(51, "8233"), (125, "827d"), (379, "827e017b"), (70_000, "827f" + "0" * 11 + "11170")]
)
def test_frames_use_the_shortest_length_form(size: int, header: str) -> None:
    assert frame(BINARY, b"x" * size) == bytes.fromhex(header) + b"x" * size
