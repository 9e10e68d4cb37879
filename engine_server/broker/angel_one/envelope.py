"""The broker's answer envelope, in both of its dialects (protocol §1.3), read into one form.

Order and portfolio services say `status` and `errorcode`, the gateway says `success` and `errorCode`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn


@dataclass(frozen=True)
class Envelope:
    """`ok` is None where the answer says neither yes nor no. Numbers with a fraction in `data` are `Decimal`."""

    ok: bool | None
    code: str
    message: str
    data: Any


def read_envelope(body: bytes) -> Envelope | None:
    """The envelope in `body`; None where it is no JSON object (a WAF page, the access-rate text, nothing at all)."""
    try:
        content = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    return Envelope(
        ok=_verdict(content),
        code=str(content.get("errorcode") or content.get("errorCode") or "").strip().upper(),
        message=" ".join(str(content.get("message") or "").split())[:300],
        data=content.get("data"),
    )


def _verdict(content: dict[str, Any]) -> bool | None:
    said = {content[key] for key in ("status", "success") if isinstance(content.get(key), bool)}
    return said.pop() if len(said) == 1 else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
