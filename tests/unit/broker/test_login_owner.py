"""Who logs in, when, how often, and what is said when it does not help."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from engine_server.broker.angel_one.budgets import Budgets
from engine_server.broker.angel_one.client import AngelOneClient
from engine_server.broker.angel_one.credentials import Credentials
from engine_server.broker.angel_one.evidence import Evidence, HttpRequest
from engine_server.broker.angel_one.login_owner import LoginOwner
from engine_server.broker.angel_one.rates import Rate, RateSettings
from engine_server.broker.angel_one.sessions import BrokerSession, CurrentSession, SessionTokens
from engine_server.broker.port import BrokerError, LoginRefusedError, SessionContestedError, ThrottledError
from tests.support.angel_one import KeptInMemory
from tradewinds.errors import InvalidArgumentError, LeaseSupersededError

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
MINE = Credentials("D12345", "1234", SECRET, "key")


class TestClock:
    """Both of its clocks are moved by sleeping."""

    __test__ = False

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 23, 4, 30, 10, tzinfo=UTC)  # 10:00:10 in India
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += timedelta(seconds=seconds)

    def pass_(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


def yes(number: int) -> Evidence:
    data = {"jwtToken": f"jwt-{number}", "refreshToken": "r", "feedToken": "f"}
    return Evidence(True, 200, json.dumps({"status": True, "message": "SUCCESS", "data": data}).encode())


def no(code: str, message: str = "words", date: str = "") -> Evidence:
    body = {"status": False, "message": message, "errorcode": code, "data": None}
    return Evidence(True, 200, json.dumps(body).encode(), server_date=date)


class Broker:
    """In the place of a lane: answers logins as scripted, with new tokens without a script."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answers: list[Evidence] = []

    async def ask(
        self, api_key: str, access_token: str, method: Callable[[AngelOneClient], dict[str, Any]]
    ) -> Evidence:
        def exchange(request: HttpRequest) -> Evidence:
            self.bodies.append(json.loads(request.body))
            return self.answers.pop(0) if self.answers else yes(len(self.bodies))

        assert access_token == ""
        evidence = method(AngelOneClient(api_key, access_token, exchange))["evidence"]
        assert isinstance(evidence, Evidence)
        return evidence


class Rig:
    def __init__(self, credentials: Credentials = MINE) -> None:
        self.clock, self.broker, self.store = TestClock(), Broker(), KeptInMemory()
        self.session = CurrentSession(self.clock)
        lane: Any = self.broker
        budgets = Budgets(RateSettings(login=Rate.parse("1000/s")), jitter=lambda low, _: low)
        self.owner = LoginOwner(
            "ACC1", credentials, 1, lane, budgets, self.session, self.store, self.clock, sleep=self.clock.sleep
        )

    @property
    def jwt(self) -> str:
        return self.session.value.tokens.jwt if self.session.value else ""

    def lose(self) -> None:
        """The broker disowns the session in force."""
        self.session.disown(self.jwt)


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_one_password_of_this_instant_opens_the_day(rig: Rig) -> None:
    await rig.owner.login()
    assert rig.broker.bodies == [
        {"clientcode": "D12345", "password": "1234", "totp": pyotp.TOTP(SECRET).at(rig.clock.now())}
    ]
    assert rig.store.session is not None
    assert rig.store.session.tokens.jwt == rig.jwt == "jwt-1"


async def test_a_typed_password_always_opens_a_new_session(rig: Rig) -> None:
    await rig.owner.login()
    await rig.owner.login("000111")
    assert rig.broker.bodies[-1]["totp"] == "000111"
    assert rig.jwt == "jwt-2"


@pytest.mark.parametrize("typed", ["12345", "1234567", "12345a", "１２３４５６", " 12345"])
async def test_what_is_no_one_time_password_is_not_sent_and_not_quoted(rig: Rig, typed: str) -> None:
    with pytest.raises(InvalidArgumentError, match="six digits") as raised:
        await rig.owner.login(typed)
    assert raised.value.violations[0].field == "one_time_password"
    assert typed not in raised.value.message
    assert rig.broker.bodies == []


async def test_a_refused_one_time_password_is_tried_once_more_in_the_next_step(rig: Rig) -> None:
    rig.broker.answers = [no("AB1050", "Invalid totp")]
    await rig.owner.login()
    assert rig.clock.slept == [21.0]  # from 10 s into the step to 1 s into the next
    first, second = (body["totp"] for body in rig.broker.bodies)
    assert first != second
    assert second == pyotp.TOTP(SECRET).at(rig.clock.now())


async def test_refused_again_it_says_what_the_brokers_clock_says(rig: Rig) -> None:
    far = "Mon, 23 Nov 2026 04:40:31 GMT"
    rig.broker.answers = [no("AB1050", "Invalid totp"), no("AB1050", "Invalid totp", far)]
    with pytest.raises(
        LoginRefusedError, match=r"clock is 600 s behind the broker's: synchronise it \(NTP\)"
    ) as raised:
        await rig.owner.login()
    assert len(rig.broker.bodies) == 2
    assert rig.store.failures == [raised.value.message]


async def test_a_typed_password_is_not_tried_twice(rig: Rig) -> None:
    rig.broker.answers = [no("AB1050", "Invalid totp")]
    with pytest.raises(LoginRefusedError):
        await rig.owner.login("123456")
    assert len(rig.broker.bodies) == 1


async def test_a_malformed_pin_which_the_broker_calls_a_wrong_password_is_not_tried_twice() -> None:
    rig = Rig(Credentials("D12345", "12345", SECRET, "key"))
    rig.broker.answers = [no("AB1050", "Invalid totp")]
    with pytest.raises(LoginRefusedError, match="PIN has four digits"):
        await rig.owner.login()
    assert len(rig.broker.bodies) == 1


@pytest.mark.parametrize("code", ["AG7002", "AG8004", "AB1006"])
async def test_what_a_login_cannot_cure_is_not_asked_again_for_ten_minutes_but_for_a_person(
    rig: Rig, code: str
) -> None:
    rig.broker.answers = [no(code, "Nope")]
    with pytest.raises(LoginRefusedError, match="Nope"):
        await rig.owner.login()
    for _ in range(3):
        rig.clock.pass_(100)
        with pytest.raises(LoginRefusedError, match=r"a login cannot cure this, the next is tried at 10:10:10 IST"):
            await rig.owner.login()
    assert len(rig.broker.bodies) == 1
    await rig.owner.login("123456")
    assert rig.jwt == "jwt-2"


async def test_after_ten_minutes_it_is_asked_again(rig: Rig) -> None:
    rig.broker.answers = [no("AG8004")]
    with pytest.raises(LoginRefusedError):
        await rig.owner.login()
    rig.clock.pass_(601)
    await rig.owner.login()
    assert rig.jwt == "jwt-2"


async def test_a_lost_session_is_replaced_once_at_once(rig: Rig) -> None:
    await rig.owner.login()
    rig.lose()
    assert rig.session.usable() is None
    await rig.owner.login()
    assert rig.jwt == "jwt-2"


async def test_a_fight_with_somebody_else_backs_off_and_is_called_by_its_name(rig: Rig) -> None:
    await rig.owner.login()
    rig.clock.pass_(5)
    rig.lose()
    await rig.owner.login()
    rig.clock.pass_(5)
    rig.lose()
    for _ in range(3):
        with pytest.raises(SessionContestedError, match="somebody else logs in with it") as raised:
            await rig.owner.login()
    assert raised.value.reason == "BROKER_SESSION_CONTESTED"
    assert rig.store.failures[-1] == raised.value.message
    assert len(rig.broker.bodies) == 2
    rig.clock.pass_(26)
    await rig.owner.login()
    assert rig.jwt == "jwt-3"


async def test_a_session_that_lived_its_time_is_replaced_at_once_however_often(rig: Rig) -> None:
    for number in range(1, 6):
        await rig.owner.login()
        assert rig.jwt == f"jwt-{number}"
        rig.clock.pass_(400)
        rig.lose()


async def test_a_second_account_with_the_same_client_code_is_refused_by_name(rig: Rig) -> None:
    rig.store.first_of_client = "ACC0"
    with pytest.raises(LoginRefusedError, match="client code D12345 belongs to account ACC0 already") as raised:
        await rig.owner.login()
    assert rig.store.failures == [raised.value.message]
    assert rig.broker.bodies == []


async def test_renewal_replaces_a_session_that_still_serves(rig: Rig) -> None:
    early = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)  # 01:30 in India, the same day
    rig.store.session = BrokerSession(SessionTokens("night", "r", "f", "D12345", "key"), early)
    await rig.owner.login()
    assert rig.jwt == "night"
    assert await rig.owner.renew_if_due(60.0)
    assert rig.jwt == "jwt-1"
    assert not await rig.owner.renew_if_due(60.0)


async def test_a_renewal_that_fails_leaves_the_old_session_in_force_and_says_why(rig: Rig) -> None:
    early = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
    rig.store.session = BrokerSession(SessionTokens("night", "r", "f", "D12345", "key"), early)
    await rig.owner.login()
    rig.broker.answers = [Evidence(begun=True, failure="no whole answer in time")]
    with pytest.raises(BrokerError, match="no clear answer"):
        await rig.owner.renew_if_due(60.0)
    assert rig.jwt == "night"
    assert rig.session.usable() is not None
    assert rig.store.failures


async def test_the_access_rate_answer_to_a_login_is_throttled_not_refused(rig: Rig) -> None:
    rig.broker.answers = [Evidence(True, 403, b"Access denied because of exceeding access rate")]
    with pytest.raises(ThrottledError):
        await rig.owner.login()


async def test_an_owner_that_was_superseded_does_not_use_what_it_opened(rig: Rig) -> None:
    async def superseded(session: BrokerSession, epoch: int) -> None:
        raise LeaseSupersededError

    rig.store.save = superseded  # type: ignore[method-assign]
    with pytest.raises(LeaseSupersededError):
        await rig.owner.login()
    assert rig.session.value is None
