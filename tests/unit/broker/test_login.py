"""What a login's answer means, and that no secret is in what is said about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine_server.broker.angel_one.credentials import Credentials, seal_credentials, unseal_credentials
from engine_server.broker.angel_one.evidence import Evidence
from engine_server.broker.angel_one.login import one_time_password, tokens_of
from engine_server.broker.angel_one.sessions import BrokerSession, SessionTokens
from engine_server.broker.port import BrokerError, LoginRefusedError
from tradewinds.errors import ConfigurationError

# RFC 6238 appendix B's secret ("12345678901234567890"), SHA-1; six of its eight digits.
MINE = Credentials("D12345", "4821", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "key-of-mine")
KEY = bytes(range(32))


def answer(content: dict[str, Any], status: int = 200) -> Evidence:
    return Evidence(begun=True, http_status=status, body=json.dumps(content).encode())


def tokens(**other: Any) -> dict[str, Any]:
    return {"jwtToken": "j.w.t", "refreshToken": "r", "feedToken": "f", **other}


@pytest.mark.parametrize(("at", "password"), [(59, "287082"), (1111111109, "081804"), (20000000000, "353130")])
def test_the_one_time_password_is_rfc_6238s_at_the_real_time(at: int, password: str) -> None:
    assert one_time_password(MINE, datetime.fromtimestamp(at, UTC)) == password


@pytest.mark.parametrize(
    ("secret", "problem"),
    [("not!base32", "TOTP secret is not base32"), ("GEZDGNBV", "TOTP secret is too short"), ("", "too short")],
)
def test_a_secret_that_cannot_be_one_is_a_refused_login_that_does_not_quote_it(secret: str, problem: str) -> None:
    with pytest.raises(LoginRefusedError, match=problem) as raised:
        one_time_password(Credentials("D1", "1234", secret, "k"), datetime.now(UTC))
    assert not secret or secret not in repr(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None


@pytest.mark.parametrize("jwt", ["j.w.t", "Bearer j.w.t"])
def test_tokens_are_kept_raw(jwt: str) -> None:
    content = {"status": True, "message": "SUCCESS", "errorcode": "", "data": tokens(jwtToken=jwt)}
    assert tokens_of(answer(content), MINE) == SessionTokens("j.w.t", "r", "f", "D12345", "key-of-mine")


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        ("AB1050", "Invalid totp", "clock is right"),
        ("AB1050", "Invalid totp", "PIN has four digits"),
        ("AB1007", "Login Id or password is invalid", "client code and PIN"),
        ("AB1006", "Client Is Block For Trading", "blocked"),
        ("AG8004", "Invalid API Key", "API key"),
        ("AB1999", "something new", "client code, PIN, TOTP secret and API key"),
    ],
)
def test_a_refusal_has_the_brokers_words_and_what_to_check(code: str, message: str, advice: str) -> None:
    for content in (
        {"status": False, "message": message, "errorcode": code, "data": None},
        {"success": False, "message": message, "errorCode": code, "data": ""},
    ):
        with pytest.raises(LoginRefusedError) as raised:
            tokens_of(answer(content), MINE)
        assert f"{message} ({code})" in raised.value.message
        assert advice in raised.value.message
        assert raised.value.reason == "BROKER_LOGIN_REFUSED"


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(begun=False, failure="the egress is down"),
        Evidence(begun=True, failure="no whole answer"),
        Evidence(begun=True, http_status=403, body=b"Access denied because of exceeding access rate"),
        answer({"status": False, "message": "Something Went Wrong", "errorcode": "AB1004", "data": None}),
        answer({"status": True, "data": tokens()}, 502),
        answer({"status": True, "data": tokens(feedToken="")}),
        answer({"status": True, "data": tokens(jwtToken="a\nb")}),
        answer({"status": True, "data": None}),
    ],
)
def test_what_is_no_clear_answer_is_not_called_a_refusal(evidence: Evidence) -> None:
    with pytest.raises(BrokerError) as raised:
        tokens_of(evidence, MINE)
    assert not isinstance(raised.value, LoginRefusedError)


def test_credentials_come_back_from_their_seal_and_only_for_their_account() -> None:
    sealed = seal_credentials(KEY, "ACC1", MINE)
    assert MINE.pin.encode() not in sealed
    assert unseal_credentials(KEY, "ACC1", sealed) == MINE
    with pytest.raises(ConfigurationError):
        unseal_credentials(KEY, "ACC2", sealed)


def test_secrets_are_not_in_the_text_of_credentials_or_sessions() -> None:
    session = BrokerSession(SessionTokens("j.w.t", "refresh", "feed", "D12345", "key-of-mine"), datetime.now(UTC))
    for secret in ("4821", MINE.totp_secret, "key-of-mine", "j.w.t", "refresh'", "feed'"):
        assert secret not in repr(MINE) + repr(session)


@pytest.mark.parametrize("api_key", ["", "a\nb", "clé"])
def test_a_key_that_no_header_can_carry_is_refused_at_once(api_key: str) -> None:
    with pytest.raises(ValueError, match="api_key"):
        Credentials("D12345", "1234", "ABCDEFGH", api_key)


def test_a_session_ends_with_its_day_in_india() -> None:
    session = BrokerSession(SessionTokens("j", "r", "f", "c", "k"), datetime(2026, 11, 22, 18, 0, tzinfo=UTC))
    assert session.is_of_day(datetime(2026, 11, 22, 18, 29, tzinfo=UTC))
    assert not session.is_of_day(datetime(2026, 11, 22, 18, 30, tzinfo=UTC))
