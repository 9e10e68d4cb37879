"""What the egress reads out of a request head, and what it refuses."""

from __future__ import annotations

from http import HTTPStatus

import pytest

from engine_server.egress.connect_request import ConnectRequest, FenceRequest, Target, TunnelRefusedError, read_request
from engine_server.egress.settings import EgressSettings
from tradewinds.config import load
from tradewinds.errors import ConfigurationError

BROKER = Target("apiconnect.angelone.in", 443)
WHO = ("X-Tradewinds-Account: ACC1", "X-Tradewinds-Epoch: 7")


def head(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def refusal(*lines: str) -> TunnelRefusedError:
    with pytest.raises(TunnelRefusedError) as raised:
        read_request(head(*lines), {BROKER})
    return raised.value


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connect_with_account_and_epoch_to_an_allowed_target_is_read(version: str) -> None:
    request = read_request(head(f"CONNECT APIconnect.angelone.in:443 HTTP/{version}", "Host: x", *WHO), {BROKER})
    assert request == ConnectRequest(BROKER, "ACC1", 7)


def test_header_names_are_read_in_any_case() -> None:
    lines = ("x-tradewinds-ACCOUNT:ACC1", "X-TRADEWINDS-epoch: 12 ")
    request = read_request(head("CONNECT apiconnect.angelone.in:443 HTTP/1.1", *lines), {BROKER})
    assert request == ConnectRequest(BROKER, "ACC1", 12)


def test_a_fence_is_asked_for_by_account_epoch_and_owner() -> None:
    request = read_request(head("POST /fence HTTP/1.1", *WHO, "X-Tradewinds-Owner: engine-1"), {BROKER})
    assert request == FenceRequest("ACC1", 7, "engine-1")
    with pytest.raises(TunnelRefusedError, match="X-Tradewinds-Owner is missing"):
        read_request(head("POST /fence HTTP/1.1", *WHO), {BROKER})


@pytest.mark.parametrize(
    ("lines", "status", "text"),
    [
        (("CONNECT evil.example:443 HTTP/1.1", *WHO), 403, "evil.example:443 is not one of the allowed"),
        (("CONNECT apiconnect.angelone.in:80 HTTP/1.1", *WHO), 403, "apiconnect.angelone.in:80 is not"),
        (("CONNECT apiconnect.angelone.in:443 HTTP/1.1", WHO[1]), 403, "X-Tradewinds-Account is missing"),
        (("CONNECT apiconnect.angelone.in:443 HTTP/1.1", WHO[0]), 403, "X-Tradewinds-Epoch is missing"),
        (("CONNECT a:443 HTTP/1.1", WHO[0], "X-Tradewinds-Epoch: seven"), 400, "Epoch is not a whole number"),
        (("CONNECT a:443 HTTP/1.1", WHO[0], "X-Tradewinds-Epoch: -1"), 400, "Epoch is not a whole number"),
        (("CONNECT a:443 HTTP/1.1", WHO[1], "X-Tradewinds-Account: a b"), 400, "not an account id"),
        (("CONNECT a:443 HTTP/1.1", *WHO, WHO[1]), 400, "x-tradewinds-epoch is there twice"),
        (("CONNECT a:443 HTTP/1.1", "no colon", *WHO), 400, "header line is malformed"),
        (("CONNECT a:443 HTTP/1.1", *WHO, " folded: line"), 400, "header line is malformed"),
        (("GET http://apiconnect.angelone.in/ HTTP/1.1", *WHO), 400, "not GET"),
        (("CONNECT apiconnect.angelone.in HTTP/1.1", *WHO), 400, "needs host:port"),
        (("CONNECT apiconnect.angelone.in:0 HTTP/1.1", *WHO), 400, "needs host:port"),
        (("CONNECT apiconnect.angelone.in:70000 HTTP/1.1", *WHO), 400, "needs host:port"),
        (("\x16\x03\x01\x02", *WHO), 400, "not an HTTP/1 request"),
        (("CONNECT a:443 HTTP/1.1", f"X-Long: {'a' * 9000}", *WHO), 400, "longer than 8192 bytes"),
    ],
)
def test_what_is_refused_says_why(lines: tuple[str, ...], status: int, text: str) -> None:
    error = refusal(*lines)
    assert error.status == HTTPStatus(status)
    assert text in error.text


def test_a_refusal_stays_one_short_line_whatever_was_asked_for() -> None:
    error = refusal(f"CONNECT {'x' * 7000}\x0b HTTP/1.1", *WHO)
    assert len(error.text) <= 300
    assert error.text.isprintable()


def test_an_ipv6_target_is_written_in_brackets() -> None:
    assert Target.parse("[::1]:443") == Target("::1", 443)
    assert str(Target("::1", 443)) == "[::1]:443"


def test_the_allowed_targets_default_to_angel_ones_rest_and_order_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EGRESS_ALLOWED", raising=False)
    assert load(EgressSettings).targets() == {BROKER, Target("tns.angelone.in", 443)}


@pytest.mark.parametrize(("value", "problem"), [("localhost", "is not host:port"), (" , ", "names no target")])
def test_a_garbled_allow_list_stops_the_start_and_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, value: str, problem: str
) -> None:
    monkeypatch.setenv("EGRESS_ALLOWED", value)
    with pytest.raises(ConfigurationError, match=f"EGRESS_ALLOWED.*{problem}"):
        load(EgressSettings)
