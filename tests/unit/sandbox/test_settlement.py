"""After the trading day: delivery shares become holdings at T+1, contracts that expire are settled."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sandbox.clock import ist_day
from sandbox.ledger import Settlement
from sandbox.orders import Origin, Side
from sandbox.phases import Market, TradingCalendar
from sandbox.positions import Fill
from sandbox.settlement import Settler
from sandbox.ticks import Tick
from sandbox.universe import DEFAULT_UNIVERSE, Instrument, InstrumentKind, OptionType, Universe
from tests.unit.sandbox.desk_rig import DAY, SBIN, DeskRig

TODAY = datetime.fromtimestamp(DAY * 86_400, UTC).date()
NIFTY = ("NSE", "99926000")


def contract(token: str, underlying: tuple[str, str], strike: int = 0, side: OptionType | None = None) -> Instrument:
    """A contract that expires today; strikes in paise."""
    kind = InstrumentKind.OPTION if side else InstrumentKind.FUTURE
    return Instrument(
        *("NFO", token, f"X{token}", "X", 5, 10_000), kind,
        lot_size=10, expiry=TODAY, strike=strike, option_type=side, underlying=underlying, band_percent=0,
    )  # fmt: skip


INDEX_CALL = contract("1", NIFTY, 2_500_000, OptionType.CALL)
INDEX_PUT = contract("2", NIFTY, 2_500_000, OptionType.PUT)
SBIN_FUTURE = contract("3", SBIN)
SBIN_CALL = contract("4", SBIN, 90_000, OptionType.CALL)
SBIN_PUT = contract("5", SBIN, 90_000, OptionType.PUT)
LATER = replace(INDEX_CALL, token="6", expiry=TODAY.replace(year=TODAY.year + 1))
ALL = (INDEX_CALL, INDEX_PUT, SBIN_FUTURE, SBIN_CALL, SBIN_PUT, LATER)
PRICES = {NIFTY: 2_540_000, SBIN: 94_000}


def settled(
    one: Instrument, side: Side, quantity: int = 10, shares: int = 0
) -> tuple[DeskRig, list[tuple[str, str, int, int]]]:
    """The books after the end of a day with one position, and what the settlement traded: (token, side, quantity, price)."""
    rig = DeskRig(universe=Universe([*DEFAULT_UNIVERSE, *ALL]))
    if shares:
        rig.book.ledger.holdings.receive(SBIN, "SBIN-EQ", shares, 90_000 * shares, DAY)
    opening = Fill("1", "1", *one.key, one.symbol, "CARRYFORWARD", side, quantity, 5_000, rig.now_ms)
    rig.book.post("settlement", Settlement("opened", (opening,)))
    Settler(rig.universe, rig.book, lambda key, _: PRICES.get(key)).settle(Market("NFO"), ist_day(rig.now_ms))
    records = [r for r in rig.truth.of_kind("settlement") if r["reason"] != "opened"]
    return rig, [(f["token"], f["side"], f["quantity"], f["price"]) for r in records for f in r["fills"]]


@pytest.mark.parametrize(
    ("one", "side", "fills"),
    [
        (INDEX_CALL, Side.BUY, [("1", "SELL", 10, 40_000)]),
        (INDEX_CALL, Side.SELL, [("1", "BUY", 10, 40_000)]),
        (INDEX_PUT, Side.BUY, [("2", "SELL", 10, 0)]),
        (SBIN_FUTURE, Side.BUY, [("3", "SELL", 10, 94_000), ("3045", "BUY", 10, 94_000)]),
        (SBIN_CALL, Side.BUY, [("4", "SELL", 10, 0), ("3045", "BUY", 10, 90_000)]),
        (SBIN_PUT, Side.BUY, [("5", "SELL", 10, 0)]),
        (LATER, Side.BUY, []),
    ],
)
def test_a_contract_is_closed_at_its_value_and_shares_are_delivered_where_they_are_due(
    one: Instrument, side: Side, fills: list[tuple[str, str, int, int]]
) -> None:
    rig, traded = settled(one, side)
    assert traded == fills
    assert rig.book.positions.by_key[(*one.key, "CARRYFORWARD")].net == (0 if fills else 10)


def test_who_owes_shares_delivers_what_he_has_and_pays_for_the_rest() -> None:
    _, covered = settled(SBIN_CALL, Side.SELL, shares=10)
    assert covered == [("4", "BUY", 10, 0), ("3045", "SELL", 10, 90_000)]
    _, bare = settled(SBIN_CALL, Side.SELL)
    assert bare == [("4", "BUY", 10, 4_000)], "settled in cash at the difference to the strike"


@pytest.mark.parametrize(
    ("auction", "average", "close"), [(93_900, 93_500, 93_900), (None, 93_500, 93_500), (None, None, 94_000)]
)
def test_a_share_closes_at_its_auction_or_at_its_last_half_hour_or_where_it_printed_last(
    auction: int | None, average: int | None, close: int
) -> None:
    rig = DeskRig(universe=Universe([*DEFAULT_UNIVERSE, *ALL]), closing_average=average)
    if auction:
        rig.auction_prints.keep(Tick(SBIN, rig.now_ms, auction, 10, 10))
    opening = Fill("1", "1", *SBIN_FUTURE.key, SBIN_FUTURE.symbol, "CARRYFORWARD", Side.BUY, 10, 5_000, rig.now_ms)
    rig.book.post("settlement", Settlement("opened", (opening,)))
    rig.pass_to(rig.start_ms + 7 * 3_600_000)  # 16:15
    (record,) = (r for r in rig.truth.of_kind("settlement") if r["reason"] != "opened")
    assert [fill["price"] for fill in record["fills"]] == [close, close]


def test_shares_bought_for_delivery_are_holdings_the_next_day_and_realised_the_day_after() -> None:
    rig, calendar = DeskRig(), TradingCalendar()
    placed = rig.place(producttype="DELIVERY", price="945.00")
    rig.print_at(94_000, traded=100)
    assert rig.order(placed).state.value == "complete"
    holdings = rig.book.ledger.holdings
    assert holdings.quantity(SBIN) == 0
    tomorrow = calendar.next_trading_day(DAY)
    rig.pass_to(rig.start_ms + (tomorrow - DAY) * 86_400_000)
    (holding,) = holdings
    assert (holding.t1, holding.realised) == (10, 0)
    assert (*SBIN, "DELIVERY") not in rig.book.positions.by_key
    rig.pass_to(rig.start_ms + (calendar.next_trading_day(tomorrow) - DAY) * 86_400_000)
    (holding,) = holdings
    assert (holding.t1, holding.realised) == (0, 10)
    assert holding.cost == 10 * 94_010, "at what was paid"


def test_an_intraday_position_is_closed_by_the_broker_before_the_day_ends_and_a_resting_order_goes() -> None:
    rig = DeskRig()
    rig.place(price="945.00")
    rig.print_at(94_000, traded=100)
    resting = rig.place(price="920.00")
    assert rig.book.positions.by_key[(*SBIN, "INTRADAY")].net == 10
    rig.pass_to(rig.start_ms + 6 * 3_600_000 + 10 * 60_000)  # 15:25
    rig.print_at(94_000, traded=100)
    assert rig.order(resting).state.value == "cancelled"
    assert rig.book.positions.by_key[(*SBIN, "INTRADAY")].net == 0
    (rms,) = [o for o in rig.book.todays_orders() if o.origin is Origin.RMS]
    assert (rms.state.value, rms.side.value, rms.quantity) == ("complete", "SELL", 10)
