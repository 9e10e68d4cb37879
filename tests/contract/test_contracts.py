"""The contracts are clean, what is generated from them is fresh, and every method has its roles."""

from __future__ import annotations

import importlib

import pytest

from tools import proto
from tradewinds.auth import METHOD_ROLES

SERVICES = {
    "strategy_manager": "StrategyManager",
    "strategy_runner": "StrategyRunner",
    "trading": "Trading",
    "market_data": "MarketData",
    "notifier": "Notifier",
    "operations": "Operations",
}


def methods() -> set[str]:
    found = set()
    for module, service in SERVICES.items():
        descriptor = importlib.import_module(f"tradewinds.v1.{module}_pb2").DESCRIPTOR
        found |= {f"/tradewinds.v1.{service}/{m.name}" for m in descriptor.services_by_name[service].methods}
    return found


def test_the_contracts_pass_the_linter() -> None:
    assert proto.lint() == 0


def test_the_committed_stubs_are_what_the_contracts_generate() -> None:
    assert proto.check() == 0, "run `make proto` and commit the result"


def test_every_method_has_its_roles() -> None:
    assert methods() - METHOD_ROLES.keys() == set()


def test_the_method_table_names_no_method_that_does_not_exist() -> None:
    ours = {method for method in METHOD_ROLES if method.startswith("/tradewinds.")}
    assert ours - methods() == set()


@pytest.mark.parametrize("module", SERVICES)
def test_every_contract_lives_in_its_package(module: str) -> None:
    assert importlib.import_module(f"tradewinds.v1.{module}_pb2").DESCRIPTOR.package == "tradewinds.v1"
