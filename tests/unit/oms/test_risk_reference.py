"""The reference of the risk rules names what there is."""

from __future__ import annotations

import re
from pathlib import Path

from engine_server.oms.domain.risk.limits import LimitName

_ROOT = Path(__file__).parents[3]
_REFERENCE = (_ROOT / "docs/reference/risk-rules.md").read_text()
_RULES = _ROOT / "engine_server/oms/domain/risk"


def test_every_reason_code_of_the_rules_is_in_the_reference() -> None:
    reasons = {
        reason
        for file in _RULES.glob("*.py")
        for reason in re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', file.read_text())
        if reason not in LimitName.__members__
    }
    assert len(reasons) > 15
    assert [reason for reason in sorted(reasons) if f"`{reason}`" not in _REFERENCE] == []


def test_every_limit_is_in_the_reference() -> None:
    assert [name for name in LimitName if f"`{name}`" not in _REFERENCE] == []
