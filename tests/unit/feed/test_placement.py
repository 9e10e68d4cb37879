"""Which instrument is on which socket, and what is left for the rotation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine_server.feed.placement import SOCKET_QUOTA, Placement, place
from tests.unit.feed.instruments import instrument
from tradewinds.instruments import Instrument

ALL = {i.key: i for i in (instrument(f"NSE:S{n}-EQ", str(n)) for n in range(12))}
KEYS = list(ALL)
NOWHERE: list[set[str]] = [set(), set()]


def wanted(count: int) -> dict[str, Instrument]:
    return dict(list(ALL.items())[:count])


def keys(placement: Placement) -> list[list[str]]:
    return [list(socket) for socket in placement.sockets]


def test_new_ones_go_to_the_emptiest() -> None:
    assert keys(place(wanted(4), [10, 10], NOWHERE)) == [[KEYS[0], KEYS[2]], [KEYS[1], KEYS[3]]]
    assert keys(place(wanted(3), [10, 10], [{KEYS[0], KEYS[1]}, set()])) == [KEYS[:2], [KEYS[2]]]


def test_each_stays_on_its_socket() -> None:
    there = [{KEYS[3], KEYS[1]}, {KEYS[0]}]
    assert keys(place(wanted(4), [10, 10], there)) == [[KEYS[1], KEYS[3]], [KEYS[0], KEYS[2]]]


def test_what_does_not_fit_is_rotated_the_last_first() -> None:
    placement = place(wanted(5), [2, 2], NOWHERE)
    assert placement.streamed == set(KEYS[:4])
    assert list(placement.rotated) == [KEYS[4]]


def test_a_more_urgent_one_takes_the_place_of_the_last() -> None:
    urgent_first = {KEYS[9]: ALL[KEYS[9]], **wanted(4)}
    placement = place(urgent_first, [2, 2], [set(KEYS[:2]), set(KEYS[2:4])])
    assert keys(placement) == [KEYS[:2], [KEYS[2], KEYS[9]]]
    assert list(placement.rotated) == [KEYS[3]]


def test_a_socket_that_cannot_be_used_gives_its_instruments_away() -> None:
    placement = place(wanted(5), [0, 3], [{KEYS[0], KEYS[1]}, {KEYS[2]}])
    assert keys(placement) == [[], [KEYS[2], KEYS[0], KEYS[1]]]
    assert list(placement.rotated) == KEYS[3:5]


def test_what_the_broker_refused_is_rotated_though_there_is_room() -> None:
    placement = place(wanted(3), [10], [set(KEYS[:3])], {KEYS[1]})
    assert (placement.streamed, list(placement.rotated)) == (frozenset({KEYS[0], KEYS[2]}), [KEYS[1]])


@given(
    st.lists(st.sampled_from(KEYS), unique=True),
    st.lists(st.integers(0, 6), min_size=3, max_size=3),
    st.lists(st.integers(-1, 2), min_size=12, max_size=12),
    st.sets(st.sampled_from(KEYS)),
)
def test_nothing_is_lost_doubled_or_beyond_a_quota(
    chosen: list[str], quotas: list[int], sockets: list[int], refused: set[str]
) -> None:
    current = [{key for key, at in zip(KEYS, sockets, strict=True) if at == number} for number in range(3)]
    placement = place({key: ALL[key] for key in chosen}, quotas, current, refused)
    placed = [key for socket in placement.sockets for key in socket]
    assert sorted(placed + list(placement.rotated)) == sorted(chosen)
    assert all(len(socket) <= quota for socket, quota in zip(placement.sockets, quotas, strict=True))
    assert len(placed) == min(sum(quotas), len(set(chosen) - refused))


def test_two_thousand_and_a_hundred_on_two_sockets_leave_a_hundred_and_the_places_of_the_canaries() -> None:
    many = {i.key: i for i in (instrument(f"NSE:S{n}-EQ", str(n)) for n in range(2_100))}
    placement = place(many, [SOCKET_QUOTA - 1] * 2, NOWHERE)
    assert [len(socket) for socket in placement.sockets] == [999, 999]
    assert list(placement.rotated) == list(many)[1_998:]
