"""Who names what is not there is told which field that was, and the command that lists what is."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from engine_server.oms import not_found
from tradewinds.cli.__main__ import app
from tradewinds.errors import NotFoundError

SAID = {
    "order_id": not_found.no_order("nr-1"),
    "order_id of days ago": not_found.no_working_copy("nr-1"),
    "guard_id": not_found.no_guard("nr-1"),
    "subject_id of a hold": not_found.no_hold("ACC1", "OVERFILL", "nr-1"),
    "account_id": not_found.no_account("nr-1"),
    "config_id": not_found.no_strategy("nr-1"),
    "subject_id of an account": not_found.no_subject("account", "nr-1"),
    "subject_id of a strategy": not_found.no_subject("strategy", "nr-1"),
    "kill_id": not_found.no_kill_switch("nr-1"),
    "decision_id": not_found.no_decision("nr-1"),
}


@pytest.mark.parametrize("what", SAID)
def test_it_names_the_field_the_value_and_a_command_that_exists(what: str) -> None:
    error: NotFoundError = SAID[what]
    (violation,) = error.violations
    assert violation.field == what.split(maxsplit=1)[0]
    assert error.message.startswith(f"{violation.field}: ")
    assert "'nr-1'" in error.message
    (command,) = re.findall(r"`tradewinds ([a-z -]+)`", error.message)
    assert CliRunner().invoke(app, [*command.split(), "--help"]).exit_code == 0


def test_every_factory_is_looked_at() -> None:
    assert len(SAID) - 1 == sum(name.startswith("no_") for name in vars(not_found))
