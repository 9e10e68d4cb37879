"""`tradewinds strategies` and `tradewinds runners`: each verb asks for what its name says, and says what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from typer.testing import CliRunner

from tradewinds.cli import runners, strategies
from tradewinds.v1 import strategy_manager_pb2 as pb


class _Link:
    """A connection whose engine does at once what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Message]] = []
        self.strategies = self.operations = self

    def __getattr__(self, name: str) -> str:
        return name

    async def call(self, method: str, request: Message) -> pb.StrategyCommand:
        self.asked.append((method, request))
        return pb.StrategyCommand(status=pb.COMMAND_STATUS_DONE, result="changed")


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> _Link:
    link = _Link()

    def with_connection(_state_dir: object, act: Callable[[Any], Awaitable[Any]]) -> Any:
        async def acted() -> Any:
            return await act(link)

        return asyncio.run(acted())

    for module in (strategies, runners):
        monkeypatch.setattr(module, "with_connection", with_connection)
    return link


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "pause", "resume", "kill", "release"])
def test_a_verb_gives_its_command_with_the_reason(link: _Link, verb: str) -> None:
    result = CliRunner().invoke(strategies.app, [verb, "m-1", "--reason", "because"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith("m-1 ")
    ((method, request),) = link.asked
    assert method == f"{verb.title()}Strategy"
    facts = json_format.MessageToDict(request, preserving_proto_field_name=True)
    assert (facts["config_id"], facts["reason"]) == ("m-1", "because")
    assert facts["request_id"]


def test_a_signal_carries_its_object(link: _Link) -> None:
    result = CliRunner().invoke(strategies.app, ["signal", "m-1", "--json", '{"action": "reduce"}'])
    assert (result.exit_code, result.output) == (0, "m-1 was told\n")
    ((method, request),) = link.asked
    assert isinstance(request, pb.SignalStrategyRequest)
    assert (method, json_format.MessageToDict(request.signal)) == ("SignalStrategy", {"action": "reduce"})


def test_an_update_names_what_changes_and_what_goes_back_to_its_default(link: _Link) -> None:
    words = ["update", "m-1", "--config", '{"length": 5}', "--unset", "quantity", "--on-crash", "leave_open"]
    result = CliRunner().invoke(strategies.app, words)
    assert (result.exit_code, result.output) == (0, "m-1: changed\n")
    ((_, request),) = link.asked
    assert isinstance(request, pb.UpdateStrategyConfigRequest)
    assert (list(request.update_mask), request.on_crash) == (["length", "quantity"], pb.ON_CRASH_LEAVE_OPEN)


@pytest.mark.parametrize("verb", ["cordon", "drain", "uncordon"])
def test_a_runner_is_set_aside_emptied_and_taken_back(link: _Link, verb: str) -> None:
    result = CliRunner().invoke(runners.app, [verb, "runner-1", "--reason", "disk"])
    assert result.exit_code == 0, result.output
    ((method, request),) = link.asked
    facts = json_format.MessageToDict(request, preserving_proto_field_name=True)
    assert (method, facts) == (f"{verb.title()}Runner", {"runner_id": "runner-1", "reason": "disk"})


@pytest.mark.parametrize("words", [["signal", "m-1", "--json", "{"], ["update", "m-1", "--config", "[1]"]])
def test_what_is_no_object_is_one_line_with_the_option(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_ADDRESS", "127.0.0.1:1")
    monkeypatch.setenv("TRADEWINDS_TOKEN", "t")
    result = CliRunner().invoke(strategies.app, words)
    assert result.exit_code == 1
    assert f"error: {words[2]}" in result.output
