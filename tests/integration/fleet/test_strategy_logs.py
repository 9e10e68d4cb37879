"""What strategies print, from a runner's session to whoever may read it."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from tests.integration.fleet.conftest import Rows, StartRunner
from tests.integration.fleet.test_strategy_manager import Tokens, refused
from tests.support.waiting import eventually
from tradewinds.v1 import strategy_manager_pb2 as pb
from tradewinds.v1 import strategy_runner_pb2 as session_pb


def lines(*texts: str) -> session_pb.StrategyLogBatch:
    written = [pb.StrategyLogLine(written_at=Timestamp(seconds=1_700_000_000), source="PRINTED", text=t) for t in texts]
    return session_pb.StrategyLogBatch(config_id="a", epoch=1, lines=written)


async def test_lines_are_listed_paged_by_cursor_and_followed(
    rows: Rows, start_runner: StartRunner, manager: Any, token_of: Tokens
) -> None:
    await rows.add_config("a")
    runner = await start_runner()
    await runner.send(logs=lines("one", "two", "three"))

    async def listed(**fields: Any) -> Any:
        return await manager.ListStrategyLogs(
            pb.ListStrategyLogsRequest(config_id="a", **fields), metadata=token_of("asha")
        )

    async def all_there() -> bool:
        return len((await listed()).lines) == 3

    await eventually(all_there)
    last = await listed(page_size=2)
    assert [line.text for line in last.lines] == ["two", "three"]
    assert last.lines[0].written_at.seconds == 1_700_000_000
    assert list((await listed(cursor=last.cursor)).lines) == []
    watch = manager.WatchStrategyLogs(
        pb.WatchStrategyLogsRequest(config_id="a", page_size=1), metadata=token_of("asha")
    )
    assert [line.text for line in (await watch.read()).lines] == ["three"]
    await runner.send(logs=lines("four"))
    assert [line.text for line in (await watch.read()).lines] == ["four"]
    watch.cancel()
    assert [line.text for line in (await listed(cursor=last.cursor)).lines] == ["four"]


async def test_anothers_strategy_is_not_found_and_a_bad_cursor_is_named(
    rows: Rows, manager: Any, token_of: Tokens
) -> None:
    await rows.add_config("a")
    request = pb.ListStrategyLogsRequest(config_id="a")
    assert (await refused(manager.ListStrategyLogs(request, metadata=token_of("bela")))).reason == "NOT_FOUND"
    for bad, field in (({"cursor": "rubbish"}, "cursor"), ({"page_size": 1_001}, "page_size")):
        request = pb.ListStrategyLogsRequest(config_id="a", **bad)
        error = await refused(manager.ListStrategyLogs(request, metadata=token_of("asha")))
        assert [v.field for v in error.violations] == [field]
