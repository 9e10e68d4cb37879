"""Shares that the simulated broker trades, and prices that surely fill: inside the day's band, beyond what a run may move."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.integration.oms.engine import FixedInstruments
from tradewinds.instruments import Instrument

_AWAY = Decimal("0.045")
_FAR = Decimal("0.075")
_GRID = Decimal("0.10")


@dataclass(frozen=True)
class Share:
    """A listed share, and about what it costs there."""

    instrument: Instrument
    price: int

    @property
    def crossing_buy(self) -> Decimal:
        """Fills at once."""
        return self._at(1 + _AWAY)

    @property
    def crossing_sell(self) -> Decimal:
        """Fills at once."""
        return self._at(1 - _AWAY)

    @property
    def resting_buy(self) -> Decimal:
        """Rests, and meets no exit of another strategy."""
        return self._at(1 - _FAR)

    def _at(self, factor: Decimal) -> Decimal:
        return self.price * factor // _GRID * _GRID


def _share(token: str, name: str, tick: str, price: int) -> Share:
    symbol = f"{name}-EQ"
    instrument = Instrument(
        key=f"NSE:{symbol}",
        exchange="NSE",
        symbol=symbol,
        token=token,
        name=name,
        kind="EQ",
        lot_size=1,
        tick_size=Decimal(tick),
    )
    return Share(instrument, price)


SHARES = (
    _share("2885", "RELIANCE", "0.10", 1_420),
    _share("11536", "TCS", "0.10", 3_050),
    _share("1594", "INFY", "0.10", 1_510),
    _share("3045", "SBIN", "0.10", 940),
    _share("1333", "HDFCBANK", "0.05", 985),
    _share("4963", "ICICIBANK", "0.10", 1_380),
    _share("11483", "LT", "0.10", 3_890),
    _share("5900", "AXISBANK", "0.10", 1_220),
    _share("1922", "KOTAKBANK", "0.05", 425),
    _share("10604", "BHARTIARTL", "0.10", 2_010),
)


class ListedShares(FixedInstruments):
    """All of them, as the order management asks for instruments."""

    by_key = {share.instrument.key: share.instrument for share in SHARES}  # noqa: RUF012 - never changed
