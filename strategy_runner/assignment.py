"""What the engine wants one strategy to be, in the runner's own terms."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from strategy_runner.protocol import HeldPosition
from tradewinds.instruments import Instrument
from tradewinds.sdk.orders import OrderReport
from tradewinds.sdk.signals import Signal


@dataclass(frozen=True)
class SavedState:
    """The newest checkpoint known: state and the order events taken, one fact."""

    state_json: str = ""
    last_event_sequence: int = 0


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One directive. A higher (epoch, revision) replaces a lower one, an equal one changes nothing."""

    config_id: str
    epoch: int
    revision: int
    run: bool
    module_path: str = ""
    class_name: str = ""
    config_json: str = "{}"
    instruments: tuple[Instrument, ...] = ()
    saved: SavedState = field(default_factory=SavedState)
    positions: tuple[HeldPosition, ...] = ()
    working_orders: tuple[OrderReport, ...] = ()
    process_revision: int = 0
    entries_denied_because: str = ""
    kill: bool = False
    signals: tuple[Signal, ...] = ()
    account_id: str = ""

    @property
    def version(self) -> tuple[int, int]:
        """What decides which of two directives is the newer."""
        return self.epoch, self.revision

    @property
    def instrument_keys(self) -> frozenset[str]:
        """What it trades or still holds."""
        held = (position.instrument for position in self.positions if position.net_quantity)
        working = (order.instrument for order in self.working_orders)
        return frozenset({*(i.key for i in self.instruments), *held, *working})


class LifeEvent(Enum):
    """What happens to a strategy's process."""

    STARTING = auto()
    RUNNING = auto()
    STOPPED = auto()
    CRASHED = auto()
    FAILED = auto()


@dataclass(frozen=True, kw_only=True)
class LifeReport:
    """One line of a strategy's life, for the engine."""

    config_id: str
    epoch: int
    revision: int
    event: LifeEvent
    pid: int = 0
    detail: str = ""
    code_hash: str = ""
    retry_at_seconds: float | None = None  # real epoch seconds
