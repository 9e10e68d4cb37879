"""Quotes, option chains, bars and calendar days as messages."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.calendar.domain.days import SegmentDay
from engine_server.market.feed_status import FeedStatus
from tradewinds.bars import Bar
from tradewinds.clock import Clock
from tradewinds.instruments import InstrumentKey
from tradewinds.money import format_rupees, from_e4
from tradewinds.ticks import REST_FLAG, TickArray, unpack
from tradewinds.v1 import market_data_pb2 as pb

_MAX_SHOWN = 100


def quote_message(
    key: InstrumentKey, record: TickArray | bytes | None, clock: Clock, *, stale: bool = False
) -> pb.Quote:
    """The last tick of an instrument; `NONE` before the first one. `record` may be packed."""
    if isinstance(record, bytes):
        record = unpack(record)
    if record is None or not len(record):
        return pb.Quote(instrument=key, age_ms=-1, source="NONE", stale=stale)
    tick = record[-1]
    age_ms = int(clock.now().timestamp() * 1000) - int(tick["received_ns"]) // 1_000_000
    return pb.Quote(
        instrument=key,
        last_price=price_text(int(tick["last_price_e4"])),
        bid_price=price_text(int(tick["bid_price_e4"])),
        ask_price=price_text(int(tick["ask_price_e4"])),
        volume=int(tick["volume"]),
        close_price=price_text(int(tick["close_price_e4"])),
        exchange_time=timestamp(int(tick["exchange_ms"])),
        age_ms=max(0, age_ms),
        source="REST" if int(tick["flags"]) & REST_FLAG else "STREAM",
        open_interest=int(tick["open_interest"]),
        stale=stale,
    )


def bar_message(bar: Bar) -> pb.Bar:
    """A bar; its prices are all there, zero included."""
    return pb.Bar(
        start_time=timestamp(bar.start_ms),
        open_price=format_rupees(from_e4(bar.open_e4)),
        high_price=format_rupees(from_e4(bar.high_e4)),
        low_price=format_rupees(from_e4(bar.low_e4)),
        close_price=format_rupees(from_e4(bar.close_e4)),
        volume=bar.volume,
        open_interest=bar.open_interest,
        closed=bar.closed,
        source=bar.source,
        complete=bar.complete,
    )


def feed_status_message(status: FeedStatus) -> pb.FeedStatus:
    """The feed's word of itself."""
    last_tick_ms = status.number("last_tick_ms")
    return pb.FeedStatus(
        state=status.state,
        reason=status.reason,
        sockets=[pb.FeedSocket(**socket) for socket in status.sockets],
        streamed=status.number("streamed"),
        rotated=status.number("rotated"),
        unknown_instruments=status.unknown_instruments,
        ticks=status.number("ticks"),
        dropped_ticks=status.number("dropped"),
        last_tick_at=timestamp(last_tick_ms) if last_tick_ms else None,
        scrip_master=status.facts.get("scrip_master", ""),
        scrip_master_day=status.facts.get("scrip_master_day", ""),
        age_ms=status.age_ms,
        stale_instruments=status.stale_instruments,
        rotated_instruments=status.rotated_instruments,
        rotation_seconds=status.number("rotation_seconds"),
        open_instruments=status.number("open"),
        bar_gaps=status.number("bar_gaps"),
        subscribers=[
            pb.FeedSubscriber(subscriber=name, **facts)
            for name, facts in sorted(status.subscribers.items())[:_MAX_SHOWN]
        ],
        epoch=status.number("epoch"),
    )


def calendar_day_message(day: SegmentDay) -> pb.CalendarDay:
    """A day of the calendar as it is in force."""
    spans = (span.as_texts() for span in day.spans)
    return pb.CalendarDay(
        day=day.day.isoformat(),
        segment=day.segment,
        instrument_class=day.instrument_class,
        phases=[pb.CalendarPhase(phase=phase, start=start, end=end) for phase, start, end in spans],
        note=day.note,
        version=day.version,
        known=day.known,
        author=day.author,
    )


def price_text(value_e4: int) -> str:
    """Rupees; empty where there is none."""
    return format_rupees(from_e4(value_e4)) if value_e4 else ""


def timestamp(epoch_ms: int) -> Timestamp:
    """Epoch milliseconds on the wire."""
    wire = Timestamp()
    wire.FromMilliseconds(epoch_ms)
    return wire
