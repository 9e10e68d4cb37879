"""From what a caller wants guarded to a command with everything resolved and checked, and to the OMS of its account."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from engine_server.oms.directory import Account, Caller
from engine_server.oms.domain.commands import CreateGuard
from engine_server.oms.domain.validation import check_levels
from engine_server.oms.guards import cancel
from engine_server.oms.not_found import no_guard
from engine_server.oms.queries import OrderQueries
from engine_server.oms.records import GuardRecord
from engine_server.oms.registry import AccountRegistry


@dataclass(frozen=True, kw_only=True)
class GuardRequest:
    """A guard as a caller words it. `config_id` and `epoch` are there when a strategy asks."""

    actor: str
    instrument: str
    product: str
    stop_price: Decimal
    target_price: Decimal | None = None
    trail: Decimal | None = None
    reason: str = ""
    account_id: str = ""
    config_id: str | None = None
    epoch: int | None = None
    source: str = "oms"


class GuardDesk:
    """Every method raises `UnavailableError` where another engine runs the account."""

    def __init__(self, registry: AccountRegistry, queries: OrderQueries) -> None:
        self._registry = registry
        self._queries = queries

    async def create(self, request: GuardRequest, caller: Caller) -> GuardRecord:
        """The committed guard. Raises `InvalidArgumentError`, `NotFoundError`, `LeaseSupersededError`."""
        account = await self._account(request, caller)
        instrument = self._registry.instrument(request.instrument)
        levels = {"stop_price": request.stop_price, "target_price": request.target_price, "trail": request.trail}
        check_levels(levels, instrument)
        command = CreateGuard(
            account_id=account.account_id,
            user_id=account.user_id,
            actor=request.actor,
            instrument=instrument,
            product=request.product,
            stop_price=request.stop_price,
            target_price=request.target_price,
            trail=request.trail,
            reason=request.reason,
            config_id=request.config_id,
            epoch=request.epoch,
            source=request.source,
        )
        return await (await self._registry.management_of(account.account_id)).guard(command)

    async def cancel(
        self, guard_id: str, config_id: str | None, epoch: int | None, actor: str, reason: str, caller: Caller
    ) -> GuardRecord:
        """The ended guard. Raises `NotFoundError`, `LeaseSupersededError`."""
        guard = await self._queries.guard(guard_id)
        mine = guard is not None and (
            guard.config_id == config_id
            if caller.is_runner
            else caller.sees_everything or guard.user_id == caller.subject
        )
        if guard is None or not mine:
            raise no_guard(guard_id)
        management = await self._registry.management_of(guard.account_id)
        return await management.decide(
            partial(cancel, guard_id, config_id, actor, reason, caller.source), config_id, epoch
        )

    async def _account(self, request: GuardRequest, caller: Caller) -> Account:
        if request.config_id is None:
            return await self._registry.accounts.of_caller(caller, request.account_id)
        facts = await self._registry.strategies.get(request.config_id, request.epoch or 0)
        return await self._registry.accounts.get(facts.account_id)
