"""Sealed bytes open with their own key, for their own purpose, unchanged; nothing else opens them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewinds.errors import ConfigurationError
from tradewinds.seal import seal, unseal

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.binary(max_size=500))
def test_what_is_sealed_comes_back(plain: bytes) -> None:
    assert unseal(KEY, "credentials:A", seal(KEY, "credentials:A", plain)) == plain


def test_two_seals_of_one_secret_differ() -> None:
    assert seal(KEY, "p", b"pin") != seal(KEY, "p", b"pin")


def test_another_key_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="SEAL_KEY"):
        unseal(OTHER, "credentials:A", seal(KEY, "credentials:A", b"pin"))


def test_one_accounts_secret_cannot_take_anothers_place() -> None:
    with pytest.raises(ConfigurationError, match="credentials:B"):
        unseal(KEY, "credentials:B", seal(KEY, "credentials:A", b"pin"))


@given(st.integers(min_value=1), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_noticed(position: int, flip: int) -> None:
    sealed = bytearray(seal(KEY, "p", b"a secret"))
    sealed[position % (len(sealed) - 1) + 1] ^= flip
    with pytest.raises(ConfigurationError):
        unseal(KEY, "p", bytes(sealed))


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(ConfigurationError, match="version"):
        unseal(KEY, "p", b"\x02" + seal(KEY, "p", b"x")[1:])
