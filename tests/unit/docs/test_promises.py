"""The tests that the tables of promises name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from notifier.heartbeat import HeartbeatSettings
from notifier.provider_settings import ProviderSettings
from notifier.settings import NotifierSettings, OutsideSettings, PhoneSettings
from notifier.types import TYPES, DeliveryClass
from tradewinds.embedded.layout import NOTIFIER_SETTINGS

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = ROOT / "docs" / "reference"


@pytest.mark.parametrize("document", ["notifier.md", "broker.md"])
def test_every_promise_names_tests_that_exist(document: str) -> None:
    text = (REFERENCE / document).read_text()
    named = re.findall(r"`(tests/[\w/]+(?:\.py)?)(?:::(\w+))?`", text)
    assert named
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).exists() or (test and f"def {test}(" not in (ROOT / file).read_text())
    ]
    assert missing == []
    for table in text.split("\n## "):
        rows = re.findall(r"^\| (\d+) \|.*\| (.+) \|$", table, re.MULTILINE)
        assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
        assert all("::" in tests for _, tests in rows)


def test_every_dependency_is_pinned_by_hash() -> None:
    requirements = re.split(r"\n(?=\w)", (ROOT / "requirements.lock").read_text())
    pinned = [one for one in requirements if re.match(r"[\w.\-\[\]]+==", one)]
    assert any(one.startswith("smartapi-python==1.5.5 ") for one in pinned)
    assert [one.splitlines()[0] for one in pinned if "--hash=sha256:" not in one] == []
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text()


def test_what_the_order_management_promises_names_tests_that_exist() -> None:
    named = re.findall(
        r"`((?:unit|integration|robustness)/[\w/]+\.py)(?:::(\w+))?`", (REFERENCE / "oms.md").read_text()
    )
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / "tests" / file).exists()
        or (test and f"def test_{test}(" not in (ROOT / "tests" / file).read_text())
    ]
    assert missing == []
    assert len(named) > 80


def test_every_type_that_is_told_is_in_the_reference_with_its_class() -> None:
    words = {
        DeliveryClass.REALTIME: "realtime",
        DeliveryClass.PERSISTED: "kept",
        DeliveryClass.MUST_ACKNOWLEDGE: "must be acknowledged",
    }
    table = (REFERENCE / "notifier.md").read_text().partition("## What of the system is told")[2]
    said: dict[str, str] = {}
    for types, class_, tests in re.findall(
        r"^\| (`[A-Z_`, ]+`) \| .* \| ([a-z; ]+) \| (`tests.*) \|$", table, re.MULTILINE
    ):
        names, classes = re.findall(r"[A-Z_]+", types), class_.split("; ")
        assert [name for name in names if name not in _text_of(re.findall(r"`(tests/[\w/.]+)`", tests))] == []
        said |= dict(zip(names, classes if len(classes) > 1 else classes * len(names), strict=True))
    assert said == {name: words[kind.delivery_class] for name, kind in TYPES.items()}


def test_what_the_how_tos_say_of_the_notifier_may_be_set_beside_up() -> None:
    aliases = {
        str(field.validation_alias)
        for settings in (NotifierSettings, OutsideSettings, PhoneSettings, ProviderSettings, HeartbeatSettings)
        for field in settings.model_fields.values()
    }
    told = "".join(file.read_text() for file in (ROOT / "docs" / "how-to").glob("*.md"))
    named = {name for name in aliases if re.search(rf"\b{name}\b", told)}
    assert len(named) > 10
    assert named <= set(NOTIFIER_SETTINGS)


def _text_of(paths: list[str]) -> str:
    files = [
        file for path in paths for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("*.py"))
    ]
    return "".join(file.read_text() for file in files)
