"""What a strategy is written with: `from tradewinds.sdk import BaseStrategy, Params`."""

from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.sdk.bars import Bar, Bars
from tradewinds.sdk.errors import OrderArgumentError, ParamsError, StateError, StrategyError
from tradewinds.sdk.guards import Guard
from tradewinds.sdk.market import Tick
from tradewinds.sdk.orders import OrderHandle, Trade
from tradewinds.sdk.params import Params, live
from tradewinds.sdk.phases import Phase
from tradewinds.sdk.positions import Position
from tradewinds.sdk.selectors import Selector, fut, opt
from tradewinds.sdk.signals import Signal
from tradewinds.sdk.strategy import BaseStrategy
from tradewinds.sdk.timers import at, every
from tradewinds.sdk.vocabulary import OrderState, OrderType, Product, Side, StopReason

__all__ = [
    "Bar",
    "Bars",
    "BaseStrategy",
    "Guard",
    "Instrument",
    "OrderArgumentError",
    "OrderHandle",
    "OrderState",
    "OrderType",
    "Params",
    "ParamsError",
    "Phase",
    "Position",
    "Product",
    "Selector",
    "Side",
    "Signal",
    "StateError",
    "StopReason",
    "StrategyError",
    "Tick",
    "Trade",
    "UnknownInstrumentError",
    "at",
    "every",
    "fut",
    "live",
    "opt",
]
