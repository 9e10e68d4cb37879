"""Where our books differ from the broker's positions and holdings: said, held, never traded away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine_server.broker.port import HoldingReport, PositionReport
from engine_server.oms import metrics
from engine_server.oms.account_state import AccountState
from engine_server.oms.records import ZERO
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger

log = get_logger("oms.positions")

PRODUCTS = ("MIS", "NRML", "CNC")
Line = tuple[str, str]  # (instrument key, product)


@dataclass(frozen=True)
class Difference:
    """One line on which we do not agree. `price` is what the broker paid or got on average, 0 where it does not say."""

    instrument: str
    product: str
    ours: int
    broker: int
    price: Decimal = ZERO

    @property
    def line(self) -> Line:
        """Where."""
        return self.instrument, self.product

    @property
    def excess(self) -> int:
        """How many more units our books have: what stays the same while both trade on."""
        return self.ours - self.broker

    @property
    def subject(self) -> str:
        """The line in one word."""
        return f"{self.instrument}/{self.product}"


def unexplained(found: Sequence[Difference], state: AccountState) -> list[Difference]:
    """Those that no order of unknown fate may have made: it holds entries of its instrument itself, and its fate is known soon."""
    unclear = {(order.instrument, order.product) for order in state.working.unknown}
    return [one for one in found if (one.instrument, one.product) not in unclear]


class PositionsCheck:
    """Compares net quantities of the account's totals. `by_token` finds an instrument by exchange and token."""

    def __init__(self, by_token: Callable[[str, str], Instrument | None]) -> None:
        self.by_token = by_token

    def differences(
        self, state: AccountState, positions: Sequence[PositionReport], holdings: Sequence[HoldingReport]
    ) -> list[Difference]:
        """Every line that differs, in order. What was delivered (T+1) has moved from positions to holdings: the two are one."""
        theirs: dict[Line, int] = {}
        prices = {}
        for report in positions:
            if report.product not in PRODUCTS:  # margin trading, say: our books cannot hold it
                log.warning_throttled("unreadable", account_id=state.account_id, product=report.product)
                continue
            line = (self._key(report.exchange, report.token), report.product)
            theirs[line] = theirs.get(line, 0) + report.net_quantity
            prices[line] = report.buy_average if report.net_quantity > 0 else report.sell_average
        for holding in holdings:
            line = (self._key(holding.exchange, holding.token), "CNC")
            theirs[line] = theirs.get(line, 0) + holding.quantity
            prices.setdefault(line, holding.average_price)
        ours = {
            (key.instrument, key.product): book.position.net_quantity
            for key, book in state.books.items()
            if not key.config_id
        }
        found = [
            Difference(*line, ours.get(line, 0), theirs.get(line, 0), prices.get(line, ZERO))
            for line in sorted(ours | theirs)
            if ours.get(line, 0) != theirs.get(line, 0)
        ]
        metrics.POSITION_DIFFERENCES.labels(state.account_id).set(len(found))
        return found

    def _key(self, exchange: str, token: str) -> str:
        instrument = self.by_token(exchange, token)
        return instrument.key if instrument else f"{exchange}:#{token}"
