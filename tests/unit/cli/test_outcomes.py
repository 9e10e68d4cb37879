"""`tradewinds kill` and `tradewinds orders place` in scripts: a line for each step, and an exit code that says how it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from typer.testing import CliRunner, Result

from tradewinds.cli import risk, trading
from tradewinds.errors import UnavailableError
from tradewinds.v1 import risk_pb2, trading_pb2


class _Link:
    """A connection whose answers come one after the other; the last stays."""

    def __init__(self, answers: list[Any]) -> None:
        self.answers = answers
        self.operations = self.trading = SimpleNamespace(
            EngageKillSwitch="engage", GetKillSwitch="look", PlaceOrder="place", GetOrder="look", CancelOrder="cancel"
        )

    async def call(self, _method: str, _request: Any) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def run(monkeypatch: pytest.MonkeyPatch, module: Any, app: Any, words: list[str], *answers: Any) -> Result:
    def with_connection(_state_dir: object, act: Callable[[Any], Any]) -> Any:
        return asyncio.run(act(_Link(list(answers))))

    monkeypatch.setattr(module, "with_connection", with_connection)
    monkeypatch.setattr(risk, "_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(trading, "_LOOK_SECONDS", 0.001)
    return CliRunner().invoke(app, words)


def engaged(orders: int, problem: str = "") -> risk_pb2.KillSwitch:
    progress = risk_pb2.KillProgress(account_id="ACC1", open_orders=orders, open_positions=1, problem=problem)
    return risk_pb2.KillSwitch(kill_id="kill-1", progress=[progress])


def flat() -> risk_pb2.KillSwitch:
    progress = risk_pb2.KillProgress(account_id="ACC1", proven_at=Timestamp(seconds=1))
    return risk_pb2.KillSwitch(kill_id="kill-1", done=True, progress=[progress])


SQUARE_OFF = ["square-off", "--account", "ACC1", "--reason", "a test"]


def test_a_script_reads_a_line_for_each_step_of_a_kill_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (engaged(2), engaged(2), UnavailableError("the engine is away"), engaged(1), flat())
    result = run(monkeypatch, risk, risk.kill, [*SQUARE_OFF, "--json"], *steps)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["done"], line["progress"][0]["open_orders"]) for line in lines] == [(False, 2), (False, 1), (True, 0)]
    assert result.exit_code == 0


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_what_cannot_be_proven_flat_in_time_is_said_with_the_way_on(
    monkeypatch: pytest.MonkeyPatch, as_json: list[str]
) -> None:
    words = [*SQUARE_OFF, "--timeout", "0.05", *as_json]
    result = run(monkeypatch, risk, risk.kill, words, engaged(3, "no price of NSE:SBIN-EQ"))
    assert result.exit_code == 3
    said = " ".join(result.stderr.split())
    assert "ACC1: 3 orders and 1 positions open (no price of NSE:SBIN-EQ)" in said
    assert "kill-1 stays in force" in said
    assert "tradewinds release kill-1" in said


def order(state: str, reason: str = "", message: str = "") -> trading_pb2.Order:
    return trading_pb2.Order(order_id="ord-1", state=f"ORDER_STATE_{state}", reason=reason, message=message)


@pytest.mark.parametrize(
    ("answers", "exit_code", "said"),
    [
        ([order("DENIED", "MARKET_CLOSED", "opens at 09:15")], 1, "DENIED: MARKET_CLOSED: opens at 09:15"),
        ([order("SUBMITTING"), order("REJECTED", "AB1012", "no funds")], 1, "REJECTED: AB1012: no funds"),
        ([order("SUBMITTING"), order("OPEN")], 0, ""),
        ([order("SUBMITTING"), UnavailableError("the engine is away")], 0, ""),
        ([order("SUBMITTING")], 0, ""),  # the broker has not answered in time
    ],
)
def test_an_order_that_came_to_nothing_is_a_failure_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, answers: list[Any], exit_code: int, said: str
) -> None:
    words = ["place", "BUY", "SBIN", "1", "--price", "900", "--wait", "0.05", "--json"]
    result = run(monkeypatch, trading, trading.orders, words, *answers)
    assert result.exit_code == exit_code
    assert json.loads(result.stdout)["order_id"] == "ord-1"
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(("state", "said"), [("OPEN", True), ("CANCELLED", False)])
def test_who_cancels_an_order_sees_that_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, state: str, said: bool
) -> None:
    asked = order(state)
    asked.cancel_requested = True
    asked.price = "900"
    result = run(monkeypatch, trading, trading.orders, ["cancel", "ord-1"], asked)
    assert ("a cancel is on its way" in result.stdout) is said
