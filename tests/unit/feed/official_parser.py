"""The parser of the official client (smartapi-python), without its constructor, which writes log files, and without the
network: importing the package asks api.ipify.org for our address.
"""

from __future__ import annotations

from typing import Any
from unittest import mock

import requests

with (
    mock.patch.object(requests, "get", side_effect=requests.ConnectionError("no network in tests")),
    mock.patch("logzero.logfile"),
):
    from SmartApi.smartWebSocketV2 import SmartWebSocketV2


def parse(frame: bytes) -> dict[str, Any]:
    """What the official client makes of a binary frame."""
    client = SmartWebSocketV2.__new__(SmartWebSocketV2)
    parsed: dict[str, Any] = client._parse_binary_data(frame)
    return parsed
