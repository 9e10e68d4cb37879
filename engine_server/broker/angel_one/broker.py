"""Angel One as a `Broker`: one account, one egress epoch, one session at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, TypeVar

from engine_server.broker.angel_one.connections import Connections
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.egress_route import EgressRoute, origin_of
from engine_server.broker.angel_one.evidence import Evidence, describe_error
from engine_server.broker.angel_one.lane import AskClient, Lane
from engine_server.broker.angel_one.login import one_time_password, tokens_of
from engine_server.broker.angel_one.order_stream import OrderStream, StreamTimes
from engine_server.broker.angel_one.outcomes import (
    cancel_outcome,
    is_session_expired,
    placement_outcome,
    read_data,
    says_no_such_order,
)
from engine_server.broker.angel_one.payloads import placement_parameters, variety_of
from engine_server.broker.angel_one.reports import order_report, order_reports, position_reports
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession, SessionStore, SessionTokens
from engine_server.broker.angel_one.spacing import Spacing
from engine_server.broker.port import (
    Accepted,
    BrokerError,
    NotSent,
    OrderReport,
    OrderTicket,
    Outcome,
    PositionReport,
    SessionExpiredError,
    StreamEvent,
)
from tradewinds.clock import Clock, SystemClock
from tradewinds.config import BrokerSettings
from tradewinds.telemetry import get_logger

log = get_logger("broker")

T = TypeVar("T")

_DEADLINE_SECONDS = 7.0  # the official client's own time-out
_ORDER_THREADS = 4
_READ_THREADS = 2
_KEEPER_SECONDS = 10.0

# Between two reads of the same kind (protocol §7.1: one and ten a second in a strict rolling window).
_BOOK_SECONDS = 1.05
_DETAILS_SECONDS = 0.11


class AngelOneBroker:
    """Implements `Broker`. Orders and cancels have threads and connections of their own; every call is one request.

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
        clock: Clock | None = None,
        deadline_seconds: float = _DEADLINE_SECONDS,
        stream_times: StreamTimes | None = None,
    ) -> None:
        """Connects to nothing yet. Raises `ConfigurationError` naming the setting that is wrong."""
        self._account_id = account_id
        self._credentials = credentials
        self._epoch = epoch
        self._store = session_store
        self._clock = clock or SystemClock()
        route = EgressRoute.make(egress_url, account_id, epoch, settings.ca_file)
        origin = origin_of(settings.rest_url)
        self._orders = Lane("orders", Connections(route, origin, _ORDER_THREADS), _ORDER_THREADS, deadline_seconds)
        self._reads = Lane("reads", Connections(route, origin, _READ_THREADS), _READ_THREADS, deadline_seconds)
        self._session = CurrentSession()
        self._disowned_jwt = ""
        self._stream = OrderStream(settings.order_stream_url, route, self._session, stream_times)
        self._login_lock = asyncio.Lock()
        self._book_turn, self._positions_turn = Spacing(_BOOK_SECONDS), Spacing(_BOOK_SECONDS)
        self._details_turn = Spacing(_DETAILS_SECONDS)
        self._keeper: asyncio.Task[None] | None = None

    async def login(self) -> None:
        """Take over today's stored session, or open one with a one-time password and store it; then warm connections up.

        One at a time. Raises `LoginRefusedError` (with the broker's words and what to check), `BrokerError`, and
        `LeaseSupersededError` when a newer epoch has stored a session. Failures are noted in `broker_sessions.last_error`.
        """
        async with self._login_lock:
            try:
                session = await self._stored_session() or await self._new_session()
            except BrokerError as e:
                await self._store.record_failure(self._epoch, self._credentials.client_code, e.message)
                raise
            self._session.set(session)
        await self._warm_up()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_warm(), name=f"broker.keeper.{self._account_id}")
            self._keeper.add_done_callback(_say_if_it_died)

    async def place(self, ticket: OrderTicket) -> Outcome:
        """Send one order, once. A ticket that must not be sent is `NotSent`, and says why.

        Cancelled while it waits for its turn, it is never sent; cancelled later, its outcome is unknown to the caller.
        """
        try:
            parameters = placement_parameters(ticket)
        except ValueError as e:
            return NotSent(str(e))
        started = time.perf_counter()
        evidence = await self._send_order(lambda client: client.placeOrderFullResponse(parameters))
        outcome = placement_outcome(evidence)
        self._log_outcome("order.placed", outcome, started, tag=ticket.tag, instrument=ticket.instrument.key)
        return outcome

    async def cancel(self, broker_order_id: str, order_type: str) -> Outcome:
        """Ask for one cancel, once; `order_type` as it was placed."""
        try:
            variety = variety_of(order_type)
        except ValueError as e:
            return NotSent(str(e))
        started = time.perf_counter()
        evidence = await self._send_order(lambda client: client.cancelOrder(broker_order_id, variety))
        outcome = cancel_outcome(evidence, broker_order_id)
        self._log_outcome("order.cancel_requested", outcome, started, broker_order_id=broker_order_id)
        return outcome

    async def order_book(self) -> Sequence[OrderReport]:
        """Every order of the day; at most about one a second goes out, more wait. Raises `BrokerError`."""
        await self._book_turn.turn()
        data = read_data(await self._read(lambda client: client.orderBook()), "the order book")
        return _parsed(order_reports, data, "the order book")

    async def order_details(self, unique_order_id: str) -> OrderReport | None:
        """One order; None when the broker does not know it. Raises `BrokerError`, also for an empty id (reports of the stream
        have none): that says nothing about any order.
        """
        if not unique_order_id:
            raise BrokerError("the order details need the broker's unique order id")
        await self._details_turn.turn()
        evidence = await self._read(lambda client: client.individual_order_details(unique_order_id))
        if says_no_such_order(evidence):
            return None
        data = read_data(evidence, "the order details")
        return None if data is None else _parsed(_one_order, data, "the order details")

    async def positions(self) -> Sequence[PositionReport]:
        """Every position of the day; at most about one a second goes out, more wait. Raises `BrokerError`."""
        await self._positions_turn.turn()
        data = read_data(await self._read(lambda client: client.position()), "the positions")
        return _parsed(position_reports, data, "the positions")

    def order_stream(self) -> AsyncGenerator[StreamEvent, None]:
        """Reports as they come, for ever, with `StreamConnected` and `StreamLost` around outages. Waits for a login."""
        return self._stream.events()

    async def close(self) -> None:
        """Release threads and connections; requests that run end by their own deadline."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._orders.close()
        self._reads.close()

    async def _stored_session(self) -> BrokerSession | None:
        stored = await self._store.load()
        if stored is None or not stored.is_of_day(self._clock.now()) or stored.tokens.jwt == self._disowned_jwt:
            return None
        mine = self._credentials
        if (stored.tokens.client_code, stored.tokens.api_key) != (mine.client_code, mine.api_key):
            return None
        log.info("session.taken_over", account_id=self._account_id, logged_in_at=stored.logged_in_at.isoformat())
        return stored

    async def _new_session(self) -> BrokerSession:
        mine, now = self._credentials, self._clock.now()
        totp = one_time_password(mine, now)
        evidence = await self._reads.ask(
            mine.api_key, "", lambda client: client.generateSession(mine.client_code, mine.pin, totp)
        )
        session = BrokerSession(tokens_of(evidence, mine), now)
        await self._store.save(session, self._epoch)
        log.info("session.opened", account_id=self._account_id, epoch=self._epoch)
        return session

    def _usable(self) -> SessionTokens | None:
        session = self._session.value
        if session is None or session.tokens.jwt == self._disowned_jwt:
            return None
        return session.tokens

    async def _send_order(self, method: AskClient) -> Evidence:
        if (tokens := self._usable()) is None:
            return Evidence(begun=False, failure="there is no valid broker session; log in first")
        return self._seen(await self._orders.ask(tokens.api_key, tokens.jwt, method), tokens)

    async def _read(self, method: AskClient) -> Evidence:
        if (tokens := self._usable()) is None:
            raise SessionExpiredError("there is no valid broker session; log in first")
        return self._seen(await self._reads.ask(tokens.api_key, tokens.jwt, method), tokens)

    def _seen(self, evidence: Evidence, tokens: SessionTokens) -> Evidence:
        """Remember that the broker has disowned these tokens; nothing is sent again because of it."""
        if is_session_expired(evidence) and self._disowned_jwt != tokens.jwt:
            self._disowned_jwt = tokens.jwt
            log.warning("session.expired", account_id=self._account_id)
        return evidence

    async def _warm_up(self) -> None:
        for problem in await asyncio.gather(self._orders.refresh(), self._reads.refresh(), return_exceptions=True):
            if isinstance(problem, Exception):
                log.warning_throttled(
                    "connections.cold", 30.0, account_id=self._account_id, error=describe_error(problem)
                )

    async def _keep_warm(self) -> None:
        while True:
            await asyncio.sleep(_KEEPER_SECONDS)
            await self._warm_up()

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


def _one_order(data: Any) -> OrderReport:
    if not isinstance(data, dict):
        raise ValueError(f"data is not an order but {type(data).__name__}")  # noqa: TRY004 - as in reports
    return order_report(data)


def _say_if_it_died(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("keeper.died", error=repr(error), exc_info=error)
