"""The accounts of this engine: claims every enabled account that nobody owns, runs its OMS, and takes orders for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from engine_server.broker.fence import FenceUnreachableError
from engine_server.broker.port import Broker
from engine_server.instruments import master_gate
from engine_server.oms.account_lease import AccountLease, LeaseLostError, LeaseOwner, acquire
from engine_server.oms.admission import repeated
from engine_server.oms.changing import ChangeRequest, changed_command, changed_request
from engine_server.oms.directory import Account, AccountDirectory, Caller, StrategyDirectory, StrategyFacts
from engine_server.oms.domain.commands import CancelOrder, Denial, OrderRequest, PlaceOrder
from engine_server.oms.domain.protection import NoFreshQuoteError, protection_price
from engine_server.oms.domain.validation import check_order
from engine_server.oms.fencing import AccountFence, Fence
from engine_server.oms.not_found import no_order
from engine_server.oms.order_management import OrderManagement
from engine_server.oms.parts import OmsParts
from engine_server.oms.ports import Instruments, Market, Quotes
from engine_server.oms.queries import OrderQueries
from engine_server.oms.records import OrderRecord
from tradewinds.config import LeaseSettings
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.errors import (
    ConfigurationError,
    InvalidArgumentError,
    LeaseSupersededError,
    PreconditionError,
    UnavailableError,
)
from tradewinds.instruments import Instrument, UnknownInstrumentError
from tradewinds.telemetry import get_logger

log = get_logger("oms.registry")

BrokerFactory = Callable[[Account, int], Broker]

_MISCONFIGURED_SECONDS = 30.0


class AccountElsewhereError(UnavailableError):
    """Another engine owns this account, or none does now."""

    reason = "ACCOUNT_ELSEWHERE"

    def __init__(self, message: str, *, metadata: Mapping[str, str], owner_address: str) -> None:
        super().__init__(message, metadata=metadata)
        self.owner_address = owner_address


class AccountRegistry:
    """Run `run` as a watched task; `place` and `cancel` from anywhere in the engine."""

    def __init__(
        self,
        parts: OmsParts,
        owner: LeaseOwner,
        leases: LeaseSettings,
        fence: Fence,
        make_broker: BrokerFactory,
        instruments: Instruments,
        quotes: Quotes,
        market: Market,
    ) -> None:
        self._parts = parts
        self._owner = owner
        self._leases = leases
        self._fence = fence
        self._make_broker = make_broker
        self._instruments = instruments
        self._quotes = quotes
        self._market = market
        self._owned: dict[str, OrderManagement] = {}
        self._queries = OrderQueries(parts.database)
        self.accounts = AccountDirectory(parts.database)
        self.strategies = StrategyDirectory(parts.database, parts.clock)

    async def run(self) -> None:
        """Own what can be owned, for ever. A defect in one account ends all of them, and the process with them."""
        running: dict[str, asyncio.Task[None]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    _raise_for_ended(running)
                    enabled = await self._enabled()
                    for account in enabled or ():
                        if account.account_id not in running:
                            task = group.create_task(self._own(account), name=f"account {account.account_id}")
                            running[account.account_id] = task
                    if enabled is not None:
                        _stop_others(running, {account.account_id for account in enabled})
                    await asyncio.sleep(self._leases.heartbeat_seconds * 2)
        except BaseExceptionGroup as e:
            raise e.exceptions[0] from e

    async def place(self, request: OrderRequest, caller: Caller) -> OrderRecord:
        """The committed order (sent once, or DENIED). Raises `InvalidArgumentError`, `NotFoundError`,
        `PreconditionError` (GATE_CLOSED, SCRIP_MASTER_NOT_IN), `LeaseSupersededError`, `RequestIdReusedError`,
        `UnavailableError`."""
        received_at = self._parts.clock.monotonic()
        account, facts = await self._account_and_facts(request, caller)
        instrument = self._resolved(request.instrument)
        check_order(request, instrument)
        command = PlaceOrder(
            request=request,
            account_id=account.account_id,
            user_id=account.user_id,
            instrument=instrument,
            price=request.price,
            capital=facts.capital if facts is not None else None,
            no_entry=_paused(facts) or self._market.no_entry(request, instrument),
            received_at=received_at,
            quote=await self._quotes.quote(instrument.key),
        )
        if request.order_type == "MARKET":
            command = _protected(command)
        try:
            return await self._management(account).place(command)
        except (PreconditionError, UnavailableError):
            # A repeat gets its first order whatever the account's state: a strategy that replays after a crash relies on it.
            first = await self._queries.order_of_request(command.request_key)
            if first is None:
                raise
            return repeated(command, first)

    async def cancel(self, command: CancelOrder, caller: Caller) -> OrderRecord:
        """The order with its wish to cancel committed. Raises as `place`, and ORDER_ENDED."""
        order = await self._queries.order(command.order_id)
        if order is None or not _may_touch(order, command.config_id, caller):
            raise no_order(command.order_id)
        if order.state.is_terminal and not await self._queries.attempts(order):
            raise PreconditionError(f"order {order.order_id} has ended as {order.state} already", reason="ORDER_ENDED")
        return await self._management(await self.accounts.get(order.account_id)).cancel(command)

    async def modify(self, change: ChangeRequest, caller: Caller) -> OrderRecord:
        """The order with its wish to change committed. Raises as `place`, and ORDER_ENDED, ORDER_NOT_WORKING, CHANGE_PENDING, or the
        reason of the rule that denies it."""
        order = await self._queries.order(change.order_id)
        if order is None or not _may_touch(order, change.config_id, caller):
            raise no_order(change.order_id)
        instrument = self._resolved(order.instrument)
        account = await self.accounts.get(order.account_id)
        facts = await self._facts_of(order, change.epoch)
        wanted = changed_request(order, change, instrument)
        no_entry = _paused(facts) or self._market.no_entry(wanted, instrument)
        command = changed_command(
            order,
            change,
            wanted,
            instrument,
            facts.capital if facts is not None else None,
            no_entry,
            await self._quotes.quote(instrument.key),
        )
        return await self._management(account).modify(command)

    def instrument(self, text: str) -> Instrument:
        """What `text` names today; raises `InvalidArgumentError`, and `PreconditionError` (SCRIP_MASTER_NOT_IN)."""
        return self._resolved(text)

    async def management_of(self, account_id: str) -> OrderManagement:
        """The OMS of an account, for what a person decides. Raises `NotFoundError`, and `UnavailableError` where another engine
        runs it."""
        return self._management(await self.accounts.get(account_id))

    def owned(self, account_id: str) -> OrderManagement | None:
        """The OMS of an account, where this engine runs it."""
        return self._owned.get(account_id)

    async def _enabled(self) -> list[Account] | None:
        try:
            return list(await self.accounts.refresh())
        except PASSING_FAULTS as e:
            log.warning_throttled("accounts.unread", error=repr(e))
            return None

    async def _own(self, account: Account) -> None:
        """Acquire, run, and when it is lost, wait for it again."""
        while True:
            lease = await self._acquired(account.account_id)
            if lease is not None:
                await self._run_owned(await self._fresh(account), lease)
            await asyncio.sleep(self._leases.heartbeat_seconds)

    async def _acquired(self, account_id: str) -> AccountLease | None:
        try:
            return await acquire(self._parts.database, account_id, self._owner, self._leases, self._parts.clock)
        except PASSING_FAULTS as e:
            log.warning_throttled("lease.unread", account_id=account_id, error=repr(e))
            return None

    async def _fresh(self, account: Account) -> Account:
        """With the credentials as they are now: they may have been changed since the account was first seen."""
        accounts = {one.account_id: one for one in await self._enabled() or ()}
        return accounts.get(account.account_id, account)

    async def _run_owned(self, account: Account, lease: AccountLease) -> None:
        try:
            await self._run_fenced(account, lease)
        except ConfigurationError as e:
            await self._stay_closed(lease, str(e))
        except FenceUnreachableError as e:
            await self._give_back(lease, e.message)  # another engine may reach it
        except (LeaseLostError, LeaseSupersededError) as e:
            log.warning("account.lost", account_id=account.account_id, epoch=lease.epoch, error=str(e))
        except PASSING_FAULTS:
            # Recovery is start-up: the account begins anew from what PostgreSQL and the broker have.
            log.error("account.failed", account_id=account.account_id, epoch=lease.epoch, exc_info=True)
        finally:
            self._owned.pop(account.account_id, None)

    async def _run_fenced(self, account: Account, lease: AccountLease) -> None:
        """The fence first: whatever an older owner still has to say must not get out any more."""
        fence = AccountFence(self._fence, lease, self._parts.clock)
        await fence.establish()
        management = OrderManagement(
            self._parts, lease, fence, account.user_id, self._make_broker(account, lease.epoch)
        )
        self._owned[account.account_id] = management
        await management.run()

    async def _stay_closed(self, lease: AccountLease, problem: str) -> None:
        """An account that is set up wrongly must not take the others with it."""
        log.error("account.misconfigured", account_id=lease.account_id, error=problem)
        await self._give_back(lease, problem)
        await asyncio.sleep(_MISCONFIGURED_SECONDS)

    @staticmethod
    async def _give_back(lease: AccountLease, reason: str) -> None:
        """Gate closed, for the reason that people read."""
        log.warning_throttled("account.given_back", account_id=lease.account_id, reason=reason)
        try:
            await lease.release(reason)
        except PASSING_FAULTS as e:
            log.warning("lease.not_released", account_id=lease.account_id, error=repr(e))

    async def _account_and_facts(self, request: OrderRequest, caller: Caller) -> tuple[Account, StrategyFacts | None]:
        if request.config_id is None:
            return await self.accounts.of_caller(caller, request.account_id), None
        facts = await self.strategies.get(request.config_id, request.epoch or 0)
        if request.account_id and request.account_id != facts.account_id:
            raise InvalidArgumentError.field(
                "account_id", f"strategy {request.config_id!r} trades on {facts.account_id}; leave it empty"
            )
        return await self.accounts.get(facts.account_id), facts

    async def _facts_of(self, order: OrderRecord, epoch: int | None) -> StrategyFacts | None:
        return await self.strategies.get(order.config_id, epoch or 0) if order.config_id else None

    def _resolved(self, text: str) -> Instrument:
        if not self._instruments.ready:
            raise PreconditionError(
                "no scrip master has been loaded yet; the feed fetches it, see GET /v1/feed", reason=master_gate.REASON
            )
        try:
            return self._instruments.resolve(text)
        except UnknownInstrumentError as e:
            raise InvalidArgumentError.field("instrument", str(e)) from e

    def _management(self, account: Account) -> OrderManagement:
        management = self._owned.get(account.account_id)
        if management is not None:
            return management
        owner = (
            f"engine {account.owner_id} at {account.owner_address} owns it"
            if account.owner_id
            else "nobody owns it yet"
        )
        raise AccountElsewhereError(
            f"account {account.account_id} is not run by this engine: {owner}; try again there, or in a moment",
            metadata={"account_id": account.account_id, "owner_id": account.owner_id},
            owner_address=account.owner_address,
        )


def _paused(facts: StrategyFacts | None) -> Denial | None:
    if facts is None or not facts.is_paused:
        return None
    because = f" ({facts.pause_reason})" if facts.pause_reason else ""
    return Denial("STRATEGY_PAUSED", f"the strategy is paused{because}: no entries until somebody resumes it")


def _raise_for_ended(running: dict[str, asyncio.Task[None]]) -> None:
    """An account is owned or waited for until it is given up here. A group says nothing of a member that ended cancelled."""
    for account_id, task in running.items():
        if task.done():
            raise RuntimeError(f"account {account_id} is no longer looked after: its task ended cancelled")


def _stop_others(running: dict[str, asyncio.Task[None]], enabled: set[str]) -> None:
    """An account that was disabled is given up in order."""
    for account_id in set(running) - enabled:
        running.pop(account_id).cancel()


def _protected(command: PlaceOrder) -> PlaceOrder:
    try:
        return replace(command, price=protection_price(command.instrument, command.request.side, command.quote))
    except NoFreshQuoteError as e:
        return replace(command, unpriced_because=str(e))


def _may_touch(order: OrderRecord, config_id: str | None, caller: Caller) -> bool:
    if caller.is_runner:
        return order.config_id == config_id
    return caller.sees_everything or order.user_id == caller.subject
