"""What every account of an engine shares, and how accounts are run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from engine_server.oms.event_log import OrderEventLog
from engine_server.oms.kill_desk import KillDesk
from engine_server.oms.margin_desk import MarginSettings
from engine_server.oms.pacer import PacerSettings
from engine_server.oms.ports import Instruments, Intraday, Quotes
from engine_server.oms.positions_check import PositionsCheck
from engine_server.oms.recovery_settings import RecoverySettings
from engine_server.oms.risk_board import StoredRiskBoard
from tradewinds.clock import Clock, MarketClock
from tradewinds.database.session import Database
from tradewinds.ids import IdFactory


@dataclass(frozen=True)
class OmsSettings:
    """How an account is run; tests shrink it."""

    pacer: PacerSettings = field(default_factory=PacerSettings)
    recovery: RecoverySettings = field(default_factory=RecoverySettings)
    mind_seconds: float = 0.3  # how often guards and chased orders look at the market
    profit_seconds: float = 2.0
    square_off_seconds: float = 1.0
    reconcile_wait_seconds: float = 2.0  # how long an entry waits for a clean read before it is denied
    margin: MarginSettings = field(default_factory=MarginSettings)


@dataclass(frozen=True)
class OmsParts:
    """What every account of an engine shares."""

    database: Database
    event_log: OrderEventLog
    clock: Clock
    market_clock: MarketClock
    new_id: IdFactory
    tag_key: bytes
    wake_outbox: Callable[[], None]
    compare_positions: PositionsCheck
    tell_reconciled: Callable[[str, Mapping[str, int]], Awaitable[None]]
    board: StoredRiskBoard
    desk: KillDesk
    instruments: Instruments
    quotes: Quotes
    intraday: Intraday
    settings: OmsSettings = field(default_factory=OmsSettings)
