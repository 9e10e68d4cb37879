"""The words of orders, the same as in the contracts, without their prefixes."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Which side of the market."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> Side:
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order is priced. MARKET is sent as a LIMIT with a protection price: the broker allows algorithms no other."""

    LIMIT = "LIMIT"
    SL = "SL"
    MARKET = "MARKET"


class Product(StrEnum):
    """Intraday, carried derivatives, delivery."""

    MIS = "MIS"
    NRML = "NRML"
    CNC = "CNC"


class OrderState(StrEnum):
    """Where an order is; it never goes back."""

    PENDING_SUBMIT = "PENDING_SUBMIT"
    SUBMITTING = "SUBMITTING"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    NOT_PLACED = "NOT_PLACED"
    DENIED = "DENIED"

    @property
    def is_final(self) -> bool:
        """Nothing follows (but a late fill, which the exchange may still report)."""
        return self in _FINAL


_FINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.EXPIRED,
        OrderState.NOT_PLACED,
        OrderState.DENIED,
    }
)


class StopReason(StrEnum):
    """Why a strategy is stopped. Order verbs are refused in `on_stop` unless it is STOP: scaling is not liquidating."""

    STOP = "STOP"  # somebody asked for it
    MOVE = "MOVE"  # it goes on on another runner
    UPGRADE = "UPGRADE"  # it goes on in a new process here: restarted, with new code or other parameters
    RUNNER_LOST = "RUNNER_LOST"  # its runner has lost the engine, or the strategy to another runner

    @property
    def allows_orders(self) -> bool:
        """Whether `on_stop` may still place and cancel."""
        return self is StopReason.STOP
