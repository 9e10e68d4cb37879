"""Bars of the API: requests to ranges, pages to messages."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.bars.history import DEFAULT_BARS, BarHistory
from engine_server.messages.market import bar_message
from tradewinds.bars import INTERVAL_MINUTES
from tradewinds.errors import InvalidArgumentError
from tradewinds.instruments import Instrument
from tradewinds.paging import decode_token, encode_token
from tradewinds.v1 import market_data_pb2 as pb

_TOKEN_PARTS = 3


class BarDesk:
    """`ListBars` for one instrument."""

    def __init__(self, history: BarHistory) -> None:
        self._history = history

    async def bars(self, request: pb.ListBarsRequest, instrument: Instrument) -> pb.ListBarsResponse:
        """One page. Raises `InvalidArgumentError` naming the field, `BarsNotInError`, `UnavailableError`."""
        interval = request.interval or next(iter(INTERVAL_MINUTES))
        page = await self._history.bars(
            instrument,
            interval,
            self._start(request, instrument, interval),
            _moment(request, "end_time"),
            request.page_size or DEFAULT_BARS,
            include_open=request.include_open,
        )
        following = page.next_start
        token = encode_token(instrument.key, interval, following.isoformat()) if following is not None else ""
        return pb.ListBarsResponse(
            instrument=instrument.key,
            interval=interval,
            bars=[bar_message(bar) for bar in page.bars],
            next_page_token=token,
        )

    @staticmethod
    def _start(request: pb.ListBarsRequest, instrument: Instrument, interval: str) -> datetime | None:
        """Where the page begins: where the one before ended."""
        parts = decode_token(request.page_token, _TOKEN_PARTS)
        if parts is None:
            return _moment(request, "start_time")
        if parts[:2] != [instrument.key, interval]:
            raise InvalidArgumentError.field(
                "page_token", f"belongs to {parts[1]} bars of {parts[0]}; start without one, or ask for the same again"
            )
        try:
            return datetime.fromisoformat(parts[2])
        except ValueError as e:
            raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e


def _moment(request: Message, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    value: Timestamp = getattr(request, field)
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as e:
        raise InvalidArgumentError.field(
            field, "is not a time; give RFC 3339, such as 2026-11-20T09:15:00+05:30"
        ) from e
