"""No secret leaves in a log line, wherever it hides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tradewinds.telemetry import redact

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "event",
    [
        {"password": CANARY},
        {"totp": CANARY},
        {"settings": {"seal_key": CANARY, "nested": {"api_key": CANARY}}},
        {"headers": {"Authorization": f"Bearer {CANARY}"}},
        {"error": f"cannot reach postgresql://user:{CANARY}@127.0.0.1/db"},
        {"error": f"refused: Bearer {CANARY}"},
        {"items": [{"refresh_token": CANARY}]},
        {"body": "eyJhbGciOiJFUzI1NiJ9.canary-7f3a.x"},
    ],
)
def test_a_planted_secret_is_redacted(event: dict[str, Any]) -> None:
    assert CANARY not in json.dumps(redact(None, "info", event))


def test_the_rest_of_a_line_is_left_as_it_is() -> None:
    event = {"action": "oms.order.placed", "order_id": "ord-1", "price": "1400.05", "url": "redis://127.0.0.1:1/0"}
    assert redact(None, "info", dict(event)) == event
