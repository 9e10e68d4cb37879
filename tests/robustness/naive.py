"""Order managements as most are, to fail the check that ours must pass: each differs from ours in one thing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from engine_server.broker.angel_one import AngelOneBroker
from engine_server.broker.fence import EgressFence, FenceReport
from engine_server.broker.port import Accepted, Broker, OrderReport, OrderTicket, Outcome, Refused, StreamEvent, Unknown
from engine_server.egress.fences import FenceAheadError
from engine_server.oms.directory import Account
from engine_server.oms.fencing import Fence
from tests.robustness.engine_process import Surroundings
from tradewinds.database.session import Database

_ONE_FOR_ALL = 1


class SendsAgain(AngelOneBroker):
    """What has no clear answer is sent again, until it has one."""

    async def place(self, ticket: OrderTicket) -> Outcome:
        while True:
            outcome = await super().place(ticket)
            if isinstance(outcome, Accepted | Refused):
                return outcome


class TakesSilenceForNo(AngelOneBroker):
    """What has no clear answer has failed; an order is looked for by the id that an answer gave, and not by its tag."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answered: set[str] = set()

    async def place(self, ticket: OrderTicket) -> Outcome:
        outcome = await super().place(ticket)
        if isinstance(outcome, Accepted):
            self._answered.add(outcome.broker_order_id)
        return Refused("TIMEOUT", "no answer") if isinstance(outcome, Unknown) else outcome

    async def order_book(self) -> Sequence[OrderReport]:
        return [report for report in await super().order_book() if report.broker_order_id in self._answered]

    async def order_stream(self) -> AsyncGenerator[StreamEvent, None]:
        async for event in super().order_stream():
            if not isinstance(event, OrderReport) or event.broker_order_id in self._answered:
                yield event


class NeverRaised(EgressFence):
    """One epoch for everybody: whoever has ever owned the account may send for ever."""

    async def raise_to(self, account_id: str, epoch: int) -> FenceReport:
        try:
            return await super().raise_to(account_id, _ONE_FOR_ALL)
        except FenceAheadError:
            return FenceReport(epoch, 0, 0)


class Unfenced(Surroundings):
    """An account is taken over in the database alone."""

    def broker(self, database: Database, account: Account, epoch: int) -> Broker:
        return super().broker(database, account, _ONE_FOR_ALL)

    def fence(self, owner: str) -> Fence:
        return NeverRaised(self.egress_url, "everybody")


def with_adapter(around: Surroundings, adapter: type[AngelOneBroker]) -> Surroundings:
    """The same place, and another way of talking to the broker."""
    return replace(around, adapter=adapter)
