"""What is compiled says the same whether its code can be kept or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numba.core import caching

from notifier.compiled import OCTETS, compiled


def _sum(octets: Any) -> Any:
    total = 0
    for place in range(len(octets)):
        total += octets[place]
    return total


def test_without_a_place_to_write_to_it_is_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled(OCTETS)(_sum)(np.frombuffer(b"\x01\x02\xff", np.uint8)) == 258
