"""Where a mutation's request id comes from."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tradewinds.errors import InvalidArgumentError
from tradewinds.idempotency import request_id_of
from tradewinds.v1.trading_pb2 import PlaceOrderRequest


@dataclass(frozen=True)
class Context:
    """The one part of a servicer's context that is read."""

    metadata: tuple[tuple[str, str], ...] = ()

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return self.metadata


def test_the_field_is_used_when_there_is_no_header() -> None:
    assert request_id_of(PlaceOrderRequest(request_id="a"), Context()) == "a"


def test_the_header_is_used_when_the_field_is_empty() -> None:
    assert request_id_of(PlaceOrderRequest(), Context((("idempotency-key", "b"),))) == "b"


def test_neither_is_an_empty_id() -> None:
    assert request_id_of(PlaceOrderRequest(), Context()) == ""


def test_a_field_and_a_header_that_differ_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'a'.*'b'") as refused:
        request_id_of(PlaceOrderRequest(request_id="a"), Context((("idempotency-key", "b"),)))
    assert refused.value.violations[0].field == "request_id"
