"""What a server must be before it is trusted, and what a URL may show."""

from __future__ import annotations

import pytest

from tradewinds.database.addresses import redacted
from tradewinds.database.connecting import NotPrimaryError, ServerState, judge, to_json
from tradewinds.database.models import Base
from tradewinds.errors import ConfigurationError


@pytest.mark.parametrize("state", [ServerState(140000, False, "on"), ServerState(180006, False, "remote_apply")])
def test_a_primary_that_keeps_its_word_is_accepted(state: ServerState) -> None:
    judge(state, target="the server")


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (ServerState(130014, False, "on"), ConfigurationError, "the server runs PostgreSQL 13, 14 or newer is needed"),
        (ServerState(180006, True, "on"), NotPrimaryError, "the server is in recovery"),
        (ServerState(180006, False, "off"), ConfigurationError, "synchronous_commit = off"),
        (ServerState(180006, False, "local"), ConfigurationError, "synchronous_commit = local"),
        (ServerState(180006, False, "remote_write"), ConfigurationError, "synchronous_commit = remote_write"),
    ],
)
def test_others_are_refused_with_the_reason(state: ServerState, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        judge(state, target="the server")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:se/cr@et@h/d", "postgresql://u:***@h/d"),
        ("redis://:secret@h:6379/0", "redis://:***@h:6379/0"),
        (
            "postgresql://h/d?user=u&password=secret&sslmode=require",
            "postgresql://h/d?user=u&password=***&sslmode=require",
        ),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("cannot parse postgresql://u:secret@h, sorry", "cannot parse postgresql://u:***@h, sorry"),
    ],
)
def test_a_shown_url_has_no_password(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_every_constraint_and_index_has_a_name() -> None:
    tables = Base.metadata.tables.values()

    assert all(constraint.name for table in tables for constraint in table.constraints)
    assert all(index.name for table in tables for index in table.indexes)


def test_json_is_text() -> None:
    assert to_json({"a": [1, None]}) == '{"a":[1,null]}'
