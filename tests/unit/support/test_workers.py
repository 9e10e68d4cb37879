"""How `make test` is shared out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.workers import piece_of_work, stacks_first, workers_for


@pytest.mark.parametrize(
    ("arguments", "workers"),
    [
        (["tests/unit", "tests/e2e"], 4),
        (["tests/unit/oms"], 4),
        (["tests/unit/oms/test_tags.py"], 0),
        (["tests/unit/oms/test_tags.py::test_tags_of_many_orders_are_unique"], 0),
        (["tests/unit/oms/test_tags.py", "tests/unit"], 4),
    ],
)
def test_what_is_named_by_file_needs_no_workers(arguments: list[str], workers: int) -> None:
    assert workers_for(arguments, 4) == workers


def test_whole_stacks_begin_first_and_the_rest_keeps_its_order() -> None:
    names = ["tests/unit/test_b.py::b", "tests/unit/test_a.py::a", "tests/robustness/r.py::r", "tests/e2e/e.py::e"]
    items: list[Any] = [SimpleNamespace(nodeid=name) for name in names]
    stacks_first(items)
    assert [item.nodeid for item in items] == [names[3], names[2], names[0], names[1]]


def test_whole_stacks_are_one_piece_of_work_and_every_other_file_is_one() -> None:
    day, faults = piece_of_work("tests/e2e/test_trading_day.py::a"), piece_of_work("tests/robustness/test_faults.py::b")
    assert day == faults
    assert piece_of_work("tests/unit/oms/test_tags.py::c[1::2]") == "tests/unit/oms/test_tags.py"
