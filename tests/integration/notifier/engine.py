"""An engine for tests of phone control: the real server with the real roles, which notes what it was asked to do."""

from __future__ import annotations

# ruff: noqa: N802 - methods are named as the contract names them
import asyncio
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tests.support.signing import Signing
from tradewinds import audit, auth
from tradewinds.auth import TokenVerifier
from tradewinds.clock import IST
from tradewinds.errors import UnavailableError
from tradewinds.grpc_server import GrpcServer
from tradewinds.v1 import (
    market_data_pb2,
    market_data_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    risk_pb2,
    strategy_manager_pb2,
    strategy_manager_pb2_grpc,
    trading_pb2,
    trading_pb2_grpc,
)


class Engine(
    operations_pb2_grpc.OperationsServicer,
    strategy_manager_pb2_grpc.StrategyManagerServicer,
    trading_pb2_grpc.TradingServicer,
    market_data_pb2_grpc.MarketDataServicer,
):
    """`asked` is who asked for what from where; under one request id, once."""

    def __init__(self, signing: Signing) -> None:
        self._server = GrpcServer(TokenVerifier(signing.jwks_file))
        operations_pb2_grpc.add_OperationsServicer_to_server(self, self._server.server)
        strategy_manager_pb2_grpc.add_StrategyManagerServicer_to_server(self, self._server.server)
        trading_pb2_grpc.add_TradingServicer_to_server(self, self._server.server)
        market_data_pb2_grpc.add_MarketDataServicer_to_server(self, self._server.server)
        self.owner = ""
        self.quantity = 0
        self.market_time = datetime(2026, 11, 27, 10, 0, tzinfo=IST)
        self.asked: list[tuple[str, str, Any]] = []
        self.calls = 0
        self.unavailable = 0
        self.hold = asyncio.Event()
        self.hold.set()
        self._first: dict[str, Any] = {}
        self.address = ""

    async def GetHealth(self, request: Any, context: Any) -> operations_pb2.GetHealthResponse:
        return operations_pb2.GetHealthResponse(healthy=False, problems=["the feed is not connected"])

    async def ListBrokerAccounts(self, request: Any, context: Any) -> operations_pb2.ListBrokerAccountsResponse:
        mine = operations_pb2.BrokerAccount(
            account_id="ACC1", user_id=self.owner or auth.principal().subject, gate=operations_pb2.GATE_OPEN
        )
        return operations_pb2.ListBrokerAccountsResponse(broker_accounts=[mine])

    async def ListStrategyConfigs(self, request: Any, context: Any) -> strategy_manager_pb2.ListStrategyConfigsResponse:
        one = strategy_manager_pb2.StrategyConfig(
            config_id="momentum",
            user_id=auth.principal().subject,
            account_id="ACC1",
            state=strategy_manager_pb2.STRATEGY_STATE_RUNNING,
        )
        return strategy_manager_pb2.ListStrategyConfigsResponse(strategy_configs=[one])

    async def ListKillSwitches(self, request: Any, context: Any) -> risk_pb2.ListKillSwitchesResponse:
        return risk_pb2.ListKillSwitchesResponse(kill_switches=self._first.values())

    async def ListPositions(self, request: Any, context: Any) -> trading_pb2.ListPositionsResponse:
        one = trading_pb2.Position(account_id="ACC1", instrument="NSE:TCS-EQ", net_quantity=self.quantity)
        return trading_pb2.ListPositionsResponse(positions=[one])

    async def GetMarketClock(self, request: Any, context: Any) -> market_data_pb2.MarketClock:
        clock = market_data_pb2.MarketClock(rate=1)
        clock.market_time.FromDatetime(self.market_time)
        return clock

    async def ListCalendarDays(self, request: Any, context: Any) -> market_data_pb2.ListCalendarDaysResponse:
        phases = [market_data_pb2.CalendarPhase(phase="CONTINUOUS", start="09:15", end="15:30")]
        day = market_data_pb2.CalendarDay(day=request.start_day, segment="NSE_CM", phases=phases)
        return market_data_pb2.ListCalendarDaysResponse(days=[day] if request.start_day == "2026-11-27" else [])

    async def ListProfitAndLoss(self, request: Any, context: Any) -> risk_pb2.ListProfitAndLossResponse:
        day = risk_pb2.ProfitAndLoss(account_id="ACC1", net_pnl="1234.5", realised_pnl="1300", charges="65.5")
        return risk_pb2.ListProfitAndLossResponse(days=[day])

    async def EngageKillSwitch(self, request: Any, context: Any) -> risk_pb2.KillSwitch:
        self.calls += 1
        await self.hold.wait()
        if self.unavailable:
            self.unavailable -= 1
            raise UnavailableError("starting")
        if request.request_id not in self._first:
            self.asked.append((auth.principal().subject, audit.source_of(context), request))
            self._first[request.request_id] = risk_pb2.KillSwitch(
                kill_id="kill-1", action=request.action, scope=request.scope, subject_id=request.subject_id
            )
        kill: risk_pb2.KillSwitch = self._first[request.request_id]
        return kill

    async def PauseStrategy(self, request: Any, context: Any) -> strategy_manager_pb2.StrategyCommand:
        self.asked.append((auth.principal().subject, audit.source_of(context), request))
        return strategy_manager_pb2.StrategyCommand(
            command_id="cmd-1", status=strategy_manager_pb2.COMMAND_STATUS_PENDING
        )

    async def GetCommand(self, request: Any, context: Any) -> strategy_manager_pb2.StrategyCommand:
        return strategy_manager_pb2.StrategyCommand(command_id="cmd-1", status=strategy_manager_pb2.COMMAND_STATUS_DONE)

    async def __aenter__(self) -> Self:
        self.address = await self._server.start("127.0.0.1", 0, [])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop(0)
