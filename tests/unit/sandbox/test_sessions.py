"""Login and tokens."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest

from sandbox.errors import BadInputError, RefusedError
from sandbox.sessions import Sessions, TokenState, TokenUse
from sandbox.settings import Credentials, SandboxSettings

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KNOWN = Credentials("D12345", "1234", SECRET, "key")
NOW = 1_800_000_000


def sessions(
    key: bytes = b"k" * 32, day: Callable[[], int] = lambda: 1, *, second_login_ends: bool = False
) -> Sessions:
    return Sessions(
        KNOWN,
        key,
        lambda event, session_id: None,
        day,
        second_login_ends=second_login_ends,
        now_seconds=lambda: NOW,
    )


def code(at: int = NOW) -> str:
    return str(pyotp.TOTP(SECRET).at(at))


def test_a_login_gives_three_tokens_each_good_for_its_use_only() -> None:
    desk = sessions()
    tokens = desk.login("D12345", "1234", code())
    assert desk.look_up(tokens.jwt_token, TokenUse.ACCESS).is_valid
    assert desk.look_up(f"Bearer {tokens.jwt_token}", TokenUse.ACCESS).is_valid
    assert desk.look_up(tokens.feed_token, TokenUse.ACCESS).state is TokenState.INVALID
    assert desk.look_up(tokens.refresh_token, TokenUse.REFRESH).is_valid


@pytest.mark.parametrize("skew", [-30, 0, 30])
def test_one_step_of_clock_skew_is_forgiven(skew: int) -> None:
    sessions().login("D12345", "1234", code(NOW + skew))


@pytest.mark.parametrize(
    ("client", "pin", "at", "answer"),
    [
        ("D12345", "1234", NOW + 90, "AB1050"),
        ("D12345", "12", NOW, "AB1050"),
        ("D12345", "9999", NOW, "AB1007"),
        ("X1", "1234", NOW, "AB1007"),
    ],
)
def test_wrong_credentials_are_refused(client: str, pin: str, at: int, answer: str) -> None:
    with pytest.raises(RefusedError, match=answer):
        sessions().login(client, pin, code(at))


def test_logout_ends_its_session_and_no_other() -> None:
    desk = sessions()
    first, second = desk.login("D12345", "1234", code()), desk.login("D12345", "1234", code())
    desk.logout(desk.look_up(first.jwt_token, TokenUse.ACCESS).session_id)
    assert desk.look_up(first.feed_token, TokenUse.FEED).state is TokenState.INVALID
    assert desk.look_up(second.jwt_token, TokenUse.ACCESS).is_valid
    with pytest.raises(RefusedError, match="AB8050"):
        desk.renew(first.refresh_token)


def test_tokens_of_another_signing_key_are_worth_nothing() -> None:
    desk, stranger = sessions(), sessions(b"x" * 32)
    tokens = stranger.login("D12345", "1234", code())
    assert desk.look_up(tokens.jwt_token, TokenUse.ACCESS).state is TokenState.INVALID
    assert desk.look_up("rubbish", TokenUse.ACCESS).state is TokenState.INVALID


def test_tokens_end_at_midnight_of_market_time_and_refreshing_does_not_help() -> None:
    today = [20_000]
    desk = sessions(day=lambda: today[0])
    tokens = desk.login("D12345", "1234", code())
    renewed = desk.renew(tokens.refresh_token)
    today[0] += 1
    for token, use in ((tokens.jwt_token, TokenUse.ACCESS), (renewed.feed_token, TokenUse.FEED)):
        assert desk.look_up(token, use).state is TokenState.EXPIRED
    with pytest.raises(RefusedError, match="AB8051"):
        desk.renew(renewed.refresh_token)
    assert desk.look_up(desk.login("D12345", "1234", code()).jwt_token, TokenUse.ACCESS).is_valid


def test_all_sessions_can_be_made_to_expire() -> None:
    desk = sessions()
    tokens = desk.login("D12345", "1234", code())
    desk.expire_all()
    assert desk.look_up(tokens.jwt_token, TokenUse.ACCESS).state is TokenState.EXPIRED
    assert desk.alive == 0


def test_a_second_login_ends_the_first_session_where_the_broker_is_told_so() -> None:
    desk = sessions(second_login_ends=True)
    first, second = desk.login("D12345", "1234", code()), desk.login("D12345", "1234", code())
    assert desk.look_up(first.jwt_token, TokenUse.ACCESS).state is TokenState.INVALID
    assert desk.look_up(second.jwt_token, TokenUse.ACCESS).is_valid


def test_nothing_to_renew_from_is_said_so() -> None:
    with pytest.raises(RefusedError, match="AB1004"):
        sessions().renew("")


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"client_code": "no good"}, "--client-code"),
        ({"pin": "12a4"}, "--pin"),
        ({"totp_secret": "not base32!"}, "--totp-secret"),
        ({"totp_secret": "JBSWY3DP"}, "--totp-secret"),
        ({"api_key": ""}, "--api-key"),
    ],
)
def test_unusable_credentials_are_refused_at_the_start(changes: dict[str, str], option: str, tmp_path: object) -> None:
    from pathlib import Path

    known = {"client_code": "D1", "pin": "1234", "totp_secret": SECRET, "api_key": "k", **changes}
    with pytest.raises(BadInputError) as caught:
        SandboxSettings(Credentials(**known), Path("/nonexistent"))
    assert caught.value.option == option
