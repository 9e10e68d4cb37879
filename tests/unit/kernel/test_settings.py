"""Settings name the variable and the remedy, are frozen, and never show a secret."""

from __future__ import annotations

import base64

import pytest

from tradewinds.config import BrokerSettings, DatabaseSettings, LeaseSettings, SealSettings, load
from tradewinds.errors import ConfigurationError


def test_a_missing_variable_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(ConfigurationError, match=r"DATABASE_URL.*set it to postgresql://"):
        load(DatabaseSettings)


@pytest.mark.parametrize("value", ["short", base64.b64encode(b"x" * 16).decode()])
def test_a_bad_seal_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SEAL_KEY", value)
    with pytest.raises(ConfigurationError, match="SEAL_KEY") as refused:
        load(SealSettings)
    assert value not in str(refused.value)


def test_credentials_never_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_REST_URL", "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="BROKER_REST_URL must start with https://"):
        load(BrokerSettings)


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@127.0.0.1/db")
    settings = load(DatabaseSettings)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(settings.model_dump(mode="json"))


@pytest.mark.parametrize("ttl", ["0.5", "6", "60"])
def test_a_runner_stops_itself_before_anyone_else_gets_its_work(monkeypatch: pytest.MonkeyPatch, ttl: str) -> None:
    monkeypatch.setenv("LEASE_TTL_SECONDS", ttl)
    lease = load(LeaseSettings)
    assert lease.heartbeat_seconds * 3 <= lease.gate_close_seconds
    assert lease.flush_seconds < lease.heartbeat_seconds
    assert lease.gate_close_seconds < lease.ttl_seconds < lease.ttl_seconds + lease.grace_seconds


@pytest.mark.parametrize(
    "settings",
    [
        {"LEASE_GATE_CLOSE_SECONDS": "6"},
        {"LEASE_GATE_CLOSE_SECONDS": "5.5", "LEASE_GRACE_SECONDS": "0"},
        {"LEASE_TTL_SECONDS": "4", "LEASE_GATE_CLOSE_SECONDS": "4.5"},
    ],
)
def test_a_gate_that_could_be_open_when_the_work_is_given_away_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"LEASE_GATE_CLOSE_SECONDS: a gate that closes .* raise LEASE_TTL"):
        load(LeaseSettings)


def test_a_gate_that_one_lost_heartbeat_would_close_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE_HEARTBEAT_SECONDS", "2")
    with pytest.raises(
        ConfigurationError, match=r"LEASE_GATE_CLOSE_SECONDS: 4.5 s is less than three heartbeats of 2 s"
    ):
        load(LeaseSettings)


def test_times_of_the_lease_can_be_set_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HEARTBEAT", "0.5"), ("GATE_CLOSE", "3"), ("GRACE", "0")):
        monkeypatch.setenv(f"LEASE_{name}_SECONDS", value)
    lease = load(LeaseSettings)
    assert (lease.heartbeat_seconds, lease.gate_close_seconds, lease.grace_seconds) == (0.5, 3.0, 0.0)
    assert lease.flush_seconds < lease.heartbeat_seconds
