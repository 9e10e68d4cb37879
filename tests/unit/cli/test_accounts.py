"""`tradewinds accounts status` as people read it."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.accounts import print_account
from tradewinds.v1 import operations_pb2 as pb

NOW = 1_764_300_000


def account(**changes: object) -> pb.BrokerAccount:
    fields = {
        "account_id": "ACC1",
        "broker": "ANGEL_ONE",
        "client_code": "A123",
        "gate": pb.GATE_OPEN,
        "owner_id": "engine-0",
        "epoch": 7,
    }
    return pb.BrokerAccount(**{**fields, **changes})  # type: ignore[arg-type]


def status() -> pb.BrokerAccountStatus:
    return pb.BrokerAccountStatus(
        as_of=Timestamp(seconds=NOW),
        session_usable=True,
        session_expires_at=Timestamp(seconds=NOW + 3_600),
        source_address="203.0.113.7",
        fence_epoch=7,
        fence_confirmed_at=Timestamp(seconds=NOW - 1),
        order_stream=pb.OrderStreamStatus(connected=False, problem="HTTP 403", age_ms=12_400),
        reconciling="the order stream was lost",
        reconciled_at=Timestamp(seconds=NOW - 9),
        budgets=[
            pb.BudgetWindow(category="place", window_seconds=1, limit=9, left=4),
            pb.BudgetWindow(category="place", window_seconds=60, limit=500, left=320, paused_seconds=2),
        ],
        margin=pb.MarginFigures(available="1234567.50", committed="2800.00"),
        working_orders=3,
        unknown_orders=1,
    )


def test_it_says_everything_that_the_owner_knows(capsys: pytest.CaptureFixture[str]) -> None:
    print_account(account(status=status()))
    shown = capsys.readouterr().out
    for words in (
        "203.0.113.7",
        "epoch 7, confirmed 1 s ago",
        "HTTP 403, heard 12 s ago",
        "9 s ago (the order stream was lost)",
        "3 working, 1 unknown",
        "12,34,567.50",
        "4/9 in 1 s, 320/500 in 60 s paused 2 s",
    ):
        assert words in shown, words


def test_without_an_owner_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_account(account(gate=pb.GATE_CLOSED, gate_reason="no engine owns this account now", owner_id="", epoch=0))
    shown = capsys.readouterr().out
    assert "CLOSED: no engine owns this account now" in shown
    assert "no owner answers" in shown
