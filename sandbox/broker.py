"""The whole broker, put together: built from settings, checked before it touches anything."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.auction_prints import AuctionPrints
from sandbox.candles import History
from sandbox.clock import MarketClock, ist_day, trading_date
from sandbox.derivatives import DerivativesData
from sandbox.edis import EdisDesk
from sandbox.faults.reading import read_faults_file
from sandbox.faults.register import Fault, FaultRequest, Faults
from sandbox.listing.listing import MarketListing
from sandbox.listing.real_rows import RealRows
from sandbox.market import Quote
from sandbox.orders import Order
from sandbox.phases import TradingCalendar
from sandbox.price_feed import FeedParts, PriceFeed
from sandbox.rate_limits import RateLimiter
from sandbox.recovery import read_history
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
from sandbox.ticks import Tick
from sandbox.trading import Surroundings, Trading
from sandbox.truth import TruthLog
from sandbox.universe import DEFAULT_UNIVERSE, Universe

_DEMAND_SECONDS = 0.1
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
    calendar: TradingCalendar
    listing: MarketListing
    state_dir: StateDir
    identity: Identity
    faults: tuple[FaultRequest, ...]


def prepare(settings: SandboxSettings) -> Preparation:
    """Read and check all input. Raises BadInputError."""
    recording = read_recording(settings.replay, DEFAULT_UNIVERSE) if settings.replay else None
    universe = DEFAULT_UNIVERSE
    if recording is not None:
        universe = universe.with_ticks(recording.grids(universe)).with_base_prices(recording.first_prices())
    calendar = TradingCalendar(_days_of(recording))
    real = RealRows.read(settings.scrip_rows) if settings.scrip_rows else None
    listing = MarketListing(universe, calendar, trading_date(0), real)
    identity = Identity(settings.credentials.client_code, _source_name(settings))
    state_dir = StateDir(settings.state_dir)
    state_dir.check(identity)
    faults = tuple(read_faults_file(settings.faults)) if settings.faults else ()
    return Preparation(
        settings, universe.with_listing(listing), recording, calendar, listing, state_dir, identity, faults
    )


class Broker:
    """One running broker. Start-up is recovery: a fresh folder is one with an empty history."""

    def __init__(self, prepared: Preparation) -> None:
        settings = prepared.settings
        self.settings = settings
        self.universe = prepared.universe
        self.scrip_master = ScripMaster(prepared.listing.of_day, settings.scrip_layout, settings.scrip_size)
        self._state_dir = prepared.state_dir
        memory = self._state_dir.market_memory()
        self.truth = TruthLog(self._state_dir.truth_file)
        self.faults = Faults(settings.fault_seed, self._fault_taken)
        for fault in prepared.faults:
            self.faults.add(fault)
        history = read_history(self.truth.records())
        self.calendar = prepared.calendar
        self._look_at_demand_at = 0.0
        self.feed = PriceFeed(_feed_parts(prepared), self._market_ms)
        self.board = self.feed.board
        self.derivatives = DerivativesData(
            prepared.listing,
            self.feed.tape.derived,
            self.board.quote,
            self.feed.open_interest,
            self._market_ms,
        )
        self._auction_prints = AuctionPrints(history.auctions)
        self.history = History(self.feed.tape, self._market_ms, self._auction_prints)
        if memory is not None:
            self.board.restore(memory.quotes)
        known_ms = max(history.market_ms, memory.market_ms if memory else 0)
        start_ms = self.feed.open(known_ms)
        self.source = self.feed.source
        self.clock = MarketClock(known_ms or start_ms, settings.speed, jump=memory.jump + 1 if memory else 0)
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
        self.trading = Trading(self._surroundings(), history)
        self.book, self.desk = self.trading.book, self.trading.desk
        self.trading.day.pass_to(self.clock, start_ms)

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

    def follow_demand(self, now_ms: int) -> None:
        """Let print what somebody listens to or has an order in; a look every tenth of a second will do."""
        if time.monotonic() < self._look_at_demand_at:
            return
        self._look_at_demand_at = time.monotonic() + _DEMAND_SECONDS
        self.feed.follow(self.market_stream.wanted() | self.trading.wanted(), now_ms)

    def _market_ms(self) -> int:
        return self.clock.now_ms()

    def show(self, tick: Tick) -> Quote:
        """Take a print in and let every subscriber hear of it."""
        quote = self.board.apply(tick)
        self.market_stream.on_quote(quote)
        return quote

    def _surroundings(self) -> Surroundings:
        settings = self.settings
        return Surroundings(
            universe=self.universe,
            calendar=self.calendar,
            clock=self.clock,
            board=self.board,
            truth=self.truth,
            faults=self.faults,
            seed=settings.seed,
            latency=settings.latency,
            cash=settings.cash_rupees * 100,
            recorded=bool(settings.replay),
            publish=self.show,
            average_of_last_half_hour=self.feed.average_of_last_half_hour,
            on_order_news=self.order_stream.on_news,
            auction_prints=self._auction_prints,
        )

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


def _days_of(recording: Recording | None) -> frozenset[int]:
    """The days that recorded data prove to have been trading days."""
    if recording is None:
        return frozenset()
    return frozenset(ist_day(row.at_ms) for rows in (recording.bars, recording.prints) for row in rows)


def _feed_parts(prepared: Preparation) -> FeedParts:
    settings = prepared.settings
    each = settings.tick_rate
    if settings.ticks_per_second is not None:
        each = settings.ticks_per_second / len(prepared.universe)
    return FeedParts(prepared.universe, prepared.listing, prepared.calendar, prepared.recording, settings.seed, each)
