"""The port that the OMS knows the broker by. Outcomes are types: nobody guesses what an exception meant.

The four answers to a placement (design §5.4): accepted, refused (definitive), not sent (provably), unknown. An unknown
one is never sent again and never called rejected; only the broker's books tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from engine_server.broker.connection_report import ConnectionReport
from tradewinds.errors import TradewindsError
from tradewinds.instruments import Instrument


@dataclass(frozen=True)
class OrderTicket:
    """What is sent to the broker once. `order_type` is LIMIT or SL; prices in rupees on the tick grid."""

    tag: str
    instrument: Instrument
    side: str
    quantity: int
    order_type: str
    product: str
    price: Decimal
    trigger_price: Decimal | None = None


@dataclass(frozen=True)
class Accepted:
    """The broker took the order; it may still be rejected by the exchange later."""

    broker_order_id: str
    unique_order_id: str


@dataclass(frozen=True)
class Refused:
    """The broker said no, definitively: there is no such order there."""

    code: str
    message: str


@dataclass(frozen=True)
class NotSent:
    """Provably no byte of the request left: the connection never stood, or the gateway turned it away."""

    message: str


@dataclass(frozen=True)
class Unknown:
    """Something may have left and the answer is unclear: time-out, reset, 5xx, a body that is no answer."""

    message: str


Outcome = Accepted | Refused | NotSent | Unknown


class ReportStatus(StrEnum):
    """The broker's status vocabulary (protocol §3.18) in the few words that matter."""

    WORKING = "WORKING"  # accepted, resting, armed, being modified; partly filled or not
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


@dataclass(frozen=True)
class OrderReport:
    """The broker's truth about one order, from its stream, its book or its details. Quantities are cumulative."""

    broker_order_id: str
    unique_order_id: str
    tag: str
    exchange: str
    token: str
    side: str
    quantity: int
    filled_quantity: int
    average_price: Decimal
    status: ReportStatus
    raw_status: str
    text: str
    updated_at: datetime | None  # market time
    price: Decimal | None = None  # the limit; None where the report does not say
    trigger_price: Decimal | None = None
    order_type: str = ""  # LIMIT or SL, otherwise the broker's word
    product: str = ""  # ours, otherwise the broker's word


@dataclass(frozen=True)
class PositionReport:
    """The broker's truth about one position of today."""

    exchange: str
    token: str
    product: str
    net_quantity: int
    buy_quantity: int
    sell_quantity: int
    buy_average: Decimal
    sell_average: Decimal
    realised_pnl: Decimal
    symbol: str = ""
    last_price: Decimal | None = None


@dataclass(frozen=True)
class OrderChange:
    """What a working order shall become. Everything is said again: the broker replaces, it does not merge."""

    broker_order_id: str
    instrument: Instrument
    order_type: str  # as placed: LIMIT or SL; the broker keeps varieties apart
    product: str
    quantity: int  # in all, what is filled included
    price: Decimal
    trigger_price: Decimal | None = None


@dataclass(frozen=True)
class SentBefore:
    """Order messages of an earlier owner of the account, each as how many seconds ago it went: the broker counts them as well."""

    placements: Sequence[float] = ()
    changes: Sequence[float] = ()
    cancels: Sequence[float] = ()

    def all(self) -> list[float]:
        """The oldest first."""
        return sorted((*self.placements, *self.changes, *self.cancels), reverse=True)


@dataclass(frozen=True)
class PositionConversion:
    """A part of a position that shall become another product's."""

    instrument: Instrument
    side: str  # of the position: BUY is long
    quantity: int
    from_product: str
    to_product: str


@dataclass(frozen=True)
class TradeReport:
    """The broker's truth about one fill. `fill_id` is unique within the exchange's day, together with the order's id."""

    broker_order_id: str
    fill_id: str
    exchange: str
    symbol: str
    side: str
    product: str
    quantity: int
    price: Decimal
    filled_at: time | None  # of day, in India: the broker gives no date


@dataclass(frozen=True)
class HoldingReport:
    """The broker's truth about one security in the account. `quantity` includes what is still being settled."""

    exchange: str
    symbol: str
    token: str
    quantity: int
    t1_quantity: int
    average_price: Decimal
    last_price: Decimal | None


@dataclass(frozen=True)
class ProfileReport:
    """What the account may trade, in the broker's words (`nse_cm`, `CNC`)."""

    client_code: str
    exchanges: Sequence[str]
    products: Sequence[str]


@dataclass(frozen=True)
class FundsReport:
    """The broker's figures, in rupees; None where it gives none. `available_cash` is a net figure, whatever its name."""

    net: Decimal | None
    available_cash: Decimal | None
    collateral: Decimal | None
    utilised: Decimal | None
    realised_pnl: Decimal | None
    unrealised_pnl: Decimal | None


@dataclass(frozen=True)
class MarginReport:
    """What the broker would block for some orders together, in rupees."""

    required: Decimal
    components: Mapping[str, Decimal]


@dataclass(frozen=True)
class StreamConnected:
    """The order stream stands (again): what happened before is only in the books, read them now."""


@dataclass(frozen=True)
class StreamLost:
    """The order stream is down; it is being opened again."""

    reason: str


StreamEvent = StreamConnected | StreamLost | OrderReport


class BrokerError(TradewindsError):
    """A read from the broker failed."""

    reason = "BROKER_READ_FAILED"


class LoginRefusedError(BrokerError):
    """The broker refused the login."""

    reason = "BROKER_LOGIN_REFUSED"


class SessionContestedError(BrokerError):
    """Our sessions are ended as soon as they are opened: somebody else logs in with the same client code."""

    reason = "BROKER_SESSION_CONTESTED"


class SessionExpiredError(BrokerError):
    """The broker no longer knows the session: log in again."""

    reason = "BROKER_SESSION_EXPIRED"


class ThrottledError(BrokerError):
    """The broker's rate limit, or our own budget below it: the whole category has to wait."""

    reason = "BROKER_THROTTLED"


class NotConfiguredError(BrokerError):
    """What no repetition and no login cures: the API key, the registered address, a blocked client."""

    reason = "BROKER_NOT_CONFIGURED"


class Broker(Protocol):
    """One account at the broker. Every call is one request, with a deadline, and is never repeated by itself."""

    async def login(self, one_time_password: str = "") -> None:
        """Open the day's session and hand it over (`broker_sessions`); raises `LoginRefusedError` or `BrokerError`.

        With a `one_time_password` typed by a person always a new one, otherwise today's, if there is one.
        """
        ...

    def prepare(self, ticket: OrderTicket) -> None:
        """Make what `place` will send of this very ticket, while its commit is on the way. Sends nothing; need not be called."""
        ...

    async def place(self, ticket: OrderTicket) -> Outcome:
        """Send one order, once."""
        ...

    async def cancel(self, broker_order_id: str, order_type: str) -> Outcome:
        """Ask for one cancel, once. Accepted means that the request was taken, not that the order is cancelled."""
        ...

    async def modify(self, change: OrderChange) -> Outcome:
        """Ask for one change, once. Accepted means that the request was taken, not that the order is changed."""
        ...

    async def convert(self, conversion: PositionConversion) -> Outcome:
        """Ask for one conversion, once. Unknown is settled by reading the positions."""
        ...

    async def order_book(self) -> Sequence[OrderReport]:
        """Every order of the day; raises `BrokerError` (a failed read says nothing about any order)."""
        ...

    async def order_details(self, unique_order_id: str) -> OrderReport | None:
        """One order; None when the broker does not know it; raises `BrokerError`."""
        ...

    async def positions(self) -> Sequence[PositionReport]:
        """Every position of the day; raises `BrokerError`."""
        ...

    async def trades(self) -> Sequence[TradeReport]:
        """Every fill of the day; raises `BrokerError`."""
        ...

    async def holdings(self) -> Sequence[HoldingReport]:
        """Every holding; raises `BrokerError`."""
        ...

    async def funds(self) -> FundsReport:
        """Funds and margins; raises `BrokerError`."""
        ...

    async def margin(self, tickets: Sequence[OrderTicket]) -> MarginReport:
        """What these orders would need together; raises `BrokerError`."""
        ...

    async def charges(self, tickets: Sequence[OrderTicket]) -> Sequence[Decimal]:
        """What each of at most 50 orders costs in brokerage, fees and taxes when it is filled, in rupees; raises `BrokerError`."""
        ...

    def order_stream(self) -> AsyncIterator[StreamEvent]:
        """Order reports as they come, for ever: reconnects by itself and says so. A hint; the books are the truth."""
        ...

    def count_in(self, sent: SentBefore) -> None:
        """Before the first message: what has gone already leaves so much less room in the broker's rates."""
        ...

    def connection(self) -> ConnectionReport:
        """Session, order stream and rate budgets as they are now; asks nobody."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
