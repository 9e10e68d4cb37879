"""What a strategy is told from outside."""

from __future__ import annotations

from typing import Any

import msgspec


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """`data` is the JSON object that was sent, `sender` who sent it; `id` is the command's, as in `strategies commands`."""

    id: str
    data: dict[str, Any]
    sender: str
