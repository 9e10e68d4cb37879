"""The lines of strategies as messages."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from engine_server.fleet.logbook import LogBook, LogLine
from tradewinds.errors import InvalidArgumentError
from tradewinds.v1 import common_pb2
from tradewinds.v1 import strategy_manager_pb2 as pb

_DEFAULT_LINES: Final = 100
_MAX_LINES: Final = 1_000
_CURSOR: Final = re.compile(r"\d{1,20}-\d{1,20}")


def place(request: pb.ListStrategyLogsRequest | pb.WatchStrategyLogsRequest) -> tuple[str, int]:
    """From where, and how many; raises `InvalidArgumentError`."""
    if not 0 <= request.page_size <= _MAX_LINES:
        raise InvalidArgumentError.field("page_size", f"give 1 to {_MAX_LINES}, or nothing for {_DEFAULT_LINES}")
    if request.cursor and not _CURSOR.fullmatch(request.cursor):
        raise InvalidArgumentError.field("cursor", "is none of this list: use the one of an earlier answer, or none")
    return request.cursor, request.page_size or _DEFAULT_LINES


async def log_stream(
    logs: LogBook, config_id: str, after: str, count: int
) -> AsyncIterator[pb.WatchStrategyLogsResponse]:
    """What there is, what comes, and the end in-band."""
    cursor = after
    async for page in logs.follow(config_id, after, count):
        cursor = page.cursor
        yield pb.WatchStrategyLogsResponse(lines=map(line_message, page.lines), cursor=cursor)
    end = common_pb2.WatchEnd(reason="SERVER_STOPPING", message="the engine stops; watch again from the cursor")
    yield pb.WatchStrategyLogsResponse(cursor=cursor, end=end)


def line_message(line: LogLine) -> pb.StrategyLogLine:
    """One line."""
    written_at = Timestamp()
    written_at.FromMilliseconds(line.written_ms)
    return pb.StrategyLogLine(written_at=written_at, source=line.source, text=line.text)
