"""Angel One as a `Broker`: one account, one egress epoch, one session at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from engine_server.broker.angel_one.account_reports import (
    charge_amounts,
    funds_report,
    holding_reports,
    margin_report,
    profile_report,
    trade_reports,
)
from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.client import AskClient
from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.egress_route import EgressRoute, origin_of
from engine_server.broker.angel_one.evidence import describe_error
from engine_server.broker.angel_one.fields import record
from engine_server.broker.angel_one.keeper import Keeper
from engine_server.broker.angel_one.lane import Lane
from engine_server.broker.angel_one.login_owner import LoginOwner
from engine_server.broker.angel_one.order_stream import OrderStream, StreamTimes
from engine_server.broker.angel_one.outcomes import placement_outcome, read_data, request_outcome, says_no_such_order
from engine_server.broker.angel_one.payloads import (
    change_parameters,
    charges_parameters,
    conversion_parameters,
    margin_parameters,
    placement_parameters,
    variety_of,
)
from engine_server.broker.angel_one.problems import KnownProblems
from engine_server.broker.angel_one.rates import Category
from engine_server.broker.angel_one.relogin import LoginTimes
from engine_server.broker.angel_one.reports import order_report, order_reports, position_reports
from engine_server.broker.angel_one.requester import PreparedRequest, Requester
from engine_server.broker.angel_one.sessions import CurrentSession, SessionStore
from engine_server.broker.connection_report import ConnectionReport
from engine_server.broker.port import (
    Accepted,
    BrokerError,
    FundsReport,
    HoldingReport,
    MarginReport,
    NotSent,
    OrderChange,
    OrderReport,
    OrderTicket,
    Outcome,
    PositionConversion,
    PositionReport,
    ProfileReport,
    SentBefore,
    StreamEvent,
    TradeReport,
)
from tradewinds.clock import Clock, SystemClock
from tradewinds.config import BrokerSettings
from tradewinds.telemetry import get_logger

log = get_logger("broker")

T = TypeVar("T")

_DEADLINE_SECONDS = 7.0  # the official client's own time-out
# An answer may take a third of a second; what is asked for meanwhile needs a connection of its own.
_ORDER_THREADS = 4
_MOST_ORDER_THREADS = 64
_ANSWER_SECONDS = 1 / 3
# Of a broker that answers nothing.
_QUEUE_SECONDS = 7
_READ_THREADS = 2
_MAX_PREPARED = 1_000


class AngelOneBroker:
    """Implements `Broker`. Order messages have threads and connections of their own; every call is one request, but for a
    read that the broker refused as one too many, which is asked once more.

    Before `login`, and from the moment the broker has disowned the session until the next one, orders are `NotSent` and
    reads raise `SessionExpiredError`, without asking the broker.
    """

    def __init__(
        self,
        account_id: str,
        credentials: Credentials,
        settings: BrokerSettings,
        egress_url: str,
        epoch: int,
        session_store: SessionStore,
        *,
        budgets: Budgets | None = None,
        clock: Clock | None = None,
        deadline_seconds: float = _DEADLINE_SECONDS,
        stream_times: StreamTimes | None = None,
        login_times: LoginTimes | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Connects to nothing yet. `budgets` are those of the client code in this process (`BudgetsByClient`). Raises
        `ConfigurationError` naming the setting that is wrong.
        """
        self._account_id, self._epoch = account_id, epoch
        self._budgets = budgets or Budgets()
        clock = clock or SystemClock()
        route = EgressRoute.make(egress_url, account_id, epoch, settings.ca_file)
        origin = origin_of(settings.rest_url)
        self._order_lane = _order_lane(route, origin, self._budgets.orders_in_a_second, deadline_seconds)
        self._read_lane = Lane("reads", Connections(route, origin, _READ_THREADS), _READ_THREADS, deadline_seconds)
        session = self._session = CurrentSession(clock)
        self._problems = KnownProblems(account_id)
        self._orders = Requester(self._order_lane, self._budgets, session, partial(self._problems.seen, "orders"))
        self._reads = Requester(self._read_lane, self._budgets, session, partial(self._problems.seen, "reads"))
        self._stream = OrderStream(settings.order_stream_url, route, session, stream_times)
        self._owner = LoginOwner(
            account_id,
            credentials,
            epoch,
            self._read_lane,
            self._budgets,
            session,
            session_store,
            clock,
            login_times,
            sleep,
        )
        publish = partial(session_store.record_failure, epoch, credentials.client_code)
        self._keeper = Keeper(account_id, self._owner, self._problems, self._warm_up, publish)
        self._keeping: asyncio.Task[None] | None = None
        self._prepared: dict[str, tuple[OrderTicket, PreparedRequest | None]] = {}  # by tag

    async def login(self, one_time_password: str = "") -> None:
        """Take over today's stored session, or open one and store it; then warm connections up. See `LoginOwner.login`."""
        await self._owner.login(one_time_password)
        self._problems.forget_published()
        await self._warm_up()
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keeper.run(), name=f"broker.keeper.{self._account_id}")
            self._keeping.add_done_callback(_say_if_it_died)

    def prepare(self, ticket: OrderTicket) -> None:
        """Make the request that `place` will send of this very ticket, if nothing of the session changes meanwhile."""
        try:
            made = self._orders.prepare(_placement(ticket))
        except ValueError:
            return  # `place` says why
        if len(self._prepared) >= _MAX_PREPARED:
            self._prepared.clear()  # of commits that came to nothing
        self._prepared[ticket.tag] = (ticket, made)

    async def place(self, ticket: OrderTicket) -> Outcome:
        """Send one order, once. A ticket that must not be sent is `NotSent`, and says why.

        Cancelled while it waits for its turn, it is never sent; cancelled later, its outcome is unknown to the caller.
        """
        begun, made = self._prepared.pop(ticket.tag, (None, None))
        try:
            method = _placement(ticket)
        except ValueError as e:
            return NotSent(str(e))
        return placement_outcome(await self._orders.send(Category.PLACE, method, made if begun is ticket else None))

    async def modify(self, change: OrderChange) -> Outcome:
        """Ask for one change, once. An unknown one is not repeated before the order's details were read."""
        try:
            parameters = change_parameters(change)
        except ValueError as e:
            return NotSent(str(e))
        evidence = await self._orders.send(Category.MODIFY, lambda client: client.modifyOrder(parameters))
        return request_outcome(evidence, change.broker_order_id)

    async def cancel(self, broker_order_id: str, order_type: str) -> Outcome:
        """Ask for one cancel, once; `order_type` as it was placed."""
        try:
            variety = variety_of(order_type)
        except ValueError as e:
            return NotSent(str(e))
        evidence = await self._orders.send(Category.CANCEL, lambda client: client.cancelOrder(broker_order_id, variety))
        return request_outcome(evidence, broker_order_id)

    async def convert(self, conversion: PositionConversion) -> Outcome:
        """Ask for one conversion, once. Unknown is settled by reading the positions."""
        try:
            parameters = conversion_parameters(conversion)
        except ValueError as e:
            return NotSent(str(e))
        started = time.perf_counter()
        evidence = await self._orders.send(Category.CONVERT, lambda client: client.convertPosition(parameters))
        outcome = request_outcome(evidence)
        self._log_outcome("position.converted", outcome, started, instrument=conversion.instrument.key)
        return outcome

    async def order_book(self) -> Sequence[OrderReport]:
        """Every order of the day. Raises `BrokerError`."""
        return await self._report(Category.ORDER_BOOK, "the order book", lambda c: c.orderBook(), order_reports)

    async def order_details(self, unique_order_id: str) -> OrderReport | None:
        """One order; None when the broker does not know it. Raises `BrokerError`, also for an empty id (reports of the stream
        have none): that says nothing about any order.
        """
        if not unique_order_id:
            raise BrokerError("the order details need the broker's unique order id")
        evidence = await self._reads.ask(
            Category.ORDER_DETAILS, lambda client: client.individual_order_details(unique_order_id)
        )
        if says_no_such_order(evidence):
            return None
        data = read_data(evidence, "the order details")
        return None if data is None else _parsed(_one_order, data, "the order details")

    async def trades(self) -> Sequence[TradeReport]:
        """Every fill of the day. Raises `BrokerError`."""
        return await self._report(Category.TRADE_BOOK, "the trade book", lambda c: c.tradeBook(), trade_reports)

    async def positions(self) -> Sequence[PositionReport]:
        """Every position of the day. Raises `BrokerError`."""
        return await self._report(Category.POSITIONS, "the positions", lambda c: c.position(), position_reports)

    async def holdings(self) -> Sequence[HoldingReport]:
        """Every holding. Raises `BrokerError`."""
        return await self._report(Category.HOLDINGS, "the holdings", lambda c: c.holding(), holding_reports)

    async def profile(self) -> ProfileReport:
        """What the account may trade. Raises `BrokerError`."""
        return await self._report(Category.PROFILE, "the profile", lambda c: c.getProfile(""), profile_report)

    async def funds(self) -> FundsReport:
        """Funds and margins. Raises `BrokerError`."""
        return await self._report(Category.FUNDS, "the funds", lambda c: c.rmsLimit(), funds_report)

    async def margin(self, tickets: Sequence[OrderTicket]) -> MarginReport:
        """What these orders would need together. Raises `BrokerError`, also for tickets that could not be sent."""
        try:
            parameters = margin_parameters(tickets)
        except ValueError as e:
            raise BrokerError(f"the margin cannot be asked for: {e}") from e
        return await self._report(Category.MARGIN, "the margin", lambda c: c.getMarginApi(parameters), margin_report)

    async def charges(self, tickets: Sequence[OrderTicket]) -> Sequence[Decimal]:
        """What each costs when it is filled. Raises `BrokerError`."""
        try:
            parameters = charges_parameters(tickets)
        except ValueError as e:
            raise BrokerError(f"the charges cannot be asked for: {e}") from e
        amounts = await self._report(
            Category.CHARGES, "the charges", lambda c: c.estimateCharges(parameters), charge_amounts
        )
        if len(amounts) != len(tickets):
            raise BrokerError(f"the charges of {len(amounts)} orders came for {len(tickets)}")
        return amounts

    def order_stream(self) -> AsyncGenerator[StreamEvent, None]:
        """Reports as they come, for ever, with `StreamConnected` and `StreamLost` around outages. Waits for a login."""
        return self._stream.events()

    def count_in(self, sent: SentBefore) -> None:
        """Before the first message: what has gone already leaves so much less room in the broker's rates."""
        self._budgets.count_in(
            {Category.PLACE: sent.placements, Category.MODIFY: sent.changes, Category.CANCEL: sent.cancels}
        )

    def connection(self) -> ConnectionReport:
        """Session, order stream and rate budgets as they are now; asks nobody."""
        session = self._session.value
        return ConnectionReport(
            session_usable=self._session.usable() is not None,
            session_ends_at=session.ends_at if session is not None else None,
            problem=self._problems.text,
            stream_age_seconds=self._stream.age_seconds(),
            budgets=self._budgets.left(),
        )

    async def close(self) -> None:
        """Release threads and connections; requests that run end by their own deadline."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self._order_lane.close()
        self._read_lane.close()

    async def _report(self, category: Category, what: str, method: AskClient, parse: Callable[[Any], T]) -> T:
        return _parsed(parse, await self._reads.read(category, what, method), what)

    async def _warm_up(self) -> None:
        lanes = (self._order_lane, self._read_lane)
        for problem in await asyncio.gather(*(lane.refresh() for lane in lanes), return_exceptions=True):
            if isinstance(problem, Exception):
                log.warning_throttled(
                    "connections.cold", 30.0, account_id=self._account_id, error=describe_error(problem)
                )

    def _log_outcome(self, action: str, outcome: Outcome, started: float, **ids: str) -> None:
        fields = {**ids, "account_id": self._account_id, "epoch": self._epoch, "outcome": type(outcome).__name__}
        fields["milliseconds"] = f"{(time.perf_counter() - started) * 1000:.2f}"
        if isinstance(outcome, Accepted):
            log.info(action, **fields)
        else:
            log.warning(action, **fields, message=outcome.message)


def _parsed(parse: Callable[[Any], T], data: Any, what: str) -> T:
    try:
        return parse(data)
    except ValueError as e:
        raise BrokerError(f"{what} could not be read: {e}") from e


def _order_lane(route: EgressRoute, origin: tuple[str, int], in_a_second: int, deadline_seconds: float) -> Lane:
    """As wide as the broker's rate asks for."""
    threads = min(_MOST_ORDER_THREADS, max(_ORDER_THREADS, round(in_a_second * _ANSWER_SECONDS)))
    connections = Connections(route, origin, threads)
    waiting = in_a_second * _QUEUE_SECONDS
    return Lane("orders", connections, threads, deadline_seconds, max_waiting=waiting, answers_are_short=True)


def _placement(ticket: OrderTicket) -> AskClient:
    parameters = placement_parameters(ticket)
    return lambda client: client.placeOrderFullResponse(parameters)


def _one_order(data: Any) -> OrderReport:
    return order_report(record(data))


def _say_if_it_died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("keeper.died", error=repr(error), exc_info=error)
