"""What a strategy is written with: `from tradewinds.sdk import BaseStrategy, Params`."""

from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.sdk.errors import NotThereYetError, OrderArgumentError, ParamsError, StateError, StrategyError
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import OrderHandle, Trade
from tradewinds.sdk.params import Params
from tradewinds.sdk.positions import Position
from tradewinds.sdk.strategy import BaseStrategy
from tradewinds.sdk.timers import every
from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side, StopReason

__all__ = [
    "BaseStrategy",
    "Instrument",
    "NotThereYetError",
    "OrderArgumentError",
    "OrderHandle",
    "OrderState",
    "OrderType",
    "Params",
    "ParamsError",
    "Position",
    "Product",
    "Side",
    "StateError",
    "StopReason",
    "StrategyError",
    "Tick",
    "Trade",
    "UnknownInstrumentError",
    "every",
]
