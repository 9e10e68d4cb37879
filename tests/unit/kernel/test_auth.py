"""Tokens, roles, and a method table that denies what it does not know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from tests.support.datastores import temporary_state_dir
from tradewinds import auth
from tradewinds.auth import METHOD_ROLES, PUBLIC, ROLES, Principal, TokenVerifier, authorize
from tradewinds.embedded.installation import Installation
from tradewinds.errors import ConfigurationError, PermissionDeniedError, UnauthenticatedError

PLACE = "/tradewinds.v1.Trading/PlaceOrder"
STOP = "/tradewinds.v1.StrategyManager/StopStrategy"


@pytest.fixture
def installation() -> Iterator[Installation]:
    with temporary_state_dir() as folder:
        made = Installation(folder)
        made.prepare()
        yield made


def test_a_token_of_ours_is_who_it_says(installation: Installation) -> None:
    token = installation.token("asha", (auth.TRADER,), timedelta(hours=1))
    principal = TokenVerifier(installation.jwks_file).verify_header(f"Bearer {token}")
    assert principal == Principal("asha", frozenset({"trader"}))


def test_an_expired_token_is_refused_with_the_remedy(installation: Installation) -> None:
    token = installation.token("asha", (auth.TRADER,), timedelta(hours=-1))
    with pytest.raises(UnauthenticatedError, match="expired; get a new one with `tradewinds token`"):
        TokenVerifier(installation.jwks_file).verify(token)


def test_a_token_of_another_installation_is_refused(installation: Installation) -> None:
    with temporary_state_dir() as folder:
        other = Installation(folder)
        other.prepare()
        token = other.token("asha", (auth.ADMIN,), timedelta(hours=1))
    with pytest.raises(UnauthenticatedError, match="not ours"):
        TokenVerifier(installation.jwks_file).verify(token)


@pytest.mark.parametrize("header", [None, "", "Basic abc", "Bearer", "Bearer not.a.token"])
def test_what_is_no_bearer_token_is_refused(installation: Installation, header: str | None) -> None:
    with pytest.raises(UnauthenticatedError):
        TokenVerifier(installation.jwks_file).verify_header(header)


def test_an_unsigned_token_is_refused(installation: Installation) -> None:
    claims = {"sub": "asha", "roles": ["admin"], "iss": "tradewinds", "aud": "tradewinds"}
    unsigned = jwt.encode({**claims, "exp": datetime.now(UTC) + timedelta(hours=1)}, "", algorithm="none")
    with pytest.raises(UnauthenticatedError):
        TokenVerifier(installation.jwks_file).verify(unsigned)


def test_a_role_that_does_not_exist_is_not_put_into_a_token(installation: Installation) -> None:
    with pytest.raises(ConfigurationError, match="owner unknown; choose from admin"):
        installation.token("asha", ("owner",), timedelta(hours=1))


def test_a_missing_or_damaged_jwks_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="JWKS_FILE"):
        TokenVerifier(tmp_path / "nothing.json")
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    with pytest.raises(ConfigurationError, match="JWKS_FILE"):
        TokenVerifier(damaged)


def test_an_operator_may_stop_but_not_place() -> None:
    operator = Principal("ops", frozenset({auth.OPERATOR}))
    authorize(STOP, operator)
    with pytest.raises(PermissionDeniedError, match="needs one of: admin, runner, trader; the token has: operator"):
        authorize(PLACE, operator)


def test_nobody_may_call_what_the_table_does_not_know() -> None:
    everything = Principal("root", ROLES)
    with pytest.raises(PermissionDeniedError, match="no role at all"):
        authorize("/tradewinds.v1.Trading/Invented", everything)


def test_without_a_token_only_probes_pass() -> None:
    authorize("/grpc.health.v1.Health/Check", None)
    with pytest.raises(UnauthenticatedError):
        authorize(PLACE, None)


def test_the_table_speaks_of_known_roles_only() -> None:
    assert all(roles == PUBLIC or roles <= ROLES for roles in METHOD_ROLES.values())
