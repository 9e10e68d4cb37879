"""An engine that does what a test says: a real gRPC server that speaks the session and takes orders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tradewinds.auth import TokenVerifier
from tradewinds.errors import TradewindsError
from tradewinds.grpc_server import GrpcServer
from tradewinds.v1 import common_pb2, market_data_pb2, strategy_runner_pb2, trading_pb2
from tradewinds.v1 import market_data_pb2_grpc as market_grpc
from tradewinds.v1 import strategy_runner_pb2_grpc as sessions_grpc
from tradewinds.v1 import trading_pb2_grpc as trading_grpc

Request = strategy_runner_pb2.SessionRequest
Response = strategy_runner_pb2.SessionResponse

RELIANCE = market_data_pb2.Instrument(
    instrument="NSE:RELIANCE-EQ", kind="EQ", name="RELIANCE", token="2885", lot_size=1, tick_size="0.05"
)


class ScriptedEngine(
    sessions_grpc.StrategyRunnerServicer, trading_grpc.TradingServicer, market_grpc.MarketDataServicer
):
    """Remembers everything it is told. Orders are idempotent; each makes one event in its strategy's log."""

    def __init__(self, ttl_seconds: float = 1.2) -> None:
        self.ttl_seconds = ttl_seconds
        self.address = ""
        self.acknowledges = True
        self.welcomes = True
        self.confirms_replay = True
        self.order_error: TradewindsError | None = None
        self.order_seconds = 0.0
        self.received: list[Request] = []
        self.placed: dict[str, trading_pb2.PlaceOrderRequest] = {}
        self.place_calls: list[str] = []
        self.cancelled: list[str] = []
        self.log: dict[str, list[strategy_runner_pb2.OrderEvent]] = {}
        self.past_bars: list[market_data_pb2.Bar] = []
        self.asked_bars: list[tuple[str, str, int]] = []
        self.calendar: list[market_data_pb2.CalendarDay] = []
        self.chain = market_data_pb2.OptionChain()
        self._downstream: asyncio.Queue[Response | None] | None = None
        self._sent = 0
        self._server: GrpcServer | None = None

    # --- what a test does ---

    @property
    def is_connected(self) -> bool:
        return self._downstream is not None

    def send(self, **message: Any) -> None:
        assert self._downstream is not None
        self._sent += 1
        self._downstream.put_nowait(Response(sequence=self._sent, **message))

    def start(
        self,
        config_id: str,
        class_name: str,
        config: dict[str, Any] | None = None,
        *,
        epoch: int = 1,
        revision: int = 1,
        module_path: str = "lab_strategies.lab",
        state_json: str = "",
        last_event_sequence: int = 0,
        instruments: Sequence[market_data_pb2.Instrument] = (RELIANCE,),
        process_revision: int = 0,
        signals: Sequence[strategy_runner_pb2.StrategySignal] = (),
    ) -> None:
        self.send(
            directive=strategy_runner_pb2.Directive(
                config_id=config_id,
                epoch=epoch,
                revision=revision,
                run=True,
                module_path=module_path,
                class_name=class_name,
                config_json=json.dumps(config or {}),
                instruments=instruments,
                state_json=state_json,
                last_event_sequence=last_event_sequence,
                account_id="A1",
                process_revision=process_revision,
                signals=signals,
            )
        )

    def stop(self, config_id: str, *, epoch: int = 1, revision: int = 2) -> None:
        directive = strategy_runner_pb2.Directive(config_id=config_id, epoch=epoch, revision=revision, run=False)
        self.send(directive=directive)

    def fill(self, request_id: str) -> None:
        """Fill an order whole, at its price."""
        order = self._order(self.placed[request_id], trading_pb2.ORDER_STATE_FILLED)
        trade = trading_pb2.Trade(trade_id=f"t-{request_id}", quantity=order.quantity, price=order.price)
        self._append(order, trade)

    def end_session(self) -> None:
        """As an engine that goes away."""
        if self._downstream is not None:
            self._downstream.put_nowait(None)

    async def serve(self, verifier: TokenVerifier, port: int) -> None:
        self._server = server = GrpcServer(verifier)
        sessions_grpc.add_StrategyRunnerServicer_to_server(self, server.server)
        trading_grpc.add_TradingServicer_to_server(self, server.server)
        market_grpc.add_MarketDataServicer_to_server(self, server.server)
        services = ("tradewinds.v1.StrategyRunner", "tradewinds.v1.Trading", "tradewinds.v1.MarketData")
        self.address = await server.start("127.0.0.1", port, services)

    async def stop_serving(self) -> None:
        self.end_session()
        server, self._server = self._server, None
        if server is not None:
            await server.stop(0.2)

    # --- what a test looks at ---

    def of_kind(self, kind: str, config_id: str | None = None) -> list[Any]:
        messages = [getattr(m, kind) for m in self.received if m.WhichOneof("message") == kind]
        return [m for m in messages if config_id is None or m.config_id == config_id]

    def life(self, config_id: str) -> list[str]:
        return [
            strategy_runner_pb2.StrategyEvent.Name(r.event).removeprefix("STRATEGY_EVENT_")
            for r in self.of_kind("strategy_report", config_id)
        ]

    def last_report(self, config_id: str) -> Any:
        return self.of_kind("strategy_report", config_id)[-1]

    def said(self, config_id: str) -> list[str]:
        return [n.title for n in self.of_kind("notification", config_id)]

    def state(self, config_id: str) -> dict[str, Any]:
        saved: dict[str, Any] = json.loads(self.of_kind("checkpoint", config_id)[-1].state_json)
        return dict(saved.get("state", {}))

    # --- the services ---

    async def Session(self, requests: AsyncIterator[Request], _context: Any) -> AsyncIterator[Response]:  # noqa: N802
        downstream: asyncio.Queue[Response | None] = asyncio.Queue()
        self._downstream = downstream
        reading = asyncio.create_task(self._read(requests))
        try:
            while (response := await downstream.get()) is not None:
                yield response
        finally:
            if self._downstream is downstream:
                self._downstream = None
            reading.cancel()

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        downstream = self._downstream
        async for request in requests:
            self.received.append(request)
            match request.WhichOneof("message"):
                case "register" if self.welcomes:
                    self._welcome(request.register)
                case "heartbeat" if self.acknowledges:
                    self.send(heartbeat_ack=strategy_runner_pb2.HeartbeatAck(number=request.heartbeat.number))
                case "strategy_report" if request.strategy_report.event == strategy_runner_pb2.STRATEGY_EVENT_STARTING:
                    self._replay(request.strategy_report.config_id)
        if downstream is not None:
            downstream.put_nowait(None)

    def _welcome(self, register: strategy_runner_pb2.Register) -> None:
        self.send(
            welcome=strategy_runner_pb2.Welcome(
                session_id="s",
                lease_ttl_seconds=self.ttl_seconds,
                heartbeat_seconds=self.ttl_seconds / 6,
                gate_close_seconds=self.ttl_seconds * 0.75,
            )
        )
        for held in register.held:
            self._send_events(held.config_id, held.last_event_sequence)

    def _replay(self, config_id: str) -> None:
        checkpoints = self.of_kind("checkpoint", config_id)
        self._send_events(config_id, checkpoints[-1].last_event_sequence if checkpoints else 0)

    def _send_events(self, config_id: str, after: int) -> None:
        events = [e for e in self.log.get(config_id, []) if e.sequence > after]
        if events:
            self.send(order_events=strategy_runner_pb2.OrderEvents(config_id=config_id, events=events))
        if self.confirms_replay:
            self.send(order_events=strategy_runner_pb2.OrderEvents(config_id=config_id))

    async def PlaceOrder(self, request: trading_pb2.PlaceOrderRequest, _context: Any) -> trading_pb2.Order:  # noqa: N802
        self.place_calls.append(request.request_id)
        await asyncio.sleep(self.order_seconds)
        if self.order_error is not None:
            raise self.order_error
        first = self.placed.setdefault(request.request_id, request)
        assert first == request, "a request_id was used for two different orders"
        order = self._order(request, trading_pb2.ORDER_STATE_OPEN)
        if first is request:
            self._append(order)
        return order

    async def CancelOrder(self, request: trading_pb2.CancelOrderRequest, _context: Any) -> trading_pb2.Order:  # noqa: N802
        self.cancelled.append(request.order_id)
        return trading_pb2.Order(order_id=request.order_id, cancel_requested=True)

    async def ListBars(  # noqa: N802
        self, request: market_data_pb2.ListBarsRequest, _context: Any
    ) -> market_data_pb2.ListBarsResponse:
        self.asked_bars.append((request.instrument, request.interval, request.page_size))
        return market_data_pb2.ListBarsResponse(bars=self.past_bars)

    async def ListCalendarDays(  # noqa: N802
        self, request: market_data_pb2.ListCalendarDaysRequest, _context: Any
    ) -> market_data_pb2.ListCalendarDaysResponse:
        return market_data_pb2.ListCalendarDaysResponse(days=self.calendar)

    async def ListExpiries(  # noqa: N802
        self, request: market_data_pb2.ListExpiriesRequest, _context: Any
    ) -> market_data_pb2.ListExpiriesResponse:
        expiry = market_data_pb2.Expiry(expiry="2026-11-24", exchange="NFO", kind=request.kind, monthly=True)
        return market_data_pb2.ListExpiriesResponse(expiries=[expiry])

    async def GetOptionChain(  # noqa: N802
        self, request: market_data_pb2.GetOptionChainRequest, _context: Any
    ) -> market_data_pb2.OptionChain:
        return self.chain

    def _order(self, request: trading_pb2.PlaceOrderRequest, state: trading_pb2.OrderState) -> trading_pb2.Order:
        return trading_pb2.Order(
            order_id=f"order-of-{request.request_id}",
            request_id=request.request_id,
            config_id=request.config_id,
            epoch=request.epoch,
            instrument=request.instrument,
            side=request.side,
            quantity=request.quantity,
            filled_quantity=request.quantity if state == trading_pb2.ORDER_STATE_FILLED else 0,
            order_type=request.order_type,
            product=request.product or common_pb2.PRODUCT_MIS,
            price=request.price,
            state=state,
        )

    def _append(self, order: trading_pb2.Order, trade: trading_pb2.Trade | None = None) -> None:
        log = self.log.setdefault(order.config_id, [])
        event = strategy_runner_pb2.OrderEvent(sequence=len(log) + 1, order=order, trade=trade)
        log.append(event)
        if self.is_connected:
            self.send(order_events=strategy_runner_pb2.OrderEvents(config_id=order.config_id, events=[event]))


@asynccontextmanager
async def serving(engine: ScriptedEngine, verifier: TokenVerifier, port: int = 0) -> AsyncIterator[ScriptedEngine]:
    """The engine on an address, until it is stopped or the test ends."""
    await engine.serve(verifier, port)
    try:
        yield engine
    finally:
        await engine.stop_serving()
