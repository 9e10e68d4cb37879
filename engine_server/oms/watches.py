"""What looks after an account beside its writer, each for ever: put together here, run by `OrderManagement`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from engine_server.broker.port import Broker
from engine_server.oms.account_lease import AccountLease
from engine_server.oms.account_state import AccountState
from engine_server.oms.admission import Admission
from engine_server.oms.automatic_kill import AutomaticKill
from engine_server.oms.closing import Closer
from engine_server.oms.gate import Gate
from engine_server.oms.intraday_square_off import IntradaySquareOff
from engine_server.oms.kill_progress import KillProgressStore
from engine_server.oms.kill_response import KillResponse
from engine_server.oms.minder import Minder
from engine_server.oms.parts import OmsParts
from engine_server.oms.profit_watch import ProfitWatch
from engine_server.oms.trade_book_check import TradeBookCheck
from engine_server.oms.writer import Writer


@dataclass(frozen=True)
class Watches:
    """Of one account."""

    parts: OmsParts
    user_id: str
    state: AccountState
    broker: Broker
    lease: AccountLease
    gate: Gate
    writer: Writer
    admission: Admission
    closer: Closer
    kill: AutomaticKill
    read_books: Callable[[], None]

    def running(self) -> Mapping[str, Coroutine[Any, Any, None]]:
        """By name, not begun yet."""
        return {
            "guards": self._minder().run(),
            "kill switch": self._kill_response().run(),
            "square-off": self._square_off().run(),
            "trade book": self._trade_book().run(),
            "profit and loss": self._profit().run(),
        }

    def _minder(self) -> Minder:
        parts = self.parts
        seconds = parts.settings.mind_seconds
        return Minder(self.state, self.writer, self.admission, self.gate, parts.instruments, parts.quotes, seconds)

    def _kill_response(self) -> KillResponse:
        parts, store = self.parts, KillProgressStore(self.parts.database)
        return KillResponse(
            parts.board,
            self.state,
            self.writer,
            self.broker,
            self.lease,
            store,
            self.closer,
            parts.instruments,
            parts.clock,
        )

    def _square_off(self) -> IntradaySquareOff:
        parts, seconds = self.parts, self.parts.settings.square_off_seconds
        return IntradaySquareOff(
            self.state,
            self.closer,
            self.gate,
            parts.instruments,
            parts.intraday,
            parts.clock,
            parts.market_clock,
            seconds,
        )

    def _trade_book(self) -> TradeBookCheck:
        parts, seconds = self.parts, self.parts.settings.recovery.trades_seconds
        return TradeBookCheck(
            self.state,
            self.broker,
            self.writer,
            self.gate,
            parts.clock,
            parts.market_clock,
            self.read_books,
            seconds,
        )

    def _profit(self) -> ProfitWatch:
        parts = self.parts
        return ProfitWatch(
            self.state,
            self.user_id,
            self.broker,
            parts.board,
            self.kill,
            parts.database,
            parts.instruments,
            parts.quotes,
            parts.clock,
            parts.market_clock,
            parts.settings.profit_seconds,
        )
