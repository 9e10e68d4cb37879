"""What the broker itself says of an account: holdings and funds, read through the account's owner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

from engine_server.broker.port import Broker, BrokerError, FundsReport, HoldingReport
from engine_server.oms.directory import Caller
from engine_server.oms.registry import AccountRegistry
from tradewinds.errors import UnavailableError
from tradewinds.instruments import Instrument
from tradewinds.money import format_rupees
from tradewinds.v1 import trading_pb2 as pb

ReportT = TypeVar("ReportT")
ByToken = Callable[[str, str], Instrument | None]


async def holdings_answer(
    registry: AccountRegistry, by_token: ByToken, caller: Caller, account_id: str
) -> pb.ListHoldingsResponse:
    """Every holding, by instrument. Raises `NotFoundError`, and `UnavailableError` with the broker's words."""
    reports = await _asked(registry, caller, account_id, lambda broker: broker.holdings())
    instruments = [by_token(report.exchange, report.token) for report in reports]
    named = sorted(zip(map(_name, reports, instruments), reports, strict=True), key=lambda one: one[0])
    return pb.ListHoldingsResponse(holdings=[_holding(name, report) for name, report in named])


async def funds_answer(registry: AccountRegistry, caller: Caller, account_id: str) -> pb.Funds:
    """The broker's figures. Raises as `holdings_answer`."""
    return _funds(account_id, await _asked(registry, caller, account_id, lambda broker: broker.funds()))


async def _asked(
    registry: AccountRegistry, caller: Caller, account_id: str, question: Callable[[Broker], Awaitable[ReportT]]
) -> ReportT:
    account = await registry.accounts.of_caller(caller, account_id)
    management = await registry.management_of(account.account_id)
    try:
        return await question(management.broker)
    except BrokerError as e:
        management.read_books_soon()  # where the session is gone, this finds it out, and logs in again
        raise UnavailableError(f"the broker does not answer for {account_id}: {e.message}", reason=e.reason) from e


def _name(report: HoldingReport, instrument: Instrument | None) -> str:
    return instrument.key if instrument is not None else f"{report.exchange}:{report.symbol}"


def _holding(name: str, report: HoldingReport) -> pb.Holding:
    return pb.Holding(
        instrument=name,
        quantity=report.quantity,
        t1_quantity=report.t1_quantity,
        average_price=format_rupees(report.average_price),
        last_price=_text(report.last_price),
    )


def _funds(account_id: str, report: FundsReport) -> pb.Funds:
    return pb.Funds(
        account_id=account_id,
        net=_text(report.net),
        available_cash=_text(report.available_cash),
        collateral=_text(report.collateral),
        utilised=_text(report.utilised),
        realised_pnl=_text(report.realised_pnl),
        unrealised_pnl=_text(report.unrealised_pnl),
    )


def _text(amount: Decimal | None) -> str:
    return format_rupees(amount) if amount is not None else ""
