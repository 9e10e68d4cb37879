"""From a Start frame to a strategy that is ready to run, or the reason why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from pydantic import BaseModel

from strategy_runner import loading
from strategy_runner.protocol import ClassRef, HeldPosition, Start
from tradewinds.clock import MarketClock
from tradewinds.sdk import checkpoint, params
from tradewinds.sdk.checkpoint import Checkpoint
from tradewinds.sdk.commands import Command
from tradewinds.sdk.driver import StrategyDriver
from tradewinds.sdk.errors import ParamsError
from tradewinds.sdk.positions import Position
from tradewinds.sdk.request_ids import RequestIds
from tradewinds.sdk.strategy import BaseStrategy
from tradewinds.sdk.vocabulary import Product


class UnsuitableError(Exception):
    """The class or its parameters are wrong: trying again does not help. `field` as in InspectResult.error_field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def load_checked(ref: ClassRef) -> tuple[type[BaseStrategy], BaseModel]:
    """The class and its validated parameters; raises `UnsuitableError`."""
    try:
        strategy_class = loading.load(ref.module_path, ref.class_name, [Path(folder) for folder in ref.folders])
        return strategy_class, params.validate(strategy_class.Params, ref.config_json)
    except (loading.FolderError, loading.LoadError) as e:
        raise UnsuitableError(getattr(e, "field", "module_path"), str(e)) from e
    except ParamsError as e:
        raise UnsuitableError(f"config.{e.field}" if e.field else "config", e.message) from e


def build_driver(start: Start, clock: MarketClock, send: Callable[[Command], None]) -> StrategyDriver:
    """A strategy that continues from its checkpoint; raises `UnsuitableError`."""
    strategy_class, parameters = load_checked(start.strategy)
    return StrategyDriver(
        strategy_class,
        parameters,
        request_ids=RequestIds(start.config_id, start.epoch, start.nonce),
        instruments=start.instruments,
        now_ms=clock.now_ms,
        send=send,
        checkpoint=_continue_from(start),
    )


def _continue_from(start: Start) -> Checkpoint:
    """The saved state with its book; where there are events but no saved book, the engine's own."""
    saved = checkpoint.decode(start.state_json, start.last_event_sequence)
    if checkpoint.has_book(start.state_json) or start.last_event_sequence == 0:
        return saved
    return Checkpoint(
        last_event_sequence=saved.last_event_sequence,
        state=saved.state,
        daily_due=saved.daily_due,
        selections=saved.selections,
        positions=tuple(map(_position, start.positions)),
        working_orders=tuple(start.working_orders),
    )


def _position(held: HeldPosition) -> Position:
    return Position(
        instrument=held.instrument,
        product=Product(held.product),
        net_quantity=held.net_quantity,
        average_price=Decimal(held.average_price) if held.average_price else None,
        realised_pnl=Decimal(held.realised_pnl or 0),
    )
