"""Where decisions of people go: to the OMS of the account that they are about."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from engine_server.broker.port import PositionConversion
from engine_server.oms.directory import Caller
from engine_server.oms.domain.commands import Adjustment, Resolution
from engine_server.oms.domain.holds import Hold
from engine_server.oms.external import external_order_id
from engine_server.oms.interventions import adjust, attribute, convert, release_hold, resolve
from engine_server.oms.order_management import OrderManagement
from engine_server.oms.queries import OrderFilter, OrderQueries, Page
from engine_server.oms.records import OrderRecord
from engine_server.oms.registry import AccountRegistry
from tradewinds.errors import InvalidArgumentError, PreconditionError

_TRADES_OF_ONE_ORDER = 500


class AccountDecisions:
    """Each method raises `NotFoundError` for what the caller may not see, and `UnavailableError` where another engine runs the
    account."""

    def __init__(self, registry: AccountRegistry, queries: OrderQueries) -> None:
        self._registry = registry
        self._queries = queries

    async def resolve(self, command: Resolution, caller: Caller) -> OrderRecord:
        """What became of an UNKNOWN order."""
        order = await self._queries.visible_order(command.order_id, caller)
        management = await self._registry.management_of(order.account_id)
        external = OrderFilter(order_id=external_order_id(order.account_id, command.broker_order_id))
        trades = await self._queries.trades(external, Page(_TRADES_OF_ONE_ORDER)) if command.broker_order_id else []
        command = replace(command, trades=list(reversed(trades)), read_books=management.read_books_soon)
        return await management.decide(partial(resolve, command))

    async def release_hold(self, caller: Caller, account_id: str, kind: str, subject_id: str, reason: str) -> Hold:
        """Entries may go again."""
        account = await self._registry.accounts.of_caller(caller, account_id)
        management = await self._registry.management_of(account.account_id)
        return await management.decide(
            partial(release_hold, account.account_id, kind, subject_id, caller.subject, reason, caller.source)
        )

    async def attribute(self, caller: Caller, order_id: str, config_id: str, reason: str) -> OrderRecord:
        """What it fills is that strategy's. Raises `InvalidArgumentError` for a strategy of another account."""
        order = await self._queries.visible_order(order_id, caller)
        await self._check_strategy(config_id, order.account_id)
        trades = await self._queries.trades(OrderFilter(order_id=order_id), Page(_TRADES_OF_ONE_ORDER))
        management = await self._registry.management_of(order.account_id)
        return await management.decide(
            partial(attribute, order_id, config_id, caller.subject, reason, caller.source, list(reversed(trades)))
        )

    async def adjust(self, command: Adjustment, caller: Caller) -> OrderRecord:
        """A change of the books by hand."""
        command, management = await self._checked(command, caller)
        return await management.decide(partial(adjust, command))

    async def convert(self, command: Adjustment, to_product: str, caller: Caller) -> list[OrderRecord]:
        """Ask the broker to convert a part of a position, once, and book it when it has. `command.side` follows from the book.
        Raises `PreconditionError` (NOTHING_TO_CONVERT, BROKER_REFUSED), and `UnavailableError` where the answer is unclear: then the
        comparison of positions tells.
        """
        command, management = await self._checked(command, caller)
        net = management.net_of(command.config_id, command.instrument, command.product)
        if abs(net) < command.quantity:
            raise PreconditionError(
                f"{abs(net)} {command.instrument} ({command.product}) are open, {command.quantity} cannot be converted",
                reason="NOTHING_TO_CONVERT",
            )
        command = replace(command, side="BUY" if net > 0 else "SELL")
        instrument = self._registry.instrument(command.instrument)
        await management.convert(
            PositionConversion(instrument, command.side, command.quantity, command.product, to_product)
        )
        return await management.decide(partial(convert, command, to_product))

    async def _checked(self, command: Adjustment, caller: Caller) -> tuple[Adjustment, OrderManagement]:
        account = await self._registry.accounts.of_caller(caller, command.account_id)
        if command.config_id:
            await self._check_strategy(command.config_id, account.account_id)
        instrument = self._registry.instrument(command.instrument)
        command = replace(command, account_id=account.account_id, user_id=account.user_id, instrument=instrument.key)
        return command, await self._registry.management_of(account.account_id)

    async def _check_strategy(self, config_id: str, account_id: str) -> None:
        facts = await self._registry.strategies.get(config_id, 0)
        if facts.account_id != account_id:
            raise InvalidArgumentError.field(
                "config_id", f"{config_id!r} trades on {facts.account_id}, not on {account_id}"
            )
