"""Where a client finds the system, and what it says when it does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tradewinds.client.target import Target, find_target
from tradewinds.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRADEWINDS_ADDRESS", "TRADEWINDS_TOKEN", "TRADEWINDS_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_the_running_stack_of_the_state_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"rest": "http://127.0.0.1:8080", "token": "t"}))
    assert find_target(tmp_path) == Target("127.0.0.1:8080", "t")


def test_the_environment_names_a_system_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_ADDRESS", "http://gateway:80/")
    monkeypatch.setenv("TRADEWINDS_TOKEN", "t")
    assert find_target() == Target("gateway:80", "t")


def test_half_of_it_is_refused_naming_the_other_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWINDS_ADDRESS", "gateway:80")
    with pytest.raises(ConfigurationError, match="TRADEWINDS_TOKEN is not set"):
        find_target()


def test_without_a_stack_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no stack is running.*tradewinds up"):
        find_target(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"stack\.json is damaged"):
        find_target(tmp_path)
