"""The cash segment: the demo's shares, other well-known ones, and invented companies up to the exchanges' real numbers.

Invented names, prices and tokens are the same on every day and machine. BSE lists everything that NSE does (its twin, no -EQ)
and some more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sandbox.listing.known_shares import DEMO_BSE_TOKENS, DEMO_CONTRACTS, KNOWN_SHARES
from sandbox.pricing.noise import seed_of
from sandbox.universe import INDEX_TYPE, NO_BAND, Instrument, InstrumentKind

INVENTED_WITH_CONTRACTS = 155
_INVENTED = 2_050
_BONDS = 900
_BSE_ONLY = 3_000
_FIRST_INVENTED_TOKEN = 30_000
_FIRST_BOND_TOKEN = 60_000
_FIRST_TWIN_TOKEN = 543_000
_FIRST_BSE_ONLY_TOKEN = 511_000
_BEGINNINGS = str.split(
    "AKSH ANAND ARYA BALA BHUMI CHAND DAKSH DEEP DHARA EKTA GANGA GIRI HARI HIMA INDRA JAYA JYOTI KALP KANAK KAVERI KIRAN KUBER LAXM "
    "MADHU MANGAL MAYUR MEGH NANDI NARMA NAVYA NEEL OJAS PADMA PAVAN PRABH PRAKA RATNA SAGAR SAHYA SAMAR SARAS SHAKT SHREYA SURYA "
    "TARA TRISH UDAY UTTAM VAJRA VARUN VIKRA VINDH YAMUN YASH ZENIT"
)
_ENDINGS = str.split(
    "AGRO AUTO BANK BIO CABLE CAP CEM CHEM COAT CON DIGI ELEC ENGG FERT FIN FOOD FORGE GAS GLASS HOSP HOTEL INFRA INSUR IRON JEWEL "
    "LABS LEAS LOGI MEDIA METAL MILK MOTOR NET OIL PACK PAPER PHARM PIPE PLAST PORT POWER REAL RETAIL SHIP SOFT STEEL SUGAR TELE TEX"
)
_TICK_BY_RUPEES = ((250, 1), (1_000, 5), (5_000, 10), (10_000, 50), (20_000, 100), (math.inf, 500))
"""NSE since April 2025: the tick in paise up to a price in rupees."""
_INDICES = (
    ("NSE", "99926037", "Nifty Fin Service", "FINNIFTY", 26_800),
    ("NSE", "99926074", "NIFTY MID SELECT", "MIDCPNIFTY", 13_900),
    ("NSE", "99926013", "Nifty Next 50", "NIFTYNXT50", 69_500),
    ("NSE", "99926017", "India VIX", "INDIA VIX", 14),
    ("NSE", "99926008", "Nifty IT", "NIFTY IT", 34_500),
    ("NSE", "99926029", "Nifty Auto", "NIFTY AUTO", 25_900),
    ("NSE", "99926023", "Nifty Pharma", "NIFTY PHARMA", 22_300),
    ("NSE", "99926021", "Nifty FMCG", "NIFTY FMCG", 54_700),
    ("NSE", "99926030", "Nifty Metal", "NIFTY METAL", 10_100),
    ("NSE", "99926004", "Nifty 500", "NIFTY 500", 23_400),
    ("BSE", "99919000", "SENSEX", "SENSEX", 83_000),
    ("BSE", "99919012", "BANKEX", "BANKEX", 64_200),
)


def other_indices() -> Iterator[Instrument]:
    """Beside the demo's Nifty 50 and Nifty Bank."""
    for exchange, token, symbol, name, rupees in _INDICES:
        yield Instrument(
            exchange,
            token,
            symbol,
            name,
            5,
            rupees * 100,
            InstrumentKind.INDEX,
            band_percent=NO_BAND,
            instrument_type=INDEX_TYPE,
        )


def other_nse_shares() -> Iterator[Instrument]:
    """Beside the demo's; those with futures and options first."""
    for share in KNOWN_SHARES:
        yield _with_contracts(share.token, share.name, share.tick, round(share.price * 100))
    for n in range(_INVENTED):
        name = _name(n)
        paise = invented_price(name)
        token = str(_FIRST_INVENTED_TOKEN + 3 * n)
        if n < INVENTED_WITH_CONTRACTS:
            yield _with_contracts(token, name, _tick_of(paise), paise)
        else:
            yield _invented(token, name, paise)
    yield from _bonds()


def bse_shares(nse: Iterable[Instrument]) -> Iterator[Instrument]:
    """The twin of every NSE share, then those that only BSE has."""
    shares = [share for share in nse if share.symbol.endswith("-EQ")]
    for n, share in enumerate(shares):
        token = DEMO_BSE_TOKENS.get(share.name, str(_FIRST_TWIN_TOKEN + n))
        yield twin_of(share, token)
    for n in range(_BSE_ONLY):
        name = f"{_name(_INVENTED + n)}"
        paise = max(500, invented_price(name) // 8)
        yield Instrument(
            "BSE",
            str(_FIRST_BSE_ONLY_TOKEN + n),
            name,
            name,
            _tick_of(paise),
            paise // 5 * 5,
            band_percent=(5, 10, 20)[seed_of(name, "band") % 3],
            freeze_quantity=_freeze(paise),
            isin=_isin(name),
        )


def twin_of(share: Instrument, token: str) -> Instrument:
    """The same share at BSE, whose price follows NSE's."""
    return Instrument(
        "BSE",
        token,
        share.name,
        share.name,
        5 if share.tick_size == 1 else share.tick_size,
        share.base_price,
        isin=share.isin,
        band_percent=share.band_percent,
        freeze_quantity=share.freeze_quantity,
        is_cautionary=share.is_cautionary,
        has_closing_auction=share.has_closing_auction,
        underlying=share.key,
    )


def invented_contract_terms(name: str, base_price: int) -> tuple[int, int]:
    """(lot, strike step in paise) of a share that is not known: a lot is worth some seven lakh rupees."""
    known = DEMO_CONTRACTS.get(name)
    if known is not None:
        return known[0], round(known[1] * 100)
    lot = max(25, 70_000_000 // base_price // 25 * 25)
    step = next(
        s
        for limit, s in (
            (100, 100),
            (250, 250),
            (500, 500),
            (1_000, 1_000),
            (2_500, 2_000),
            (5_000, 5_000),
            (math.inf, 10_000),
        )
        if base_price <= limit * 100
    )
    return lot, step


def _with_contracts(token: str, name: str, tick: int, paise: int) -> Instrument:
    return Instrument(
        "NSE",
        token,
        f"{name}-EQ",
        name,
        tick,
        paise,
        isin=_isin(name),
        freeze_quantity=_freeze(paise),
        has_closing_auction=True,
    )


def _invented(token: str, name: str, paise: int) -> Instrument:
    kind = seed_of(name, "series") % 100
    series, band, lot = (
        ("BE", 5, 1) if kind < 8 else ("SM", 20, 100) if kind < 20 else ("EQ", (5, 10, 20, 20)[kind % 4], 1)
    )
    return Instrument(
        "NSE",
        token,
        f"{name}-{series}",
        name,
        5 if series == "SM" else _tick_of(paise),
        paise // 5 * 5,
        lot_size=lot,
        isin=_isin(name),
        band_percent=band,
        freeze_quantity=_freeze(paise),
        is_cautionary=kind in (7, 50),
    )


def _bonds() -> Iterator[Instrument]:
    """State and central government securities, a hundred rupees each, in hundreds."""
    for n in range(_BONDS):
        state = ("GJ", "MH", "TN", "KA", "UP", "RJ", "WB", "AP")[n % 8]
        name = f"{650 + n % 200}{state}{27 + n // 40}"
        yield Instrument(
            "NSE",
            str(_FIRST_BOND_TOKEN + 2 * n),
            f"{name}-SG",
            name,
            1,
            9_500 + seed_of(name) % 1_000,
            lot_size=100,
            isin=_isin(name),
            band_percent=5,
            freeze_quantity=999_900,
        )


def _name(n: int) -> str:
    """Never the same twice: beginning and ending, and a numeral once they have run out."""
    round_, place = divmod(n, len(_BEGINNINGS) * len(_ENDINGS))
    ending, beginning = divmod(place, len(_BEGINNINGS))
    return _BEGINNINGS[beginning] + _ENDINGS[(ending + beginning) % len(_ENDINGS)] + (str(round_ + 1) if round_ else "")


def invented_price(name: str) -> int:
    """From twenty to five thousand rupees, mostly some hundreds."""
    part = seed_of(name, "price") % 100_000 / 100_000
    return round(2_000 * math.exp(part * math.log(250))) // 50 * 50


def _tick_of(paise: int) -> int:
    return next(tick for limit, tick in _TICK_BY_RUPEES if paise < limit * 100)


def _freeze(paise: int) -> int:
    return max(1, 10_000_000_000 // paise)


def _isin(name: str) -> str:
    """Of the right form, in a range that no company has."""
    return f"INE9{seed_of(name, 'isin') % 10**5:05d}010"[:11] + str(seed_of(name, "check") % 10)
