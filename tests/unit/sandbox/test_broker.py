"""A broker that starts again in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import sandbox.broker
from sandbox.broker import Broker, prepare
from sandbox.clock import ist_day, today_open_ms
from sandbox.errors import BadInputError
from sandbox.order_entry import read_new_order
from sandbox.orders import Order
from sandbox.settings import Credentials, SandboxSettings
from sandbox.trading_floor import TradingFloor
from tests.unit.sandbox.desk_rig import order_body

DAY_MS = 86_400_000
KNOWN = Credentials("D12345", "1234", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "key")
BARS = "ts,symbol,open,high,low,close,volume\n2021-05-31T09:15:00+05:30,SBIN,420,421,419,420.05,1000\n"


def settings(folder: Path, replay: tuple[Path, ...] = (), speed: float = 1.0) -> SandboxSettings:
    return SandboxSettings(KNOWN, folder / "state", replay=replay, speed=speed)


def started(wanted: SandboxSettings) -> Broker:
    prepared = prepare(wanted)
    prepared.state_dir.claim(prepared.identity)
    return Broker(prepared)


def place_resting(broker: Broker) -> Order:
    return broker.desk.place(read_new_order(order_body(price="900.00"), broker.universe))


def test_a_fresh_market_opens_at_0915_of_today(tmp_path: Path) -> None:
    broker = started(settings(tmp_path))
    assert 0 <= broker.clock.now_ms() - today_open_ms() < 10_000
    broker.close()


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
    broker = started(settings(tmp_path))
    order = place_resting(broker)
    broker.close()
    monkeypatch.setattr(sandbox.broker, "today_open_ms", lambda: today_open_ms() + DAY_MS)
    again = started(settings(tmp_path))
    ended = again.book.get(order.order_id)
    assert ended is not None
    assert ended.state.value == "cancelled"
    assert again.book.todays_orders() == []
    assert ist_day(again.clock.now_ms()) == ist_day(broker.clock.now_ms()) + 1
    again.close()


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
