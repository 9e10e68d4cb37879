"""Logging in at a real sandbox, and handing the session over in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import structlog.testing

from engine_server.broker.angel_one import AngelOneBroker, PostgresSessionStore
from engine_server.broker.angel_one.sessions import BrokerSession, SessionTokens
from engine_server.broker.port import Accepted, BrokerError, LoginRefusedError, NotSent, SessionExpiredError, Unknown
from tests.support.angel_one import ACCOUNT, KeptInMemory, broker_at, credentials_of, running_egress, ticket
from tests.support.sandbox_process import SandboxProcess
from tests.support.waiting import eventually
from tradewinds.database.session import Database
from tradewinds.errors import LeaseSupersededError
from tradewinds.seal import unseal

SEAL_KEY = bytes(range(32))
TOKENS = SessionTokens("j.w.t", "refresh", "feed", "D12345", "sandbox-key")


async def at_once(_seconds: float) -> None:
    """The wait for the next step of the one-time password."""


async def logins(sandbox: SandboxProcess) -> int:
    return len([r for r in await sandbox.truth("request") if r["route"].endswith("loginByPassword")])


async def log_out(sandbox: SandboxProcess, jwt: str) -> None:
    """End a session behind the adapter's back, as midnight does."""
    headers = {"Authorization": f"Bearer {jwt}", "X-PrivateKey": sandbox.credentials.api_key}
    url = f"{sandbox.http_url}/rest/secure/angelbroking/user/v1/logout"
    body = {"clientcode": sandbox.credentials.client_code}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        assert (await answer.json())["status"] is True


@pytest.mark.parametrize(
    ("wrong", "words", "advice"),
    [
        ({"pin": "9999"}, "Login Id or password is invalid (AB1007)", "client code and PIN"),
        ({"client_code": "X1"}, "Login Id or password is invalid (AB1007)", "client code and PIN"),
        ({"pin": "12"}, "Invalid totp (AB1050)", "PIN has four digits"),
        ({"totp_secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}, "Invalid totp (AB1050)", "this machine's clock is right"),
        ({"totp_secret": "no base32!"}, "not base32", "TOTP secret"),
        ({"api_key": "not-the-key"}, "Invalid API Key (AG8004)", "API key"),
    ],
)
async def test_each_wrong_credential_is_named_with_what_to_check_and_never_quoted(
    sandbox: SandboxProcess, egress_url: str, store: KeptInMemory, wrong: dict[str, str], words: str, advice: str
) -> None:
    credentials = credentials_of(sandbox.credentials, **wrong)
    with structlog.testing.capture_logs() as logs:
        async with broker_at(sandbox, egress_url, store=store, credentials=credentials, sleep=at_once) as broker:
            with pytest.raises(LoginRefusedError) as raised:
                await broker.login()
    assert words in raised.value.message
    assert advice in raised.value.message
    assert store.failures == [raised.value.message]
    said = raised.value.message + json.dumps(logs, default=str)
    for secret in (
        sandbox.credentials.totp_secret,
        *(v for k, v in wrong.items() if k != "client_code" and len(v) > 3),
    ):
        assert secret not in said


async def test_a_clock_that_is_off_is_a_wrong_one_time_password(
    sandbox: SandboxProcess, egress_url: str, store: KeptInMemory
) -> None:
    class Late:
        def now(self) -> datetime:
            return datetime.now(UTC) - timedelta(minutes=5)

        def monotonic(self) -> float:
            return time.monotonic()

    async with broker_at(sandbox, egress_url, store=store, clock=Late(), sleep=at_once) as broker:
        with pytest.raises(LoginRefusedError, match="clock is right") as raised:
            await broker.login()
    assert "this machine's clock is 300 s behind the broker's" in raised.value.message


async def test_a_broker_that_does_not_answer_has_not_refused(sandbox: SandboxProcess, store: KeptInMemory) -> None:
    async with running_egress(sandbox.https_url) as egress:
        pass
    async with broker_at(sandbox, egress.url, store=store) as broker:
        with pytest.raises(BrokerError, match="no clear answer to the login") as raised:
            await broker.login()
    assert not isinstance(raised.value, LoginRefusedError)
    assert store.failures == [raised.value.message]


async def test_before_a_login_nothing_is_sent(sandbox: SandboxProcess, egress_url: str) -> None:
    async with broker_at(sandbox, egress_url) as broker:
        assert isinstance(await broker.place(ticket("TW1")), NotSent)
        with pytest.raises(SessionExpiredError):
            await broker.order_book()


async def test_a_successor_takes_todays_session_over_and_does_not_log_in_again(
    sandbox: SandboxProcess, egress_url: str, broker: AngelOneBroker, store: KeptInMemory
) -> None:
    before = await logins(sandbox)
    async with broker_at(sandbox, egress_url, store=store, epoch=2) as successor:
        await successor.login()
        await successor.order_book()
    assert await logins(sandbox) == before


@pytest.mark.parametrize("change", ["yesterday", "another client", "another key"])
async def test_a_session_of_another_day_or_client_is_not_taken_over(
    sandbox: SandboxProcess, egress_url: str, broker: AngelOneBroker, store: KeptInMemory, change: str
) -> None:
    assert store.session is not None
    tokens, at = store.session.tokens, store.session.logged_in_at
    store.session = {
        "yesterday": BrokerSession(tokens, at - timedelta(days=1)),
        "another client": BrokerSession(replace(tokens, client_code="X1"), at),
        "another key": BrokerSession(replace(tokens, api_key="other"), at),
    }[change]
    before = await logins(sandbox)
    async with broker_at(sandbox, egress_url, store=store) as successor:
        await successor.login()
    assert await logins(sandbox) == before + 1


async def test_a_session_that_the_broker_disowns_is_reported_and_replaced_by_the_next_login(
    sandbox: SandboxProcess, broker: AngelOneBroker, store: KeptInMemory
) -> None:
    assert store.session is not None
    first = store.session.tokens.jwt
    await log_out(sandbox, first)
    with pytest.raises(SessionExpiredError):
        await broker.order_book()
    assert isinstance(await broker.place(ticket("TWEXPIRED1")), NotSent)
    await broker.login()
    assert store.session.tokens.jwt != first
    await broker.order_book()


async def test_an_order_that_meets_a_disowned_session_is_unknown_and_is_not_sent_again_after_the_login(
    sandbox: SandboxProcess, broker: AngelOneBroker, store: KeptInMemory
) -> None:
    assert store.session is not None
    await log_out(sandbox, store.session.tokens.jwt)
    outcome = await broker.place(ticket("TWEXPIRED2"))
    assert isinstance(outcome, Unknown)
    assert "session is no longer valid" in outcome.message
    await broker.login()
    assert [r for r in await broker.order_book() if r.tag == "TWEXPIRED2"] == []
    records = await sandbox.truth("request")
    assert len([r for r in records if r["body"] and r["body"].get("ordertag") == "TWEXPIRED2"]) <= 1


async def test_many_logins_at_once_are_one(sandbox: SandboxProcess, egress_url: str, store: KeptInMemory) -> None:
    before = await logins(sandbox)
    async with broker_at(sandbox, egress_url, store=store) as broker:
        await asyncio.gather(*(broker.login() for _ in range(5)))
    assert await logins(sandbox) == before + 1


@pytest.fixture
async def account(database: Database) -> Database:
    await database.pool.execute("INSERT INTO users (user_id, display_name) VALUES ('u1', 'U')")
    await database.pool.execute(
        "INSERT INTO broker_accounts (account_id, user_id, client_code, sealed_credentials) VALUES ($1, 'u1', 'D1', '')",
        ACCOUNT,
    )
    return database


async def row(database: Database) -> dict[str, Any]:
    found = await database.pool.fetchrow("SELECT * FROM broker_sessions WHERE account_id = $1", ACCOUNT)
    assert found is not None
    return dict(found)


async def test_a_login_is_stored_sealed_under_its_epoch_and_told_to_listeners(
    sandbox: SandboxProcess, egress_url: str, account: Database
) -> None:
    told: list[str | None] = []

    async def hear(payload: str | None) -> None:
        told.append(payload)

    await account.listen("broker_sessions", hear)
    kept = PostgresSessionStore(account, SEAL_KEY, ACCOUNT)
    async with broker_at(sandbox, egress_url, store=kept, epoch=5) as broker:
        await broker.login()
        assert isinstance(await broker.place(ticket("TWSTORED", price=ticket("T").price)), Accepted)
    stored = await row(account)
    assert (stored["epoch"], stored["client_code"], stored["last_error"]) == (5, "D12345", "")
    opened = json.loads(unseal(SEAL_KEY, f"session:{ACCOUNT}", stored["sealed_tokens"]))
    assert set(opened) == {"jwt", "refresh_token", "feed_token", "client_code", "api_key"}
    assert opened["jwt"].count(".") == 2
    assert not opened["jwt"].startswith("Bearer")
    await eventually(lambda: ACCOUNT in told)
    loaded = await kept.load()
    assert loaded is not None
    assert loaded.tokens.jwt == opened["jwt"]


async def test_a_refused_login_is_on_record_and_leaves_the_last_session_where_it_is(account: Database) -> None:
    kept = PostgresSessionStore(account, SEAL_KEY, ACCOUNT)
    await kept.record_failure(1, "D12345", "the broker refused the login")
    assert (await row(account))["last_error"] == "the broker refused the login"
    assert await kept.load() is None
    session = BrokerSession(TOKENS, datetime.now(UTC))
    await kept.save(session, 1)
    await kept.record_failure(1, "D12345", "again")
    assert await kept.load() == session
    assert (await row(account))["last_error"] == "again"


async def test_an_owner_that_was_superseded_cannot_replace_its_successors_session(account: Database) -> None:
    kept = PostgresSessionStore(account, SEAL_KEY, ACCOUNT)
    newer = BrokerSession(TOKENS, datetime.now(UTC))
    await kept.save(newer, 7)
    with pytest.raises(LeaseSupersededError, match="newer than epoch 6"):
        await kept.save(BrokerSession(replace(TOKENS, jwt="stale"), datetime.now(UTC)), 6)
    await kept.record_failure(6, "D12345", "stale words")
    assert await kept.load() == newer
    assert (await row(account))["last_error"] == ""


async def test_a_session_under_another_seal_is_no_session(account: Database) -> None:
    await PostgresSessionStore(account, SEAL_KEY, ACCOUNT).save(BrokerSession(TOKENS, datetime.now(UTC)), 1)
    assert await PostgresSessionStore(account, bytes(32), ACCOUNT).load() is None


async def test_with_the_store_down_a_login_fails_as_such(
    sandbox: SandboxProcess, egress_url: str, database: Database
) -> None:
    # No row in broker_accounts: the foreign key refuses the session.
    kept = PostgresSessionStore(database, SEAL_KEY, ACCOUNT)
    async with broker_at(sandbox, egress_url, store=kept) as broker:
        with pytest.raises(BrokerError, match="could not be stored") as raised:
            await broker.login()
    assert raised.value.reason == "BROKER_SESSION_NOT_STORED"
