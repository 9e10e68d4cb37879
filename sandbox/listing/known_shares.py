"""Shares with futures and options that everybody knows, beside the demo's own: NSE's tokens, ticks and lots of August 2026."""

from __future__ import annotations

from typing import NamedTuple


class KnownShare(NamedTuple):
    """`tick` in paise; `price` (about) and `step` of the strikes in rupees."""

    token: str
    name: str
    tick: int
    price: float
    lot: int
    step: float


DEMO_CONTRACTS: dict[str, tuple[int, float]] = {
    "RELIANCE": (500, 10),
    "TCS": (225, 20),
    "INFY": (400, 20),
    "SBIN": (750, 10),
    "HDFCBANK": (650, 10),
    "ICICIBANK": (700, 10),
    "LT": (175, 50),
    "AXISBANK": (625, 20),
    "KOTAKBANK": (2000, 5),
    "ITC": (1725, 2.5),
    "BHARTIARTL": (475, 20),
    "HINDUNILVR": (300, 20),
}
"""Lot and strike step (rupees) of the demo's shares."""

DEMO_BSE_TOKENS: dict[str, str] = {
    "RELIANCE": "500325",
    "TCS": "532540",
    "INFY": "500209",
    "SBIN": "500112",
    "HDFCBANK": "500180",
    "ICICIBANK": "532174",
    "LT": "500510",
    "AXISBANK": "532215",
    "KOTAKBANK": "500247",
    "ITC": "500875",
    "BHARTIARTL": "532454",
    "HINDUNILVR": "500696",
}

KNOWN_SHARES = (
    KnownShare("3787", "WIPRO", 1, 182.5, 3000, 2.5),
    KnownShare("3499", "TATASTEEL", 1, 187.5, 2750, 2.5),
    KnownShare("10999", "MARUTI", 100, 14000, 50, 100),
    KnownShare("317", "BAJFINANCE", 10, 1080, 750, 10),
    KnownShare("236", "ASIANPAINT", 10, 2740, 250, 20),
    KnownShare("3351", "SUNPHARMA", 10, 1940, 350, 20),
    KnownShare("3506", "TITAN", 10, 4800, 175, 50),
    KnownShare("11532", "ULTRACEMCO", 100, 11760, 50, 100),
    KnownShare("17963", "NESTLEIND", 10, 1470, 500, 10),
    KnownShare("7229", "HCLTECH", 10, 1230, 400, 10),
    KnownShare("13538", "TECHM", 10, 1480, 600, 20),
    KnownShare("11630", "NTPC", 5, 350, 1500, 5),
    KnownShare("14977", "POWERGRID", 5, 277.5, 1900, 2.5),
    KnownShare("2475", "ONGC", 1, 245, 2250, 2.5),
    KnownShare("20374", "COALINDIA", 5, 425, 1350, 5),
    KnownShare("25", "ADANIENT", 10, 3050, 309, 50),
    KnownShare("15083", "ADANIPORTS", 10, 1780, 475, 20),
    KnownShare("11723", "JSWSTEEL", 10, 1280, 675, 20),
    KnownShare("1363", "HINDALCO", 5, 1020, 700, 20),
    KnownShare("1232", "GRASIM", 10, 3280, 250, 20),
    KnownShare("694", "CIPLA", 10, 1440, 425, 10),
    KnownShare("881", "DRREDDY", 10, 1220, 625, 10),
    KnownShare("10940", "DIVISLAB", 50, 7800, 100, 100),
    KnownShare("910", "EICHERMOT", 50, 7700, 100, 100),
    KnownShare("1348", "HEROMOTOCO", 10, 5400, 150, 100),
    KnownShare("16669", "BAJAJ-AUTO", 50, 10900, 75, 100),
    KnownShare("2031", "M&M", 10, 3250, 200, 50),
    KnownShare("5258", "INDUSINDBK", 5, 1010, 700, 10),
    KnownShare("526", "BPCL", 5, 315, 1975, 5),
    KnownShare("547", "BRITANNIA", 50, 5500, 125, 50),
    KnownShare("11287", "UPL", 5, 600, 1355, 10),
    KnownShare("157", "APOLLOHOSP", 50, 8800, 125, 100),
    KnownShare("21808", "SBILIFE", 10, 1860, 375, 20),
    KnownShare("467", "HDFCLIFE", 5, 555, 1100, 5),
    KnownShare("16675", "BAJAJFINSV", 10, 1980, 300, 20),
    KnownShare("3432", "TATACONSUM", 10, 1090, 550, 10),
    KnownShare("4306", "SHRIRAMFIN", 10, 1060, 825, 20),
    KnownShare("1964", "TRENT", 10, 3050, 225, 50),
    KnownShare("383", "BEL", 5, 405, 1425, 5),
)
