"""A broker that starts again in its folder."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import sandbox.price_feed
from sandbox.broker import Broker, prepare
from sandbox.clock import real_day, session_open_ms
from sandbox.errors import BadInputError
from sandbox.latency import Latency
from sandbox.order_entry import read_new_order
from sandbox.orders import Order
from sandbox.settings import Credentials, SandboxSettings
from sandbox.square_off import SQUARE_OFF_TEXT
from sandbox.trading_floor import TradingFloor
from tests.unit.sandbox.desk_rig import order_body

KNOWN = Credentials("D12345", "1234", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "key")
BARS = "ts,symbol,open,high,low,close,volume\n2021-05-31T09:15:00+05:30,SBIN,420,421,419,420.05,1000\n"


def settings(folder: Path, replay: tuple[Path, ...] = (), speed: float = 1.0) -> SandboxSettings:
    return SandboxSettings(KNOWN, folder / "state", replay=replay, speed=speed, latency=Latency(0.01, 0.01))


def started(wanted: SandboxSettings) -> Broker:
    prepared = prepare(wanted)
    prepared.state_dir.claim(prepared.identity)
    return Broker(prepared)


def place_resting(broker: Broker) -> Order:
    return broker.desk.place(read_new_order(order_body(price="900.00"), broker.universe))


def on_day(monkeypatch: pytest.MonkeyPatch, day: str) -> int:
    """Let the real date be another one."""
    number = (date.fromisoformat(day) - date(1970, 1, 1)).days
    monkeypatch.setattr(sandbox.price_feed, "real_day", lambda: number)
    return number


@pytest.mark.parametrize(
    ("today", "opens_on"), [("2026-11-20", "2026-11-20"), ("2026-11-22", "2026-11-20"), ("2026-11-24", "2026-11-23")]
)
def test_a_fresh_market_opens_at_0915_of_today_or_of_the_last_trading_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, today: str, opens_on: str
) -> None:
    on_day(monkeypatch, today)
    broker = started(settings(tmp_path))
    opening = session_open_ms((date.fromisoformat(opens_on) - date(1970, 1, 1)).days)
    assert 0 <= broker.clock.now_ms() - opening < 10_000
    broker.close()


def test_today_is_the_real_date_in_india() -> None:
    assert real_day(datetime(2026, 11, 22, 18, 29, tzinfo=UTC)) == (date(2026, 11, 22) - date(1970, 1, 1)).days
    assert real_day(datetime(2026, 11, 22, 18, 31, tzinfo=UTC)) == (date(2026, 11, 23) - date(1970, 1, 1)).days


def test_within_a_day_the_market_goes_on_where_it_was(tmp_path: Path) -> None:
    broker = started(settings(tmp_path, speed=1000))
    TradingFloor(broker).advance()
    left_at, jump = broker.clock.now_ms(), broker.clock.reading().jump
    broker.close()
    again = started(settings(tmp_path))
    assert again.clock.now_ms() >= left_at
    assert again.clock.reading().jump == jump + 1
    again.close()


def test_on_a_later_real_day_the_market_opens_anew_and_day_orders_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = on_day(monkeypatch, "2026-11-19")
    broker = started(settings(tmp_path))
    order = place_resting(broker)
    broker.close()
    on_day(monkeypatch, "2026-11-20")
    again = started(settings(tmp_path))
    ended = again.book.get(order.order_id)
    assert ended is not None
    assert ended.state.value == "cancelled"
    assert again.book.todays_orders() == []
    assert 0 <= again.clock.now_ms() - session_open_ms(first + 1) < 10_000
    again.close()


def test_a_restart_in_a_closed_hour_goes_on_to_the_next_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    friday = on_day(monkeypatch, "2026-11-20")
    broker = started(settings(tmp_path))
    broker.clock.jump_to(session_open_ms(friday) + 7 * 3_600_000)  # 16:15
    broker.close()
    again = started(settings(tmp_path))
    assert 0 <= again.clock.now_ms() - session_open_ms(friday + 3) < 10_000
    again.close()


def test_the_generated_day_ends_and_the_next_trading_day_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    friday = on_day(monkeypatch, "2026-11-20")
    broker = started(replace(settings(tmp_path), tick_rate=0.05))  # a whole day of ticks, few of them
    floor = TradingFloor(broker)
    floor.advance()
    order = place_resting(broker)
    for _ in range(10):
        time.sleep(0.001)  # the latency is real
        floor.advance()
    days: list[int] = []
    broker.trading.day.on_new_day.append(days.append)
    broker.clock.jump_to(session_open_ms(friday) + 25_000_000)  # past the end of the day
    while floor.advance():
        pass
    floor.advance()
    assert 0 <= broker.clock.now_ms() - (session_open_ms(friday + 3) - 15 * 60_000) < 60_000
    assert days == [friday + 1, friday + 2, friday + 3]
    ended = broker.book.get(order.order_id)
    assert ended is not None
    assert (ended.state.value, ended.text) == ("cancelled", SQUARE_OFF_TEXT)
    events = [r["event"] for r in broker.truth.records() if r["kind"] == "milestone" and r["market"] in ("", "NSE")]
    assert {"new_day", "phase_changed", "uncross", "square_off", "day_ended"} == set(events)
    broker.close()


def test_a_folder_of_generated_prices_is_not_used_for_a_replay(tmp_path: Path) -> None:
    started(settings(tmp_path)).close()
    bars = tmp_path / "bars.csv"
    bars.write_text(BARS)
    with pytest.raises(BadInputError, match="with prices from generated; give each client and each replay its own"):
        prepare(settings(tmp_path, replay=(bars,)))


def test_before_its_first_tick_a_replayed_instrument_has_no_price(tmp_path: Path) -> None:
    bars = tmp_path / "bars.csv"
    bars.write_text(BARS)
    broker = started(settings(tmp_path, replay=(bars,), speed=1000))
    assert broker.board.quote(("NSE", "3045")) is None
    floor = TradingFloor(broker)
    while broker.source.next_ms() is not None:
        floor.advance()
    quote = broker.board.quote(("NSE", "3045"))
    assert quote is not None
    assert (quote.ltp, quote.volume, quote.instrument.tick_size) == (42_005, 1_000, 5)
    at_the_end = broker.clock.now_ms()
    floor.advance()
    assert broker.clock.now_ms() >= at_the_end
    broker.close()
