"""The query helper against the real PostgreSQL: every verb, every operator, every refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.integration.database.rows import an_account, make_configs
from tradewinds.database.models import (
    AccountLease,
    ApiRequest,
    Assignment,
    Base,
    BrokerAccount,
    NotificationSettings,
    Order,
    OrderEvent,
    RunnerLease,
    StrategyCommand,
    StrategyConfig,
    User,
)
from tradewinds.database.query import GuardedTableError, Repository
from tradewinds.database.session import Database
from tradewinds.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError


@pytest.fixture
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    async with database.session() as session:
        await an_account(session)
        yield session


@pytest.fixture
async def configs(session: AsyncSession) -> Repository[StrategyConfig]:
    """c1 RUNNING gen 1, c2 STOPPED gen 2 (reason, never beaten), c3 FAILED gen 3."""
    return await make_configs(session)


BEAT = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, "c1 c2 c3"),
        ({"state": "RUNNING"}, "c1"),
        ({"heartbeat_at": None}, "c2"),
        ({"state": {"equals": "RUNNING"}}, "c1"),
        ({"heartbeat_at": {"equals": None}}, "c2"),
        ({"config": {"equals": {"symbols": ["NSE:SBIN-EQ"]}}}, "c2"),
        ({"state": {"in": ["RUNNING", "FAILED"]}}, "c1 c3"),
        ({"state": {"in": []}}, ""),
        ({"state": {"not_in": ["RUNNING"]}}, "c2 c3"),
        ({"state": {"not_in": []}}, "c1 c2 c3"),
        ({"heartbeat_at": {"not_in": [BEAT]}}, "c3"),
        ({"generation": {"lt": 2}}, "c1"),
        ({"generation": {"lte": 2}}, "c1 c2"),
        ({"generation": {"gt": 2}}, "c3"),
        ({"generation": {"gte": 2}}, "c2 c3"),
        ({"generation": {"gt": 1, "lt": 3}}, "c2"),
        ({"heartbeat_at": {"gt": BEAT}}, "c3"),
        ({"state_reason": {"contains": "100%"}}, "c2"),
        ({"state_reason": {"contains": "_"}}, ""),
        ({"state_reason": {"starts_with": "used"}}, "c2"),
        ({"state_reason": {"starts_with": "100"}}, ""),
        ({"heartbeat_at": {"is_null": True}}, "c2"),
        ({"heartbeat_at": {"is_null": False}}, "c1 c3"),
        ({"state": {"not": "RUNNING"}}, "c2 c3"),
        ({"heartbeat_at": {"not": BEAT}}, "c2 c3"),
        ({"heartbeat_at": {"not": None}}, "c1 c3"),
        ({"generation": {"not": {"in": [1, 2]}}}, "c3"),
        ({"OR": [{"state": "FAILED"}, {"generation": 1}]}, "c1 c3"),
        ({"AND": [{"generation": {"gt": 1}}, {"heartbeat_at": None}]}, "c2"),
        ({"NOT": {"state": "RUNNING"}}, "c2 c3"),
        ({"NOT": [{"state": "RUNNING"}, {"generation": 1}]}, "c2 c3"),
        ({"state": "RUNNING", "OR": [{"generation": 2}, {"generation": 3}]}, ""),
    ],
    ids=str,
)
async def test_where_finds(configs: Repository[StrategyConfig], where: dict[str, Any], expected: str) -> None:
    found = await configs.find_many(where)

    assert [row.config_id for row in found] == expected.split()
    assert await configs.count(where) == len(expected.split())


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"stat": "RUNNING"}, r"where\.stat: StrategyConfig has no such field; it has account_id, class_name, config"),
        ({"account": "a1"}, r"where\.account: StrategyConfig has no such field"),
        ({"state": {"like": "R%"}}, r"where\.state\.like: is not an operator; there are equals, not, in"),
        ({"state": {}}, r"where\.state: names no operator"),
        ({"state": {"in": "RUNNING"}}, r"where\.state\.in: takes a list, not 'RUNNING'"),
        ({"state": {"gt": None}}, r"where\.state\.gt: takes a value; for NULL there is is_null"),
        ({"generation": {"contains": "1"}}, r"where\.generation\.contains: compares text; the field is BIGINT"),
        ({"state_reason": {"starts_with": 1}}, r"where\.state_reason\.starts_with: compares text"),
        ({"heartbeat_at": {"is_null": "yes"}}, r"where\.heartbeat_at\.is_null: takes true or false, not 'yes'"),
        ({"OR": []}, r"where\.OR: is empty"),
        ({"AND": ["state"]}, r"where\.AND: takes a mapping or a list of mappings"),
        ({"OR": [{"stat": 1}]}, r"where\.stat: StrategyConfig has no such field"),
        ({"generation": "many"}, r"where\.generation: compares int, not 'many'"),
        ({"generation": True}, r"where\.generation: compares int, not True"),
        ({"generation": {"lt": "many"}}, r"where\.generation\.lt: compares int, not 'many'"),
        ({"state": {"in": ["RUNNING", 7]}}, r"where\.state\.in: compares str, not 7"),
        ({"state": {"not": 7}}, r"where\.state\.not: compares str, not 7"),
    ],
    ids=str,
)
async def test_a_wrong_where_is_refused_by_name(
    configs: Repository[StrategyConfig], where: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        await configs.find_many(where)


async def test_contains_looks_into_a_list(session: AsyncSession) -> None:
    settings = Repository(NotificationSettings, session)
    await settings.create({"user_id": "u1", "muted_types": ["fill", "login"]})
    await settings.create({"user_id": "u2"})

    assert [row.user_id for row in await settings.find_many({"muted_types": {"contains": "login"}})] == ["u1"]


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("generation", "c1 c2 c3"),
        ("-generation", "c3 c2 c1"),
        (["desired_state", "-generation"], "c1 c3 c2"),
        ({"desired_state": "desc", "generation": "asc"}, "c2 c3 c1"),
        ({"generation": "desc"}, "c3 c2 c1"),
    ],
)
async def test_rows_come_in_order(configs: Repository[StrategyConfig], order_by: Any, expected: str) -> None:
    assert [row.config_id for row in await configs.find_many(order_by=order_by)] == expected.split()


async def test_find_first_takes_the_first_in_order(configs: Repository[StrategyConfig]) -> None:
    first = await configs.find_first(order_by="-generation")

    assert first is not None
    assert first.config_id == "c3"
    assert await configs.find_first({"state": "BACKOFF"}) is None


async def test_pages_follow_a_cursor_without_gap_or_repetition(configs: Repository[StrategyConfig]) -> None:
    seen: list[str] = []
    page = await configs.find_many(order_by=["-desired_state"], take=1)
    while page:
        seen.append(page[0].config_id)
        page = await configs.find_many(
            order_by=["-desired_state"], take=1, skip=1, cursor={"config_id": page[0].config_id}
        )

    assert seen == ["c2", "c3", "c1"]


async def test_a_page_begins_with_its_cursor(configs: Repository[StrategyConfig]) -> None:
    page = await configs.find_many(order_by="generation", cursor={"config_id": "c2"})

    assert [row.config_id for row in page] == ["c2", "c3"]


async def test_a_cursor_that_is_gone_is_said_to_be(configs: Repository[StrategyConfig]) -> None:
    with pytest.raises(NotFoundError, match="begin again without it"):
        await configs.find_many(cursor={"config_id": "c9"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order_by": "speed"}, r"order_by\.speed: StrategyConfig has no such field"),
        ({"order_by": {"state": "down"}}, r"order_by\.state: is asc or desc, not 'down'"),
        ({"take": 0}, "take: is at least 1, not 0"),
        ({"skip": -1}, "skip: is at least 0, not -1"),
        ({"cursor": {"state": "RUNNING"}}, r"where: must name one StrategyConfig: give \(config_id\) by value"),
        ({"order_by": "heartbeat_at", "cursor": {"config_id": "c1"}}, r"order_by\.heartbeat_at: may be NULL"),
        ({"include": ["runner"]}, r"include\.runner: StrategyConfig has no relationship 'runner'; it has account"),
        ({"include": ["account.engine"]}, r"include\.account\.engine: BrokerAccount has no relationship 'engine'"),
        ({"include": "account"}, "include: takes a list of relationships, not 'account'"),
    ],
    ids=str,
)
async def test_a_wrong_argument_is_refused_by_name(
    configs: Repository[StrategyConfig], arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        await configs.find_many(**arguments)


async def test_include_loads_relationships_with_the_rows(configs: Repository[StrategyConfig]) -> None:
    found = await configs.find_unique({"config_id": "c1"}, include=["account.user", "commands"])

    assert found is not None
    assert found.account.user.display_name == "Asha"
    assert found.commands == []


async def test_find_unique_takes_any_unique_key_by_value(configs: Repository[StrategyConfig]) -> None:
    assert await configs.find_unique({"config_id": "c9"}) is None
    with pytest.raises(InvalidArgumentError, match="must name one StrategyConfig"):
        await configs.find_unique({"config_id": {"in": ["c1"]}})


async def test_find_sees_what_others_committed_since(
    configs: Repository[StrategyConfig], session: AsyncSession
) -> None:
    read = await configs.find_unique({"config_id": "c1"})
    await configs.update({"config_id": "c1"}, {"state": "STOPPING"})

    again = await configs.find_unique({"config_id": "c1"})

    assert again is read
    assert again is not None
    assert again.state == "STOPPING"


async def test_create_returns_the_row_with_its_defaults(session: AsyncSession) -> None:
    await make_configs(session)

    command = await Repository(StrategyCommand, session).create({"config_id": "c1", "verb": "START"})

    assert command.status == "PENDING"
    assert command.attempts == 0
    assert command.issuer == "tradewinds"
    assert command.expires_at - command.created_at == timedelta(minutes=5)


async def test_create_says_which_key_is_taken(session: AsyncSession) -> None:
    with pytest.raises(AlreadyExistsError, match="u1"):
        await Repository(User, session).create({"user_id": "u1", "display_name": "Somebody else"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"user_id": "u2", "nickname": "x"},
            r"data\.nickname: User has no such field; it has created_at, display_name",
        ),
        ({"user_id": "u2"}, "display_name"),
        ({"user_id": "u2", "display_name": 7}, "expected str"),
    ],
)
async def test_create_refuses_wrong_data_by_name(session: AsyncSession, data: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        await Repository(User, session).create(data)


async def test_create_refuses_a_value_outside_the_check(session: AsyncSession) -> None:
    await make_configs(session)

    with pytest.raises(InvalidArgumentError, match="ck_strategy_commands_verb_known"):
        await Repository(StrategyCommand, session).create({"config_id": "c1", "verb": "DANCE"})


async def test_a_value_of_another_type_is_an_argument_error(session: AsyncSession) -> None:
    commands = Repository(StrategyCommand, session)
    with pytest.raises(InvalidArgumentError, match=r"where\.command_id: compares UUID, not 'c'"):
        await commands.find_unique({"command_id": "c"})
    with pytest.raises(InvalidArgumentError, match=r"StrategyCommand: .*invalid UUID 'c'"):
        await commands.create({"command_id": "c", "config_id": "c1", "verb": "START"})


async def test_update_changes_one_row_and_its_time(configs: Repository[StrategyConfig], session: AsyncSession) -> None:
    before = await configs.find_unique({"config_id": "c1"})
    assert before is not None
    touched = before.updated_at
    await session.commit()

    after = await configs.update({"config_id": "c1"}, {"state": "STOPPING", "state_reason": "asked"})

    assert after is not None
    assert (after.state, after.state_reason) == ("STOPPING", "asked")
    assert after.updated_at > touched


async def test_update_honours_the_guard_beside_the_key(configs: Repository[StrategyConfig]) -> None:
    assert await configs.update({"config_id": "c1", "state": "STOPPED"}, {"state": "PENDING"}) is None
    assert await configs.update({"config_id": "c1", "generation": {"gte": 1}}, {"state": "PENDING"}) is not None


async def test_update_refuses_no_data_and_no_key(configs: Repository[StrategyConfig]) -> None:
    with pytest.raises(InvalidArgumentError, match="data: is empty"):
        await configs.update({"config_id": "c1"}, {})
    with pytest.raises(InvalidArgumentError, match="must name one StrategyConfig"):
        await configs.update({"state": "RUNNING"}, {"state": "STOPPED"})
    with pytest.raises(InvalidArgumentError, match=r"data\.stat: StrategyConfig has no such field"):
        await configs.update({"config_id": "c1"}, {"stat": "STOPPED"})


async def test_upsert_inserts_then_updates(session: AsyncSession) -> None:
    settings = Repository(NotificationSettings, session)

    async def upsert(severity: str) -> NotificationSettings:
        return await settings.upsert(
            {"user_id": "u1"}, create={"minimum_severity": severity}, update={"minimum_severity": severity}
        )

    created = (await upsert("WARNING")).updated_at
    await session.commit()
    updated = await upsert("CRITICAL")

    assert updated.minimum_severity == "CRITICAL"
    assert updated.updated_at > created
    assert await settings.count() == 1


async def test_upsert_with_nothing_to_update_returns_the_row_there_is(session: AsyncSession) -> None:
    requests = Repository(ApiRequest, session)
    key = {"caller": "u1", "method": "PlaceOrder", "request_id": "r1"}

    await requests.upsert(key, create={"body_sha256": "aa", "response": b"first"}, update={})
    again = await requests.upsert(key, create={"body_sha256": "bb", "response": b"second"}, update={})

    assert again.response == b"first"


async def test_upserts_at_once_make_one_row(database: Database) -> None:
    async def upsert(severity: str) -> None:
        async with database.session() as session:
            await Repository(NotificationSettings, session).upsert(
                {"user_id": "u1"}, create={"minimum_severity": severity}, update={"minimum_severity": severity}
            )
            await session.commit()

    await asyncio.gather(*(upsert(severity) for severity in ("INFO", "WARNING", "CRITICAL")))

    async with database.session() as session:
        assert await Repository(NotificationSettings, session).count() == 1


async def test_upsert_refuses_conditions_beside_the_key(session: AsyncSession) -> None:
    settings = Repository(NotificationSettings, session)
    with pytest.raises(InvalidArgumentError, match="where: holds more than the unique key: minimum_severity"):
        await settings.upsert({"user_id": "u1", "minimum_severity": "INFO"}, create={}, update={})
    with pytest.raises(InvalidArgumentError, match=r"create\.colour: NotificationSettings has no such field"):
        await settings.upsert({"user_id": "u1"}, create={"colour": 1}, update={})
    with pytest.raises(InvalidArgumentError, match=r"update\.colour: NotificationSettings has no such field"):
        await settings.upsert({"user_id": "u1"}, create={}, update={"colour": 1})


async def test_delete_returns_what_it_deleted(session: AsyncSession) -> None:
    settings = Repository(NotificationSettings, session)
    await settings.create({"user_id": "u1", "minimum_severity": "WARNING"})

    deleted = await settings.delete({"user_id": "u1"})

    assert deleted is not None
    assert deleted.minimum_severity == "WARNING"
    assert await settings.delete({"user_id": "u1"}) is None
    assert await settings.count() == 0


async def test_delete_of_a_row_that_others_point_to_is_refused(session: AsyncSession) -> None:
    with pytest.raises(InvalidArgumentError, match="fk_broker_accounts_user_id"):
        await Repository(User, session).delete({"user_id": "u1"})


async def test_nothing_is_kept_without_a_commit(database: Database) -> None:
    async with database.session() as session:
        await Repository(User, session).create({"user_id": "u1", "display_name": "Asha"})

    async with database.session() as session:
        assert await Repository(User, session).count() == 0


@pytest.mark.parametrize("model", [Order, OrderEvent, AccountLease, RunnerLease, Assignment])
async def test_a_fenced_table_has_no_repository(session: AsyncSession, model: type[Base]) -> None:
    with pytest.raises(GuardedTableError, match=f"{model.__name__} has no repository: {model.guarded_because}"):
        Repository(model, session)


async def test_a_fenced_table_can_be_read_beside_another(session: AsyncSession) -> None:
    account = await Repository(BrokerAccount, session).find_unique({"account_id": "a1"}, include=["lease"])

    assert account is not None
    assert account.lease is None
