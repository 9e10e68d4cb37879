"""Whose an account is and who runs it; to which account a strategy belongs and how much capital it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from engine_server.oms.not_found import no_account, no_strategy
from tradewinds.clock import Clock
from tradewinds.database.session import Database
from tradewinds.errors import InvalidArgumentError

_ACCOUNTS = """
SELECT a.account_id, a.user_id, a.client_code, a.sealed_credentials, coalesce(l.owner_id, '') AS owner_id,
       coalesce(l.owner_address, '') AS owner_address, coalesce(l.expires_at > clock_timestamp(), false) AS owned
FROM broker_accounts a LEFT JOIN account_leases l USING (account_id)
WHERE a.enabled ORDER BY a.account_id
"""
_STRATEGY = """
SELECT account_id, user_id, is_paused, pause_reason, config->>'capital_allocated' AS capital
FROM strategy_configs WHERE config_id = $1
"""

_STRATEGY_CACHE_LIMIT = 4_096
_STRATEGY_CACHE_SECONDS = 10.0


@dataclass(frozen=True)
class Account:
    """An enabled broker account. `owner_id` is the engine that holds its lease, '' where none does."""

    account_id: str
    user_id: str
    client_code: str
    sealed_credentials: bytes = field(repr=False)
    owner_id: str = ""
    owner_address: str = ""


@dataclass(frozen=True)
class StrategyFacts:
    """What the OMS needs to know of a strategy."""

    account_id: str
    user_id: str
    capital: Decimal | None
    is_paused: bool = False
    pause_reason: str = ""


@dataclass(frozen=True)
class Caller:
    """Who asks: the token's subject, whether it sees every user's rows, and whether it speaks for strategies."""

    subject: str
    sees_everything: bool = False
    is_runner: bool = False
    source: str = "oms"  # from where, for the audit


class AccountDirectory:
    """Every enabled account, as of the last `refresh`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts: Mapping[str, Account] = {}

    async def refresh(self) -> Sequence[Account]:
        """Read them again; raises asyncpg's errors."""
        rows = await self._database.pool.fetch(_ACCOUNTS)
        self._accounts = {row["account_id"]: _account(row) for row in rows}
        return list(self._accounts.values())

    async def of_caller(self, caller: Caller, account_id: str) -> Account:
        """The account meant: the one named, or the caller's only one. Raises `NotFoundError`, `InvalidArgumentError`."""
        found = self._find(caller, account_id)
        if not found:
            await self.refresh()
            found = self._find(caller, account_id)
        if len(found) == 1:
            return found[0]
        if account_id:
            raise no_account(account_id)
        if not found:
            raise InvalidArgumentError.field("account_id", "you have no enabled broker account; name one or add one")
        names = ", ".join(account.account_id for account in found)
        raise InvalidArgumentError.field("account_id", f"you have several accounts, name one of: {names}")

    async def of_user(self, caller: Caller) -> list[Account]:
        """Every account that is the caller's own."""
        await self.refresh()
        return self._find(caller, "")

    async def get(self, account_id: str) -> Account:
        """An account by id; raises `NotFoundError`."""
        if account_id not in self._accounts:
            await self.refresh()
        if account_id not in self._accounts:
            raise no_account(account_id)
        return self._accounts[account_id]

    def _find(self, caller: Caller, account_id: str) -> list[Account]:
        accounts = self._accounts.values()
        if account_id:
            return [a for a in accounts if a.account_id == account_id and _is_visible(a, caller)]
        return [a for a in accounts if a.user_id == caller.subject]


class StrategyDirectory:
    """Facts of strategies, read again for every new epoch, every ten seconds, and when the fleet says that they changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[StrategyFacts, float]] = {}
        self._changes = 0

    async def get(self, config_id: str, epoch: int) -> StrategyFacts:
        """Facts of a strategy; raises `NotFoundError`."""
        now = self._clock.monotonic()
        facts, read_at = self._known.get((config_id, epoch), (None, now))
        if facts is None or now - read_at > _STRATEGY_CACHE_SECONDS:
            changes = self._changes
            facts = await self._load(config_id)
            if len(self._known) >= _STRATEGY_CACHE_LIMIT:
                self._known.clear()
            if changes == self._changes:  # else it may have been read before the change
                self._known[config_id, epoch] = (facts, now)
        return facts

    def forget(self, config_id: str | None) -> None:
        """Something of this strategy has changed; None: of any."""
        self._changes += 1
        for key in [key for key in self._known if config_id is None or key[0] == config_id]:
            del self._known[key]

    async def _load(self, config_id: str) -> StrategyFacts:
        row = await self._database.pool.fetchrow(_STRATEGY, config_id)
        if row is None:
            raise no_strategy(config_id)
        return StrategyFacts(
            row["account_id"],
            row["user_id"],
            _capital(config_id, row["capital"]),
            row["is_paused"],
            row["pause_reason"],
        )


def _capital(config_id: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as e:
        raise InvalidArgumentError.field(
            "config.capital_allocated",
            f"of {config_id!r} is {text!r}, not a number of rupees; correct the configuration",
        ) from e


def _is_visible(account: Account, caller: Caller) -> bool:
    return caller.sees_everything or account.user_id == caller.subject


def _account(row: Mapping[str, Any]) -> Account:
    owner = (row["owner_id"], row["owner_address"]) if row["owned"] else ("", "")
    return Account(row["account_id"], row["user_id"], row["client_code"], row["sealed_credentials"], *owner)
