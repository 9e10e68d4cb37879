"""Asks the broker what an entry blocks and what is left, beside the orders: an entry waits for an answer only where it may be short,
and never long; an exit never does.

Where the broker gives no figure (it is slow, it refuses, its funds cannot be read) the entry is let through: the broker's own risk
desk judges every order, and a refusal of it is a clear answer. What is checked here saves the message, and says the figures.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine_server.broker.port import Broker, BrokerError, FundsReport, OrderTicket
from engine_server.oms.account_state import AccountState
from engine_server.oms.domain.commands import PlaceOrder
from engine_server.oms.domain.risk.margin_figures import FundsFigure, MarginFigures, UnitKey, UnitMargin
from engine_server.oms.gate import Gate
from tradewinds.clock import Clock
from tradewinds.telemetry import get_logger

log = get_logger("oms.margin")


@dataclass(frozen=True)
class MarginSettings:
    """Real seconds. The broker serves two reads of the funds and ten margin batches a second."""

    wait_seconds: float = 0.3  # how long an entry that may be short waits for figures
    funds_seconds: float = 60.0  # how often the funds are read where nothing happens
    settle_seconds: float = 2.0  # … and at most, where something does
    again_seconds: float = 30.0  # after the broker gave no figure nobody waits for one so long


class MarginDesk:
    """Run `run` as a watched task of the account; `ready` before an entry is decided."""

    def __init__(self, state: AccountState, broker: Broker, gate: Gate, clock: Clock, settings: MarginSettings) -> None:
        self._state = state
        self._figures: MarginFigures = state.margins
        self._gate = gate
        self._broker = broker
        self._clock = clock
        self._settings = settings
        self._wishes: dict[UnitKey, OrderTicket] = {}
        self._wanted = asyncio.Event()
        self._answered = asyncio.Event()
        self._funds_wanted = False
        self._has_funds = True  # until a read of them fails
        self._silent_until = 0.0  # the broker has no margins to tell
        self.report: FundsReport | None = None
        self.read_at: datetime | None = None
        self.problem = ""

    async def ready(self, command: PlaceOrder) -> None:
        """Return when the figures for this entry are there, or it has waited long enough."""
        request, now = command.request, self._clock.monotonic()
        if command.price is None or not self._gives_figures(now):
            return
        key = (command.instrument.key, request.side, request.product)
        if not self._figures.may_be_short(key, request.quantity, now):
            if self._figures.is_ageing(key, now):
                self._ask(key, command)
            return
        deadline = now + self._settings.wait_seconds
        while (left := deadline - self._clock.monotonic()) > 0 and not self._is_known(key):
            self._ask(key, command)
            answered = self._answered
            try:
                async with asyncio.timeout(left):
                    await answered.wait()
            except TimeoutError:
                return
            if not self._gives_figures(self._clock.monotonic()):
                return

    async def run(self) -> None:
        """Answer wishes at once, read the funds after something happened and once a minute, for ever; nothing while the gate is closed."""
        while True:
            await self._next_look()
            if not self._gate.is_open:
                continue
            try:
                await self._answer_wishes()
                if self._funds_wanted or self._funds_are_due():
                    await self._read_funds()
            except BrokerError as e:
                log.warning_throttled("unread", account_id=self._state.account_id, error=e.message)
                self.problem = e.message
                self._tell()
            else:
                self.problem = ""

    async def _answer_wishes(self) -> None:
        while self._wishes:
            key, ticket = self._wishes.popitem()
            # Each alone: what a batch is asked together is netted, and nobody could tell what one of them needs.
            try:
                report = await self._broker.margin([ticket])
            except BrokerError:
                self._wishes.clear()
                self._silent_until = self._clock.monotonic() + self._settings.again_seconds
                raise
            self._figures.units[key] = UnitMargin(report.required / ticket.quantity, self._clock.monotonic())
            self._tell()

    async def _read_funds(self) -> None:
        committed, events, begun_at = self._figures.committed, self._figures.events, self._clock.monotonic()
        self._funds_wanted = False
        try:
            report = await self._broker.funds()
            available = report.net if report.net is not None else report.available_cash
            if available is None:
                raise BrokerError("the broker gave no figure of what is available")
        except BrokerError:
            self._has_funds = False
            raise
        self.report, self.read_at, self._has_funds = report, self._clock.now(), True
        self._figures.take_funds(FundsFigure(available, begun_at, events), committed)
        self._tell()

    async def _next_look(self) -> None:
        try:
            async with asyncio.timeout(self._settings.settle_seconds):
                await self._wanted.wait()
        except TimeoutError:
            return
        self._wanted.clear()

    def _funds_are_due(self) -> bool:
        funds, now = self._figures.funds, self._clock.monotonic()
        if funds is None or now - funds.at >= self._settings.funds_seconds:
            return True
        return not self._figures.is_current(now) and now - funds.at >= self._settings.settle_seconds

    def _gives_figures(self, now: float) -> bool:
        return self._has_funds and now >= self._silent_until

    def _is_known(self, key: UnitKey) -> bool:
        now = self._clock.monotonic()
        return self._figures.unit(key, now) is not None and self._figures.is_current(now)

    def _ask(self, key: UnitKey, command: PlaceOrder) -> None:
        now = self._clock.monotonic()
        if key not in self._wishes and (self._figures.unit(key, now) is None or self._figures.is_ageing(key, now)):
            self._wishes[key] = _ticket(command)
        self._funds_wanted = self._funds_wanted or not self._figures.is_current(now)
        self._wanted.set()

    def _tell(self) -> None:
        self._answered.set()
        self._answered = asyncio.Event()


def _ticket(command: PlaceOrder) -> OrderTicket:
    request, price = command.request, command.price or Decimal(0)
    return OrderTicket("", command.instrument, request.side, request.quantity, "LIMIT", request.product, price)
