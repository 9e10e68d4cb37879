"""No state of the OMS is without a way out: every one is named with what ends it by itself, and with what a person can do."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from engine_server.oms.domain.holds import HoldKind
from engine_server.oms.domain.states import TRANSITIONS, OrderState
from tradewinds.cli.__main__ import app
from tradewinds.v1 import operations_pb2, trading_pb2

# state: what follows by itself, and the command of a person
ORDERS = {
    OrderState.PENDING_SUBMIT: ({OrderState.SUBMITTING, OrderState.NOT_PLACED}, "orders cancel"),
    OrderState.SUBMITTING: ({OrderState.OPEN, OrderState.UNKNOWN, OrderState.NOT_PLACED}, "orders cancel"),
    OrderState.UNKNOWN: ({OrderState.OPEN, OrderState.FILLED, OrderState.NOT_PLACED}, "orders resolve"),
    OrderState.OPEN: ({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED}, "orders cancel"),
    OrderState.PARTIALLY_FILLED: ({OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED}, "orders cancel"),
}
HOLDS = {
    HoldKind.OVERFILL: "holds release",
    HoldKind.TAG_DUPLICATED: "holds release",
    HoldKind.UNATTRIBUTED: "positions attribute",
    HoldKind.POSITION_DIFFERENCE: "positions adjust",
    HoldKind.TRADE_DIFFERENCE: "holds release",
    HoldKind.NOT_ENTERED: "holds release",
}
COMMANDS = {
    "orders cancel": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["CancelOrder"],
    "orders resolve": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["ResolveOrder"],
    "orders explain": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["ExplainOrder"],
    "holds release": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["ReleaseHold"],
    "positions attribute": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["AttributePosition"],
    "positions adjust": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["AdjustPosition"],
    "positions convert": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["ConvertPosition"],
    "guards cancel": trading_pb2.DESCRIPTOR.services_by_name["Trading"].methods_by_name["CancelGuard"],
    "accounts status": operations_pb2.DESCRIPTOR.services_by_name["Operations"].methods_by_name["GetBrokerAccount"],
    "release": operations_pb2.DESCRIPTOR.services_by_name["Operations"].methods_by_name["ReleaseKillSwitch"],
}


def reachable(state: OrderState) -> set[OrderState]:
    found: set[OrderState] = set()
    waiting = [state]
    while waiting:
        for following in TRANSITIONS[waiting.pop()] - found:
            found.add(following)
            waiting.append(following)
    return found


def test_every_state_that_is_no_end_is_named_and_leads_to_an_end() -> None:
    assert {state for state in OrderState if not state.is_terminal} == set(ORDERS)
    for state, (by_itself, command) in ORDERS.items():
        assert by_itself <= TRANSITIONS[state]
        assert any(end.is_terminal for end in reachable(state))
        assert command in COMMANDS


def test_every_hold_has_a_command() -> None:
    assert set(HOLDS) == set(HoldKind)
    assert set(HOLDS.values()) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_is_there_and_so_is_its_rest_route(command: str) -> None:
    shown = CliRunner().invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0, shown.output
    method: Any = COMMANDS[command]
    assert "http" in {field.name for field, _ in method.GetOptions().ListFields()}
