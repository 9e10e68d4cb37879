"""The one instant after which bytes may have left."""

from __future__ import annotations

import socket

import pytest

from engine_server.broker.angel_one.call import Call


@pytest.fixture
def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair()


@pytest.fixture(autouse=True)
def _close(pair: tuple[socket.socket, socket.socket]) -> object:
    yield
    for end in pair:
        end.close()


def test_given_up_before_it_began_a_call_never_begins(pair: tuple[socket.socket, socket.socket]) -> None:
    call = Call(5, 9)
    assert call.abandon() is False
    assert call.begin(pair[0]) is False
    assert not call.begun


def test_given_up_after_it_began_the_waiting_side_is_woken(pair: tuple[socket.socket, socket.socket]) -> None:
    call = Call(5, 9)
    assert call.begin(pair[0])
    assert call.abandon() is True
    assert pair[0].recv(1) == b""
    assert call.end() is False


def test_what_has_begun_by_its_time_goes_on(pair: tuple[socket.socket, socket.socket]) -> None:
    begun, waiting = Call(5, 9), Call(5, 9)
    assert begun.begin(pair[0])
    assert begun.abandon_unless_begun() is True
    assert begun.end() is True
    assert waiting.abandon_unless_begun() is False
    assert waiting.begin(pair[0]) is False


def test_after_its_end_a_call_leaves_the_socket_alone(pair: tuple[socket.socket, socket.socket]) -> None:
    call = Call(5, 9)
    assert call.begin(pair[0])
    assert call.end() is True
    call.abandon()
    pair[1].send(b"x")
    assert pair[0].recv(1) == b"x"


def test_past_its_time_to_begin_a_call_does_not_begin(pair: tuple[socket.socket, socket.socket]) -> None:
    assert Call(0, 9).begin(pair[0]) is False


def test_a_call_sends_one_request(pair: tuple[socket.socket, socket.socket]) -> None:
    call = Call(5, 9)
    assert call.begin(pair[0])
    with pytest.raises(RuntimeError, match="one request"):
        call.begin(pair[0])
