"""`tradewinds alerts add`: what is typed becomes what the contract says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from tradewinds.cli import alerts as command
from tradewinds.v1 import price_alert_pb2 as pb


class _Link:
    """A connection that keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.notifier = self

    def __getattr__(self, _name: str) -> None:
        return None

    def call(self, _method: Any, request: Any) -> Any:
        self.asked.append(request)
        return request.price_alert


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> _Link:
    link = _Link()

    def with_connection(_state_dir: object, act: Callable[[Any], Any]) -> Any:
        return act(link)

    monkeypatch.setattr(command, "with_connection", with_connection)
    return link


def add(*words: str) -> Any:
    return CliRunner().invoke(command.alerts, ["add", *words])


@pytest.mark.parametrize(
    ("words", "alert"),
    [
        (
            ["SBIN", "crosses-up", "800"],
            pb.PriceAlert(condition=pb.PRICE_ALERT_CONDITION_CROSSES_UP, threshold="800"),
        ),
        (
            ["SBIN", "leaves-channel", "790", "810", "--every", "time", "--cooldown", "30"],
            pb.PriceAlert(
                condition=pb.PRICE_ALERT_CONDITION_LEAVES_CHANNEL,
                lower="790",
                upper="810",
                frequency=pb.PRICE_ALERT_FREQUENCY_EVERY_TIME,
                cooldown_seconds=30,
            ),
        ),
        (
            ["SBIN", "moves-percent", "1.5%", "--every", "day", "--reference", "last-price"],
            pb.PriceAlert(
                condition=pb.PRICE_ALERT_CONDITION_MOVES_PERCENT,
                percent="1.5",
                reference=pb.PRICE_ALERT_REFERENCE_LAST_PRICE,
                frequency=pb.PRICE_ALERT_FREQUENCY_ONCE_A_DAY,
            ),
        ),
        (
            ["SBIN", "falls-from-high", "12", "--every", "5m"],
            pb.PriceAlert(
                condition=pb.PRICE_ALERT_CONDITION_FALLS_FROM_HIGH,
                distance="12",
                frequency=pb.PRICE_ALERT_FREQUENCY_ONCE_PER_BAR,
                bar_interval="5m",
            ),
        ),
        (
            ["SBIN", "above", "5000", "--measure", "volume"],
            pb.PriceAlert(
                condition=pb.PRICE_ALERT_CONDITION_ABOVE, threshold="5000", measure=pb.PRICE_ALERT_MEASURE_VOLUME
            ),
        ),
    ],
)
def test_words_become_a_request(link: _Link, words: list[str], alert: pb.PriceAlert) -> None:
    result = add(*words)
    assert result.exit_code == 0, result.output
    alert.instrument = "SBIN"
    alert.measure = alert.measure or pb.PRICE_ALERT_MEASURE_PRICE
    alert.frequency = alert.frequency or pb.PRICE_ALERT_FREQUENCY_ONCE
    assert link.asked[0].price_alert == alert
    assert link.asked[0].request_id


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["SBIN", "crosses-sideways", "800"], "crosses-up"),
        (["SBIN", "leaves-channel", "790"], "takes 2, 1 were given"),
        (["SBIN", "above", "1", "--every", "week"], "once, time, day, 1m"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_ones(link: _Link, words: list[str], remedy: str) -> None:
    result = add(*words)
    assert result.exit_code == 2
    assert remedy in " ".join(result.output.replace("│", " ").split())
    assert not link.asked
