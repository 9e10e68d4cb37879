"""Tags: short, unique, recognised as ours and nobody else's."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from engine_server.oms.domain.tags import LENGTH, Tags
from tradewinds.ids import new_id

TAGS = Tags("ACC1", b"k" * 32)


@given(st.text(min_size=1, max_size=40))
def test_a_tag_fits_the_brokers_field_and_is_recognised(order_id: str) -> None:
    tag = TAGS.of(order_id)
    assert re.fullmatch(r"[A-Z0-9]{19}", tag)
    assert tag == TAGS.of(order_id)
    assert TAGS.is_ours(tag)


def test_tags_of_many_orders_are_unique() -> None:
    assert len({TAGS.of(new_id("ord")) for _ in range(20_000)}) == 20_000


def test_attempts_of_one_order_have_tags_of_their_own() -> None:
    assert TAGS.of("ord-1", "1") != TAGS.of("ord-1", "2")


@given(st.integers(min_value=0, max_value=LENGTH - 1), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_changed_tag_is_not_ours(position: int, character: str) -> None:
    tag = TAGS.of("ord-1")
    changed = tag[:position] + character + tag[position + 1 :]
    assert TAGS.is_ours(changed) == (changed == tag)


def test_another_accounts_or_another_keys_tag_is_not_ours() -> None:
    assert not Tags("ACC2", TAGS.key).is_ours(TAGS.of("ord-1"))
    assert not Tags("ACC1", b"x" * 32).is_ours(TAGS.of("ord-1"))


@given(st.text(max_size=25))
def test_foreign_tags_are_not_ours(tag: str) -> None:
    assert not TAGS.is_ours(tag)
