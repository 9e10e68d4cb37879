"""Where our books differ from the broker's positions at start-up: said, never traded away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine_server.broker.port import PositionReport
from engine_server.oms import metrics
from engine_server.oms.account_state import AccountState
from tradewinds.instruments import Instrument
from tradewinds.telemetry import get_logger

log = get_logger("oms.positions")

Line = tuple[str, str]  # (instrument key, product)


class PositionsCheck:
    """Compares net quantities of the account's totals. `by_token` finds an instrument by exchange and token."""

    def __init__(self, by_token: Callable[[str, str], Instrument | None]) -> None:
        self._by_token = by_token

    def compare(self, state: AccountState, reports: Sequence[PositionReport]) -> int:
        """Log every line that differs (holdings of earlier days and trades that are not ours look like this); how many."""
        theirs = {self._line(report): report.net_quantity for report in reports}
        ours = {
            (key.instrument, key.product): book.position.net_quantity
            for key, book in state.books.items()
            if not key.config_id
        }
        differing = sorted(line for line in ours | theirs if ours.get(line, 0) != theirs.get(line, 0))
        for line in differing:
            log.warning(
                "differ",
                account_id=state.account_id,
                instrument=line[0],
                product=line[1],
                ours=ours.get(line, 0),
                broker=theirs.get(line, 0),
            )
        metrics.POSITION_DIFFERENCES.labels(state.account_id).set(len(differing))
        return len(differing)

    def _line(self, report: PositionReport) -> Line:
        instrument = self._by_token(report.exchange, report.token)
        return (instrument.key if instrument else f"{report.exchange}:#{report.token}", report.product)
