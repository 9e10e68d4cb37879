"""The fault register: names, counts, chances, filters, and what people write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sandbox
from sandbox.errors import BadInputError
from sandbox.faults.names import FaultName
from sandbox.faults.reading import BadFaultError, read_fault, read_faults_file
from sandbox.faults.register import Fault, FaultRequest, Faults

PLACE = "/rest/secure/angelbroking/order/v1/placeOrder"


def taken_of(faults: Faults, name: str, times: int, route: str = PLACE) -> int:
    return sum(faults.take(name, route) is not None for _ in range(times))


def test_a_fault_without_count_or_probability_strikes_once() -> None:
    faults = Faults(1)
    faults.add(read_fault({"fault": "refuse_403"}))
    assert taken_of(faults, "refuse_403", 5) == 1
    assert faults.standing() == []


def test_a_count_is_used_up_and_a_probability_stands_for_ever() -> None:
    faults = Faults(1)
    faults.add(read_fault({"fault": "ws_drop", "count": 3}))
    faults.add(read_fault({"fault": "ws_close", "probability": 0.25}))
    assert taken_of(faults, "ws_drop", 10) == 3
    assert 150 < taken_of(faults, "ws_close", 1000) < 350
    assert [s["fault"] for s in faults.standing()] == ["ws_close"]


def test_the_same_seed_strikes_at_the_same_times_whatever_else_is_drawn() -> None:
    def strikes(seed: int, with_other: bool) -> list[bool]:
        faults = Faults(seed)
        faults.add(FaultRequest(FaultName.WS_DROP, count=None, probability=0.5))
        faults.add(FaultRequest(FaultName.WS_CLOSE, count=None, probability=0.5))
        answer = []
        for _ in range(64):
            if with_other:
                faults.take("ws_close")
            answer.append(faults.take("ws_drop") is not None)
        return answer

    assert strikes(7, with_other=False) == strikes(7, with_other=True)
    assert strikes(7, with_other=False) != strikes(8, with_other=False)


def test_a_route_is_a_whole_path_or_its_last_part() -> None:
    faults = Faults(1)
    for route in ("placeOrder", PLACE):
        faults.add(read_fault({"fault": "latency", "route": route, "count": 1}))
    assert taken_of(faults, "latency", 3, PLACE.replace("place", "cancel")) == 0
    assert taken_of(faults, "latency", 3) == 2


def test_who_keeps_the_truth_hears_of_a_fault_before_it_is_carried_out() -> None:
    heard: list[Fault] = []
    faults = Faults(1, heard.append)
    fault_id = faults.add(read_fault({"fault": "book_lag", "delay_seconds": 2}))
    assert faults.take("book_lag", PLACE) == heard[0]
    assert (heard[0].fault_id, heard[0].delay_seconds, heard[0].route) == (fault_id, 2.0, PLACE)


def test_faults_go_away_one_by_one_or_all_at_once() -> None:
    faults = Faults(1)
    first, second = (faults.add(read_fault({"fault": "overfill"})) for _ in range(2))
    assert faults.remove(first)
    assert not faults.remove(first)
    assert [s["id"] for s in faults.standing()] == [second]
    assert faults.clear() == 1
    assert faults.take("overfill", "NSE:3045") is None


def test_a_name_nobody_knows_cannot_be_taken() -> None:
    faults = Faults(1)
    faults.add(read_fault({"fault": "overfill"}))
    with pytest.raises(ValueError, match="no_such"):
        faults.take("no_such")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], "JSON object"),
        ({"fault": "accept_then_vanish"}, "unknown fault 'accept_then_vanish'; the names are latency, "),
        ({"fault": "ws_drop", "odds": 1}, "unknown field 'odds'; the fields are fault, route, count, "),
        ({"fault": "ws_drop", "count": 0}, "count is a whole number"),
        ({"fault": "ws_drop", "count": True}, "count is a whole number"),
        ({"fault": "ws_drop", "probability": 0}, "probability is a number above 0 to 1; got 0"),
        ({"fault": "ws_drop", "probability": 1.5}, "probability is a number above 0 to 1; got 1.5"),
        ({"fault": "latency", "delay_seconds": -1}, "delay_seconds is a number from 0 to 3600; got -1"),
        ({"fault": "latency", "delay_seconds": float("nan")}, "delay_seconds is a number"),
        ({"fault": "latency", "route": 7}, "route is a text"),
        ({"fault": "latency", "details": {"ratio": "1:2"}}, "unknown detail 'ratio' of latency; it takes none"),
    ],
)
def test_a_bad_fault_is_refused_with_what_would_do(given: object, says: str) -> None:
    with pytest.raises(BadFaultError) as refused:
        read_fault(given)
    assert says in str(refused.value)


def test_a_file_of_faults_is_read_or_refused_by_entry(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"fault": "ws_drop"}, {"fault": "ws_drop", "probability": 0.5}]))
    assert [request.probability for request in read_faults_file(path)] == [1.0, 0.5]
    path.write_text(json.dumps([{"fault": "ws_drop"}, {"fault": "nothing"}]))
    with pytest.raises(BadInputError, match="--faults: entry 2 of"):
        read_faults_file(path)
    path.write_text("{}")
    with pytest.raises(BadInputError, match="not a JSON array"):
        read_faults_file(path)
    with pytest.raises(BadInputError, match="cannot be read"):
        read_faults_file(tmp_path / "missing.json")


def test_every_name_is_asked_for_somewhere() -> None:
    folder = Path(sandbox.__file__).parent
    code = "".join(path.read_text() for path in folder.rglob("*.py") if path.name != "names.py")
    assert [name for name in FaultName if f"FaultName.{name.name}" not in code] == []
