"""What an update makes of parameters."""

from __future__ import annotations

import pytest

from engine_server.fleet.domain.parameters import is_live, merged

BASE = {"symbols": ["NSE:TCS-EQ"], "interval": 5, "threshold": 1.5}
SCHEMA = {"properties": {"threshold": {"type": "number", "live": True}, "interval": {"type": "integer"}}}


def test_without_a_mask_what_is_given_is_changed() -> None:
    assert merged(BASE, {"interval": 10}, []) == {**BASE, "interval": 10}


def test_a_mask_leaves_the_rest_alone_and_takes_back_what_has_no_value() -> None:
    assert merged(BASE, {"interval": 10, "threshold": 9.0}, ["interval"]) == {**BASE, "interval": 10}
    assert merged(BASE, {}, ["threshold"]) == {"symbols": ["NSE:TCS-EQ"], "interval": 5}


@pytest.mark.parametrize(
    ("after", "live"),
    [
        ({**BASE, "threshold": 2.0}, True),
        ({**BASE, "interval": 10}, False),
        ({**BASE, "threshold": 2.0, "interval": 10}, False),
        ({**BASE, "symbols": []}, False),
    ],
)
def test_a_change_is_live_when_everything_that_differs_is(after: dict[str, object], live: bool) -> None:
    assert is_live(BASE, after, SCHEMA) is live


def test_a_class_without_a_schema_has_nothing_live() -> None:
    assert not is_live(BASE, {**BASE, "threshold": 2.0}, {})
