"""The whole broker, put together: built from settings, checked before it touches anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.clock import MarketClock, ist_day, today_open_ms
from sandbox.edis import EdisDesk
from sandbox.faults.reading import read_faults_file
from sandbox.faults.register import Fault, FaultRequest, Faults
from sandbox.market import QuoteBoard
from sandbox.order_book import OrderBook, OrderNews
from sandbox.order_desk import OrderDesk
from sandbox.orders import Order
from sandbox.prices import GeneratedPrices
from sandbox.rate_limits import RateLimiter
from sandbox.recovery import History, read_history
from sandbox.replay import Replay
from sandbox.replay_files import Recording, read_recording
from sandbox.rows import order_data, order_row, position_row
from sandbox.scrip_master import ScripMaster
from sandbox.sessions import Sessions
from sandbox.settings import SandboxSettings
from sandbox.sockets.handshake import Admission
from sandbox.sockets.hub import HubParts
from sandbox.sockets.market import MarketStream
from sandbox.sockets.orders import OrderStream
from sandbox.state_dir import Identity, MarketMemory, StateDir
from sandbox.ticks import TickSource
from sandbox.truth import TruthLog
from sandbox.universe import DEFAULT_UNIVERSE, Universe

_SEGMENTS: Mapping[str, str] = {
    "BSE": "bse_cm",
    "NSE": "nse_cm",
    "NFO": "nse_fo",
    "BFO": "bse_fo",
    "MCX": "mcx_fo",
    "CDS": "cde_fo",
    "NCDEX": "ncx_fo",
}


@dataclass(frozen=True, slots=True)
class Preparation:
    """Everything that can be wrong has been looked at; nothing has been written."""

    settings: SandboxSettings
    universe: Universe
    recording: Recording | None
    state_dir: StateDir
    identity: Identity
    faults: tuple[FaultRequest, ...]


def prepare(settings: SandboxSettings) -> Preparation:
    """Read and check all input. Raises BadInputError."""
    recording = read_recording(settings.replay, DEFAULT_UNIVERSE) if settings.replay else None
    universe = DEFAULT_UNIVERSE
    if recording is not None:
        universe = universe.with_ticks(recording.grids(universe))
    identity = Identity(settings.credentials.client_code, _source_name(settings))
    state_dir = StateDir(settings.state_dir)
    state_dir.check(identity)
    faults = tuple(read_faults_file(settings.faults)) if settings.faults else ()
    return Preparation(settings, universe, recording, state_dir, identity, faults)


class Broker:
    """One running broker. Start-up is recovery: a fresh folder is one with an empty history."""

    def __init__(self, prepared: Preparation) -> None:
        settings = prepared.settings
        self.settings = settings
        self.universe = prepared.universe
        self.scrip_master = ScripMaster.of(prepared.universe)
        self._state_dir = prepared.state_dir
        memory = self._state_dir.market_memory()
        self.truth = TruthLog(self._state_dir.truth_file)
        self.faults = Faults(settings.fault_seed, self._fault_taken)
        for fault in prepared.faults:
            self.faults.add(fault)
        history = read_history(self.truth.records())
        self.board = QuoteBoard(self.universe, settings.seed)
        if memory is not None:
            self.board.restore(memory.quotes)
        self.source, start_ms = _source(prepared, memory, history, self.board)
        self.clock = MarketClock(start_ms, settings.speed, jump=memory.jump + 1 if memory else 0)
        self.truth.market_ms = self.clock.now_ms
        self.rates = RateLimiter(enabled=settings.rate_limits, multiplier=settings.rate_limit_multiplier)
        self.sessions = Sessions(
            settings.credentials,
            self._state_dir.signing_key(),
            self._session_changed,
            lambda: ist_day(self.clock.now_ms()),
            second_login_ends=settings.second_login == "ends",
        )
        self.sessions.recover(history.sessions)
        self.edis = EdisDesk(
            settings.credentials.client_code,
            frozenset(i.isin for i in self.universe if i.isin),
            self.clock.now_ms,
            ist_day,
        )
        self._open_streams()
        self.book = OrderBook(settings.cash_rupees * 100, self.clock.now_ms, self._order_news)
        self.desk = OrderDesk(self.book, self.universe, settings.seed, self.board.quote)
        self.desk.recover(history.orders.values(), history.fills)
        self.desk.begin_day(ist_day(start_ms))

    def remember(self, ahead_seconds: float = 0.0) -> None:
        """Write down where the market is, for the next start.

        A running broker writes a little `ahead` (real seconds): after a kill, market time must not go back behind what was published.
        """
        reading = self.clock.reading()
        market_ms = reading.market_ms + int(ahead_seconds * 1000 * reading.rate)
        self._state_dir.remember_market(MarketMemory(market_ms, reading.jump, self.board.remembered()))

    def close(self) -> None:
        self.remember()
        self.truth.close()
        self._state_dir.release()

    def summary(self) -> dict[str, Any]:
        """The body of `GET /sandbox/state`."""
        return {
            "clock": self.clock.reading().published(),
            "orders": [self.order_row(order) for order in self.book.todays_orders()],
            "positions": self.position_rows(),
            "market_stream": self.market_stream.summary(),
            "order_stream": self.order_stream.summary(),
            "faults": self.faults.standing(),
            "rates": self.rates.published(),
            "sessions": self.sessions.alive,
            "last_seq": self.truth.last_seq,
        }

    @property
    def exchanges(self) -> list[str]:
        """The segments of the listed instruments, in the words of getProfile."""
        listed = {instrument.exchange for instrument in self.universe}
        return [word for exchange, word in _SEGMENTS.items() if exchange in listed]

    def order_row(self, order: Order) -> dict[str, object]:
        """A row of the order book."""
        return order_row(order, self.universe.find(*order.key))

    def order_data(self, order: Order) -> dict[str, object]:
        """What the order stream says of an order."""
        return order_data(order, self.universe.find(*order.key))

    def position_rows(self) -> list[dict[str, object]]:
        """The position book at the last prices."""
        rows = []
        for position in self.book.positions:
            quote, instrument = self.board.quote(position.key), self.universe.find(*position.key)
            ltp, close = (quote.ltp, quote.close) if quote else (0, 0)
            rows.append(position_row(position, ltp, close, instrument))
        return rows

    def _open_streams(self) -> None:
        known = self.settings.credentials
        market_door = Admission(self.sessions, known, needs_authorization=False)
        order_door = Admission(self.sessions, known, needs_authorization=True)
        self.market_stream = MarketStream(self._hub_parts(market_door))
        self.order_stream = OrderStream(known.client_code, self._hub_parts(order_door), self.order_data)

    def _hub_parts(self, door: Admission) -> HubParts:
        settings = self.settings
        return HubParts(door, self.truth, self.faults, settings.socket_idle_seconds, settings.fault_seed)

    def _order_news(self, news: OrderNews) -> None:
        """Truth first: what the client hears has been written down."""
        fields: dict[str, Any] = {"event": news.event.value, "reason": news.reason, "order": news.order.snapshot()}
        if news.fill is None:
            self.truth.append("order", **fields)
        else:
            self.truth.append("fill", **fields, fill=news.fill.snapshot())
        self.order_stream.on_news(news)

    def _fault_taken(self, fault: Fault) -> None:
        self.truth.append(
            "fault", fault=fault.name.value, fault_id=fault.fault_id, route=fault.route, about=fault.about
        )

    def _session_changed(self, event: str, session_id: str) -> None:
        self.truth.append("session", event=event, session_id=session_id)


def _source_name(settings: SandboxSettings) -> str:
    if not settings.replay:
        return "generated"
    names = "|".join(f"{path.name}:{path.stat().st_size}" for path in settings.replay)
    return f"replay-{hashlib.sha256(names.encode()).hexdigest()[:12]}"


def _source(
    prepared: Preparation, memory: MarketMemory | None, history: History, board: QuoteBoard
) -> tuple[TickSource, int]:
    """The price source, and the market time at which it begins or goes on."""
    settings = prepared.settings
    known_ms = max(history.market_ms, memory.market_ms if memory else 0)
    if prepared.recording is not None:
        grids = {i.key: i.tick_size for i in prepared.universe}
        replay = Replay(prepared.recording, grids, settings.seed, after_ms=known_ms)
        return replay, known_ms or replay.start_ms
    # A new real day is a new trading day; within one, the market goes on where it was.
    start_ms = max(today_open_ms(), known_ms)
    quotes = {i.key: board.quote(i.key) for i in prepared.universe}
    start_prices = {key: (quote.ltp, quote.volume) for key, quote in quotes.items() if quote}
    for instrument in prepared.universe:
        if instrument.key not in start_prices:
            board.open_at(instrument.key, instrument.base_price, ist_day(start_ms))
    source = GeneratedPrices(
        prepared.universe, settings.seed, start_ms, settings.ticks_per_second, start_prices=start_prices
    )
    return source, start_ms
