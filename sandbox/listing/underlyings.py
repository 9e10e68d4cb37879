"""What contracts are written on, and the terms that all contracts of an underlying share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sandbox.listing.known_shares import KNOWN_SHARES
from sandbox.listing.shares import invented_contract_terms
from sandbox.universe import NO_BAND, Instrument, InstrumentKey, InstrumentKind

SPOT_SUFFIX = "-SPOT"
"""What commodities are priced off is no listed scrip: its exchange is `MCX-SPOT`."""
_STOCK_STRIKES = 48
_EVERY_MONTH = tuple(range(1, 13))


class Sort(StrEnum):
    """Decides the instrument types of its contracts."""

    INDEX = "IDX"
    STOCK = "STK"
    COMMODITY = "COM"
    CURRENCY = "CUR"


@dataclass(frozen=True, slots=True)
class Underlying:
    """`number` is part of its contracts' tokens, unique in the segment: it never changes.

    `step` is between strikes, in paise; there are `strikes` on each side of the money.
    `lots` begin at their dates, oldest first. `expiry_day` is the day of the month of commodities and currencies (0: the exchange's
    weekday rule). `source` is the instrument whose price decides its contracts'.
    """

    number: int
    name: str
    segment: str
    sort: Sort
    source: InstrumentKey
    lots: tuple[tuple[date, int], ...]
    step: int
    strikes: int
    future_tick: int
    option_tick: int = 5
    freeze_quantity: int = 0
    months: tuple[int, ...] = _EVERY_MONTH
    monthlies: int = 3
    weeklies: int = 0
    quarterlies: int = 0
    half_yearlies: int = 0
    expiry_day: int = 0
    option_lead_days: int = 0
    has_options: bool = True

    @property
    def future_type(self) -> str:
        return f"FUT{self.sort.value}"

    @property
    def option_type(self) -> str:
        """Options on commodities are options on their futures."""
        return "OPTFUT" if self.sort is Sort.COMMODITY else f"OPT{self.sort.value}"

    def lot(self, on: date) -> int:
        return next(lot for begins, lot in reversed(self.lots) if begins <= on)


_ALWAYS = date(1970, 1, 1)
_LOTS_OF_NIFTY = (
    (_ALWAYS, 75),
    (date(2021, 7, 1), 50),
    (date(2024, 4, 26), 25),
    (date(2024, 11, 20), 75),
    (date(2026, 1, 1), 65),
)
_LOTS_OF_BANKNIFTY = (
    (_ALWAYS, 25),
    (date(2023, 7, 1), 15),
    (date(2024, 11, 20), 30),
    (date(2025, 4, 25), 35),
    (date(2026, 1, 1), 30),
)


def index_underlyings() -> Iterator[Underlying]:
    """NSE's and BSE's."""
    yield _index(1, "NIFTY", "99926000", _LOTS_OF_NIFTY, 50, 100, 10, 1_800, weeklies=5, half_yearlies=8)
    yield _index(2, "BANKNIFTY", "99926009", _LOTS_OF_BANKNIFTY, 100, 100, 20, 600, weeklies=4)
    yield _index(3, "FINNIFTY", "99926037", ((_ALWAYS, 60),), 50, 90, 10, 1_200, quarterlies=0)
    yield _index(4, "MIDCPNIFTY", "99926074", ((_ALWAYS, 120),), 25, 90, 5, 2_800, quarterlies=0)
    yield _index(5, "NIFTYNXT50", "99926013", ((_ALWAYS, 25),), 100, 90, 20, 600, quarterlies=0)
    yield _index(
        6,
        "SENSEX",
        "99919000",
        ((_ALWAYS, 10), (date(2024, 11, 20), 20)),
        100,
        100,
        5,
        1_000,
        weeklies=7,
        half_yearlies=8,
    )
    yield _index(7, "BANKEX", "99919012", ((_ALWAYS, 15), (date(2024, 11, 20), 30)), 100, 90, 5, 900, quarterlies=0)


def stock_underlyings(shares: Iterable[Instrument]) -> Iterator[Underlying]:
    """All shares that have a closing auction: it is for shares with derivatives."""
    known = {share.name: share for share in KNOWN_SHARES}
    number = 20
    for share in shares:
        if not share.has_closing_auction:
            continue
        lot, step = invented_contract_terms(share.name, share.base_price)
        if share.name in known:
            lot, step = known[share.name].lot, round(known[share.name].step * 100)
        yield Underlying(
            number,
            share.name,
            "NFO",
            Sort.STOCK,
            share.key,
            ((_ALWAYS, lot),),
            step,
            _STOCK_STRIKES,
            share.tick_size,
            freeze_quantity=40 * lot,
        )
        number += 1


def commodity_underlyings() -> Iterator[Underlying]:
    """MCX's, and NCDEX's, which are listed and not traded here."""
    for n, (name, lot, step, tick, day, months, lead) in enumerate(_MCX):
        source = (f"MCX{SPOT_SUFFIX}", name)
        yield Underlying(
            1 + n, name, "MCX", Sort.COMMODITY, source, ((_ALWAYS, lot),), step * 100, 60, tick, 50, 10_000 * lot,
            months, 4, expiry_day=day, option_lead_days=lead, has_options=lead > 0,
        )  # fmt: skip
    for n, name in enumerate(_NCDEX):
        source = (f"NCDEX{SPOT_SUFFIX}", name)
        yield Underlying(
            1 + n, name, "NCDEX", Sort.COMMODITY, source, ((_ALWAYS, 10),), 5_000, 10, 200, 50, 5_000,
            expiry_day=20, option_lead_days=5, has_options=n < _NCDEX_WITH_OPTIONS,
        )  # fmt: skip


def currency_underlyings() -> Iterator[Underlying]:
    """Listed and not traded here, as the broker has it since 2026."""
    for n, (name, step) in enumerate((("USDINR", 25), ("EURINR", 25), ("GBPINR", 25), ("JPYINR", 25))):
        source = (f"CDS{SPOT_SUFFIX}", name)
        yield Underlying(
            1 + n, name, "CDS", Sort.CURRENCY, source, ((_ALWAYS, 1),), step, 24, 0,
            monthlies=12, weeklies=5 if n == 0 else 0, expiry_day=27,
        )  # fmt: skip


def spots() -> Iterator[Instrument]:
    """What commodities are priced off; nobody can trade or look up a spot."""
    ncdex = dict.fromkeys(_NCDEX, 7_000)
    currencies = {"USDINR": 89, "EURINR": 103, "GBPINR": 117, "JPYINR": 57}
    for segment, prices in (("MCX", _MCX_RUPEES), ("NCDEX", ncdex), ("CDS", currencies)):
        for name, rupees in prices.items():
            yield Instrument(
                segment + SPOT_SUFFIX, name, name, name, 5, rupees * 100, InstrumentKind.INDEX, band_percent=NO_BAND
            )


def _index(
    number: int,
    name: str,
    token: str,
    lots: tuple[tuple[date, int], ...],
    step_rupees: int,
    strikes: int,
    future_tick: int,
    freeze_quantity: int,
    weeklies: int = 0,
    quarterlies: int = 3,
    half_yearlies: int = 0,
) -> Underlying:
    at_bse = token.startswith("99919")
    return Underlying(
        number,
        name,
        "BFO" if at_bse else "NFO",
        Sort.INDEX,
        ("BSE" if at_bse else "NSE", token),
        lots,
        step_rupees * 100,
        strikes,
        future_tick,
        freeze_quantity=freeze_quantity,
        weeklies=weeklies,
        quarterlies=quarterlies,
        half_yearlies=half_yearlies,
    )


_MCX = (
    ("GOLD", 100, 250, 100, 5, (2, 4, 6, 8, 10, 12), 7),
    ("GOLDM", 10, 250, 100, 5, _EVERY_MONTH, 7),
    ("GOLDPETAL", 1, 50, 100, 31, _EVERY_MONTH, 0),
    ("SILVER", 30, 250, 100, 5, (3, 5, 7, 9, 12), 7),
    ("SILVERM", 5, 250, 100, 30, (2, 4, 6, 8, 11), 7),
    ("CRUDEOIL", 100, 50, 100, 19, _EVERY_MONTH, 2),
    ("CRUDEOILM", 10, 50, 100, 19, _EVERY_MONTH, 2),
    ("NATURALGAS", 1250, 5, 10, 26, _EVERY_MONTH, 2),
    ("NATGASMINI", 250, 5, 10, 26, _EVERY_MONTH, 2),
    ("COPPER", 2500, 5, 5, 31, _EVERY_MONTH, 7),
    ("ZINC", 5000, 1, 5, 31, _EVERY_MONTH, 7),
    ("ALUMINIUM", 5000, 1, 5, 31, _EVERY_MONTH, 0),
    ("LEAD", 5000, 1, 5, 31, _EVERY_MONTH, 0),
)
"""Name, lot (units of the quoted price), strike step in rupees, tick in paise, expiry day, months, days from an option's expiry to its
future's."""

_MCX_RUPEES = {
    "GOLD": 118_500, "GOLDM": 118_400, "GOLDPETAL": 11_900, "SILVER": 146_200, "SILVERM": 146_300, "CRUDEOIL": 5_560, "CRUDEOILM": 5_560,
    "NATURALGAS": 268, "NATGASMINI": 268, "COPPER": 942, "ZINC": 284, "ALUMINIUM": 256, "LEAD": 183,
}  # fmt: skip

_NCDEX = (
    "CASTOR",
    "COCUDAKL",
    "COTWASOIL",
    "DHANIYA",
    "GUARGUM5",
    "GUARSEED10",
    "JEERAUNJHA",
    "KAPAS",
    "MENTHAOIL",
    "STEEL",
    "SUNOIL",
    "TMCFGRNZM",
    "BAJRA",
    "BARLEYJPR",
    "GROUNDNUT",
    "ISABGOL",
)
_NCDEX_WITH_OPTIONS = 6
