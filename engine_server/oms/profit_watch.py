"""The day's result of an account and of each of its strategies, charges included; a loss beyond its limit acts by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from engine_server import outbox
from engine_server.broker.port import Broker, BrokerError, OrderTicket
from engine_server.oms.account_state import AccountState
from engine_server.oms.automatic_kill import AutomaticKill
from engine_server.oms.domain.books import Book
from engine_server.oms.domain.risk.exposure import Exposure
from engine_server.oms.domain.risk.limits import LimitName
from engine_server.oms.domain.risk.losses import DayResult, LimitNear, judged, near
from engine_server.oms.domain.risk.nearness import at_pace, at_stake, nearly_used
from engine_server.oms.domain.working_orders import WorkingOrders
from engine_server.oms.ports import Instruments, Quotes
from engine_server.oms.profit_store import ProfitStore
from engine_server.oms.records import ZERO, TradeRecord
from engine_server.oms.risk_board import StoredRiskBoard
from tradewinds.clock import Clock, MarketClock, ist
from tradewinds.database.faults import is_passing
from tradewinds.database.session import Database
from tradewinds.instruments import UnknownInstrumentError
from tradewinds.telemetry import get_logger

log = get_logger("oms.profit")

_BATCH = 50


class ProfitWatch:
    """Run `run` as a watched task of the account."""

    def __init__(
        self,
        state: AccountState,
        user_id: str,
        broker: Broker,
        board: StoredRiskBoard,
        kill: AutomaticKill,
        database: Database,
        instruments: Instruments,
        quotes: Quotes,
        clock: Clock,
        market_clock: MarketClock,
        interval_seconds: float,
    ) -> None:
        self._state = state
        self._user_id = user_id
        self._broker = broker
        self._board = board
        self._kill = kill
        self._database = database
        self._store = ProfitStore(database)
        self._instruments = instruments
        self._quotes = quotes
        self._clock = clock
        self._market_clock = market_clock
        self._interval_seconds = interval_seconds
        self._day: date | None = None
        self._written: dict[str, DayResult] = {}
        self._warned: set[str] = set()

    async def run(self) -> None:
        """Look every interval, for ever. A store or a broker that is away is waited for."""
        while True:
            try:
                await self._look()
            except BrokerError as e:
                log.warning_throttled("charges.unread", account_id=self._state.account_id, error=e.message)
            except Exception as e:
                if not is_passing(e):
                    raise
                log.warning_throttled("unwritten", account_id=self._state.account_id, error=repr(e))
            await asyncio.sleep(self._interval_seconds)

    async def _look(self) -> None:
        now = self._market_clock.now()
        if ist(now).date() != self._day:
            self._written = await self._store.results(self._state.account_id, ist(now).date())
            self._day = ist(now).date()
            self._warned.clear()
        prices, charges = await self._prices(), await self._store.charges(self._state.account_id, self._day)
        for config_id, books in _by_owner(self._state.books.values()).items():
            before = self._written.get(config_id, DayResult())
            paid = charges.get(config_id, ZERO) if config_id else sum(charges.values(), ZERO)
            result = result_of(books, prices, paid, before.best, now)
            if result != before:
                await self._store.write(self._state.account_id, config_id, self._day, result)
                self._written[config_id] = result
            await self._act(config_id, result)
        await self._tell_what_is_nearly_used()
        await self._estimate(now)

    async def _prices(self) -> dict[str, Decimal]:
        """Of what is open. None that is missing is guessed."""
        keys = {b.position.instrument for b in self._state.books.values() if b.position.net_quantity}
        quotes = {key: await self._quotes.quote(key) for key in sorted(keys)}
        return {key: quote.last for key, quote in quotes.items() if quote is not None and quote.last > 0}

    async def _act(self, config_id: str, result: DayResult) -> None:
        account_id = self._state.account_id
        limits = self._board.limits(account_id, config_id or None)
        of = limits.of_strategy if config_id else limits.of_account
        max_loss, max_drawdown = of(LimitName.MAX_DAILY_LOSS), of(LimitName.MAX_DRAWDOWN)
        for limit in near(result, max_loss, max_drawdown):
            await self._warn(config_id, limit)
        verdict = judged(result, max_loss, max_drawdown)
        if verdict is not None:
            await self._kill.engage(config_id, verdict.action, verdict.reason)

    async def _tell_what_is_nearly_used(self) -> None:
        """Beside the way of an order, not on it: here every look, there for each order."""
        account_id = self._state.account_id
        books = _by_owner(self._state.books.values())
        pace = at_pace(self._state.activity.intents, self._clock.now())
        for config_id in sorted({*books, "", *pace, *(order.config_id or "" for order in self._state.working)}):
            limits = self._board.limits(account_id, config_id or None)
            working = [o for o in self._state.working if not config_id or o.config_id == config_id]
            exposure = Exposure([book.position for book in books.get(config_id, ())], WorkingOrders(working))
            used = {**at_stake(exposure), **pace.get(config_id, {})}
            for limit in nearly_used(used, limits.of_strategy if config_id else limits.of_account):
                await self._warn(config_id, limit)

    async def _warn(self, config_id: str, limit: LimitNear) -> None:
        """Once for each limit and day, however often the result comes and goes and the engine is started again."""
        account_id = self._state.account_id
        key = f"risk_limit_near:{account_id}:{config_id}:{limit.name}:{self._day}"
        if key in self._warned:
            return
        async with self._database.session() as session:
            await outbox.add(
                session,
                user_id=self._user_id,
                type_="RISK_LIMIT_NEAR",
                title=f"{config_id or f'Account {account_id}'}: {limit.name} is nearly used up",
                message=limit.words,
                dedupe_key=key,
                data={"account_id": account_id, "config_id": config_id, "limit": limit.name},
            )
            await session.commit()
        self._warned.add(key)

    async def _estimate(self, now: datetime) -> None:
        """Ask what new trades cost; a trade of an instrument that is gone from the scrip master stays without."""
        trades = await self._store.uncharged(self._state.account_id, now, _BATCH)
        tickets = {trade.trade_id: ticket for trade in trades if (ticket := self._ticket(trade)) is not None}
        if tickets:
            amounts = await self._broker.charges(list(tickets.values()))
            await self._store.charge(dict(zip(tickets, amounts, strict=True)))

    def _ticket(self, trade: TradeRecord) -> OrderTicket | None:
        try:
            instrument = self._instruments.resolve(trade.instrument)
        except UnknownInstrumentError:
            return None
        return OrderTicket("", instrument, trade.side, trade.quantity, "LIMIT", trade.product, trade.price)


def result_of(
    books: Iterable[Book], prices: Mapping[str, Decimal], charges: Decimal, best: Decimal, now: datetime
) -> DayResult:
    """The result of some lines together. An open line without a price counts as unpriced, not as nothing lost."""
    realised, unrealised, unpriced = ZERO, ZERO, 0
    for book in books:
        position = book.position
        realised += book.realised_on(now)
        if position.net_quantity and position.instrument in prices:
            cost = position.average_price or ZERO
            unrealised += (prices[position.instrument] - cost) * position.net_quantity
        elif position.net_quantity:
            unpriced += 1
    net = realised + unrealised - charges
    return DayResult(realised, unrealised, charges, max(best, net, ZERO), unpriced)


def _by_owner(books: Iterable[Book]) -> dict[str, list[Book]]:
    """By strategy, '' the account's totals."""
    owners: dict[str, list[Book]] = {}
    for book in books:
        owners.setdefault(book.position.config_id, []).append(book)
    return owners
