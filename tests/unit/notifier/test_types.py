"""The table of notification types."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifier.types import TYPES, Severity, type_of
from tradewinds.errors import InvalidArgumentError


def test_how_an_order_ended_is_kept_and_a_partial_fill_is_only_told() -> None:
    assert type_of("ORDER_EXECUTED").persisted
    assert not type_of("ORDER_PARTIALLY_FILLED").persisted


def test_a_callers_own_type_is_kept_and_never_more_than_good_to_know() -> None:
    own = type_of("CUSTOM_LUNCH")
    assert own.persisted
    assert own.severity is Severity.INFO


def test_an_unknown_type_is_refused_with_the_near_ones() -> None:
    with pytest.raises(InvalidArgumentError, match="did you mean ORDER_EXECUTED") as refused:
        type_of("ORDER_EXCUTED", "requests[1].type")
    assert refused.value.reason == "UNKNOWN_TYPE"
    assert refused.value.violations[0].field == "requests[1].type"


@pytest.mark.parametrize("name", ["CUSTOM_", "CUSTOM_lunch", "CUSTOM_A B", "CUSTOM_" + "A" * 58])
def test_a_malformed_type_of_ones_own_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="capital letters"):
        type_of(name)


def test_what_resembles_nothing_is_refused_with_the_whole_list() -> None:
    with pytest.raises(InvalidArgumentError, match="BROKER_LOGIN_FAILED"):
        type_of("")


def test_every_type_is_told_by_somebody() -> None:
    root = Path(__file__).resolve().parents[3]
    sources = [file for folder in ("engine_server", "notifier") for file in (root / folder).rglob("*.py")]
    told = "".join(file.read_text() for file in sources if file.name != "types.py")
    assert [name for name in TYPES if f'"{name}"' not in told and f"'{name}'" not in told] == []
