"""What callers ask of an account: to place an order, to cancel one. Immutable, with everything resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from engine_server.oms.domain.protection import Quote
from engine_server.oms.records import TradeRecord
from tradewinds.instruments import Instrument


@dataclass(frozen=True, kw_only=True)
class OrderRequest:
    """An order as a caller words it. `config_id` and `epoch` are there when a strategy asks, neither when a person does."""

    request_id: str
    actor: str
    instrument: str
    side: str
    quantity: int
    order_type: str
    product: str
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    account_id: str = ""
    config_id: str | None = None
    epoch: int | None = None
    reduce_only: bool = False  # refuse it rather than close more than is open
    reason: str = ""  # why, for the audit
    source: str = "oms"  # from where, for the audit


@dataclass(frozen=True)
class Denial:
    """Why an order is not sent: a stable reason, and the same for a person."""

    reason: str
    message: str


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """A validated order for one account. `capital` is the strategy's allocation in rupees; None: not limited.

    `price` is the limit; for MARKET the protection price, or None with `unpriced_because` where there is none. `no_entry` says why
    the market takes no entries of the instrument now; None when it does. `quote` is the last price that is known.
    """

    request: OrderRequest
    account_id: str
    user_id: str
    instrument: Instrument
    price: Decimal | None
    capital: Decimal | None = None
    unpriced_because: str = ""
    no_entry: Denial | None = None
    received_at: float | None = None  # monotonic
    quote: Quote | None = None

    @property
    def request_key(self) -> str:
        """Unique over everything: the caller's scope and the caller's own id."""
        scope = f"config:{self.request.config_id}" if self.request.config_id else f"user:{self.request.actor}"
        return f"{scope}/{self.request.request_id}"

    @property
    def body_sha256(self) -> str:
        """What makes two requests the same: all that was asked for, not the epoch (a restarted strategy repeats its
        calls under a new one) and not the price that a MARKET order got."""
        request = self.request
        body = (
            self.account_id,
            self.instrument.key,
            request.side,
            request.quantity,
            request.order_type,
            request.product,
            request.price.normalize() if request.price is not None else None,
            request.trigger_price.normalize() if request.trigger_price is not None else None,
        )
        return hashlib.sha256(msgspec.json.encode(body)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class CancelOrder:
    """A wish to cancel."""

    order_id: str
    actor: str
    reason: str = ""
    config_id: str | None = None
    epoch: int | None = None
    external: bool = False  # also what was not placed here
    source: str = "oms"


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What a person found out about an UNKNOWN order: the broker's id of it, or (without one) that there is none."""

    order_id: str
    actor: str
    reason: str
    broker_order_id: str = ""
    trades: Sequence[TradeRecord] = ()  # of that order, where it was adopted as somebody else's
    read_books: Callable[[], None] | None = None
    source: str = "oms"


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """A change of the books by a person. `config_id` '' changes the account's total alone."""

    request_id: str
    account_id: str
    user_id: str
    actor: str
    reason: str
    config_id: str
    instrument: str
    product: str
    side: str
    quantity: int
    price: Decimal
    source: str = "oms"


@dataclass(frozen=True, kw_only=True)
class CreateGuard:
    """A wish to guard what its owner has open. Prices in rupees on the tick grid; `trail` is a distance."""

    account_id: str
    user_id: str
    actor: str
    instrument: Instrument
    product: str
    stop_price: Decimal
    target_price: Decimal | None = None
    trail: Decimal | None = None
    reason: str = ""
    config_id: str | None = None
    epoch: int | None = None
    source: str = "oms"


@dataclass(frozen=True, kw_only=True)
class ModifyOrder:
    """A wish to change a working order; what is None stays. `as_placed` is the rest of the order as it would be placed anew, for the
    rules."""

    order_id: str
    actor: str
    instrument: Instrument
    as_placed: PlaceOrder
    reason: str = ""
    quantity: int | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    config_id: str | None = None
    epoch: int | None = None
    source: str = "oms"
