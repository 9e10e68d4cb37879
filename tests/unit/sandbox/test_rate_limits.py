"""Access rates: rolling windows per client code."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sandbox.http.endpoints import CANCEL_ORDER, ENDPOINTS, MODIFY_ORDER, PLACE_ORDER, Endpoint
from sandbox.rate_limits import Budget, Rate, RateLimiter


@dataclass
class Stopwatch:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def limiter(watch: Stopwatch) -> RateLimiter:
    return RateLimiter(enabled=True, monotonic=watch)


def admitted(limiter: RateLimiter, endpoint: Endpoint, times: int, client: str = "A") -> int:
    return sum(limiter.admit(client, endpoint.budgets) for _ in range(times))


def test_the_window_rolls_and_does_not_begin_anew_each_second(limiter: RateLimiter, watch: Stopwatch) -> None:
    watch.now = 1000.9
    assert admitted(limiter, PLACE_ORDER, 12) == 9
    watch.now = 1001.8  # another second of the clock, the same rolling one
    assert admitted(limiter, PLACE_ORDER, 12) == 0
    watch.now = 1001.9
    assert admitted(limiter, PLACE_ORDER, 12) == 9


def test_place_modify_and_cancel_have_nine_a_second_together(limiter: RateLimiter) -> None:
    assert admitted(limiter, PLACE_ORDER, 4) == 4
    assert admitted(limiter, MODIFY_ORDER, 3) == 3
    assert admitted(limiter, CANCEL_ORDER, 5) == 2


def test_minutes_and_hours_are_counted_too(watch: Stopwatch) -> None:
    limiter, slow = RateLimiter(enabled=True, monotonic=watch), (Budget("x", Rate(10, 20, 30)),)

    def run(seconds: int) -> int:
        passed = 0
        for _ in range(seconds):
            watch.now += 1
            passed += sum(limiter.admit("A", slow) for _ in range(10))
        return passed

    assert run(10) == 20
    watch.now += 60
    assert run(10) == 10
    watch.now += 3600
    assert run(1) == 10


def test_each_client_has_its_own_and_what_is_refused_does_not_count(limiter: RateLimiter, watch: Stopwatch) -> None:
    assert admitted(limiter, PLACE_ORDER, 20, "A") == 9
    assert admitted(limiter, PLACE_ORDER, 20, "B") == 9
    used = limiter.published()["used"]["A"]
    assert used["orders"]["second"] == {"used": 9, "limit": 9}
    assert used["placeOrder"]["hour"] == {"used": 9, "limit": 1000}
    watch.now += 2
    assert limiter.published()["used"]["A"]["orders"]["second"]["used"] == 0


def test_limits_are_scaled_or_switched_off(watch: Stopwatch) -> None:
    assert admitted(RateLimiter(enabled=False), PLACE_ORDER, 100) == 100
    assert admitted(RateLimiter(enabled=True, multiplier=2, monotonic=watch), PLACE_ORDER, 100) == 18
    assert admitted(RateLimiter(enabled=True, multiplier=0.01, monotonic=watch), PLACE_ORDER, 100) == 1


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("loginByPassword", (1, None, None)),
        ("generateTokens", (1, None, 1000)),
        ("getProfile", (3, None, 1000)),
        ("logout", (1, None, None)),
        ("getRMS", (2, None, None)),
        *((name, (9, 500, 1000)) for name in ("placeOrder", "modifyOrder", "cancelOrder")),
        *((name, (1, None, None)) for name in ("getOrderBook", "getTradeBook", "getPosition", "searchScrip")),
        *((name, (1, None, None)) for name in ("getHolding", "getAllHolding", "optionGreek", "estimateCharges")),
        *((name, (10, 500, 5000)) for name in ("getLtpData", "convertPosition", "details", "quote", "batch")),
        *((name, (10, 500, 5000)) for name in ("ruleDetails", "ruleList")),
        *((name, (9, 500, 5000)) for name in ("createRule", "modifyRule", "cancelRule")),
        *((name, (3, 180, 5000)) for name in ("getCandleData", "getOIData")),
    ],
)
def test_the_brokers_table(name: str, rate: tuple[int | None, ...]) -> None:
    (endpoint,) = {e.name: e for e in ENDPOINTS.values() if e.name == name}.values()
    own = endpoint.budgets[0].rate
    assert (own.per_second, own.per_minute, own.per_hour) == rate


def test_only_the_six_order_routes_ask_for_a_registered_address() -> None:
    assert {e.name for e in ENDPOINTS.values() if e.from_registered_address} == {
        *("placeOrder", "modifyOrder", "cancelOrder"),
        *("createRule", "modifyRule", "cancelRule"),
    }
