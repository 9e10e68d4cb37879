"""A login by a person, for the day when the automatic one fails: passed to the account's owner, and audited whatever came of it."""

from __future__ import annotations

from typing import Any

from engine_server.broker.port import BrokerError
from engine_server.oms.registry import AccountRegistry
from engine_server.rpc.callers import current_caller
from engine_server.rpc.forwarding import answered_by_owner
from engine_server.rpc.peers import Peers
from tradewinds import audit, auth
from tradewinds.database.session import Database
from tradewinds.errors import PreconditionError
from tradewinds.v1 import operations_pb2 as pb

_METHOD = "Operations/LoginBrokerAccount"


class BrokerLogins:
    """Raises `InvalidArgumentError` for digits that are none, `PreconditionError` with the broker's words, `UnavailableError` where
    no engine owns the account."""

    def __init__(self, database: Database, registry: AccountRegistry, peers: Peers) -> None:
        self._database = database
        self._registry = registry
        self._peers = peers

    async def login(self, request: pb.LoginBrokerAccountRequest, context: Any) -> None:
        """Open a new session now, with the six digits where they are given."""
        await answered_by_owner(
            self._here(request, audit.source_of(context)), self._peers, _METHOD, request, pb.BrokerAccount, context
        )

    async def _here(self, request: pb.LoginBrokerAccountRequest, source: str) -> pb.BrokerAccount:
        account = await self._registry.accounts.of_caller(current_caller(), request.account_id)
        management = await self._registry.management_of(account.account_id)
        try:
            await management.broker.login(request.one_time_password)
        except BrokerError as e:
            await self._record(account.account_id, request.reason, e.message, source)
            raise PreconditionError(e.message, reason=e.reason) from e
        await self._record(account.account_id, request.reason, "", source)
        management.read_books_soon()
        return pb.BrokerAccount(account_id=account.account_id)

    async def _record(self, account_id: str, reason: str, problem: str, source: str) -> None:
        async with self._database.session() as session:
            await audit.record(
                session,
                actor=auth.principal().subject,
                action="broker_account.login",
                subject=("broker_account", account_id),
                reason=reason,
                after={"logged_in": not problem, "problem": problem},
                source=source,
                account_id=account_id,
            )
            await session.commit()
