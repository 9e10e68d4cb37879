"""Page sizes are coerced, tokens are opaque, and what is not ours is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.errors import InvalidArgumentError
from tradewinds.paging import decode_token, encode_token, page_size


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_a_token_gives_back_its_keys(keys: list[str]) -> None:
    assert decode_token(encode_token(*keys), len(keys)) == keys


def test_the_first_page_has_no_token() -> None:
    assert decode_token("", 2) is None


@pytest.mark.parametrize("token", ["abc", "!!!", encode_token("only-one"), "bnVsbA"])
def test_a_token_of_something_else_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgumentError, match="page_token"):
        decode_token(token, 2)


def test_sizes_are_coerced_and_negatives_refused() -> None:
    assert page_size(0) == 50
    assert page_size(7) == 7
    assert page_size(100_000) == 500
    with pytest.raises(InvalidArgumentError, match="page_size"):
        page_size(-1)
