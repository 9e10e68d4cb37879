"""The query helper for ordinary tables: typed, small, and not for what carries a fence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Executable, ScalarResult, Select, UpdateBase, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession

from tradewinds.database.filters import (
    OrderBy,
    Where,
    at_or_after,
    column_of,
    condition,
    eager_loads,
    mapper_of,
    ordering,
    unique_condition,
    unique_key,
)
from tradewinds.database.models import Base
from tradewinds.errors import AlreadyExistsError, InvalidArgumentError, NotFoundError, PreconditionError

M = TypeVar("M", bound=Base)
Data = Mapping[str, Any]

# SQLSTATEs: a taken unique key, and the class of values that do not fit their column.
_UNIQUE_VIOLATION = "23505"
_DATA_EXCEPTION = "22"
# What the database holds now, not what this session has read before.
_FRESH = {"populate_existing": True}


class GuardedTableError(PreconditionError):
    """This table is written only by statements that carry their own guard."""


class Repository(Generic[M]):
    """Finds and changes rows of one model in the caller's session; the caller commits.

        configs = Repository(StrategyConfig, session)
        running = await configs.find_many(where={"state": "RUNNING"}, order_by="-created_at", take=20, include=["account"])

    `where`, `order_by` and `include` are described in `filters`. An unknown field or operator raises `InvalidArgumentError` that
    names it. Leases, assignments and orders are refused: see `GuardedTableError`.
    """

    def __init__(self, model: type[M], session: AsyncSession) -> None:
        if model.guarded_because is not None:
            raise GuardedTableError(
                f"{model.__name__} has no repository: {model.guarded_because}; write the statement beside its aggregate"
            )
        self._model = model
        self._session = session

    async def find_unique(self, where: Where, *, include: Sequence[str] = ()) -> M | None:
        """The row that `where` names by its primary or a unique key, or None."""
        statement = select(self._model).where(unique_condition(self._model, where))
        rows = await self._select(statement, include)
        return rows[0] if rows else None

    async def find_first(
        self, where: Where | None = None, *, order_by: OrderBy = (), include: Sequence[str] = ()
    ) -> M | None:
        """The first row in `order_by`, then primary key, or None."""
        found = await self.find_many(where, order_by=order_by, take=1, include=include)
        return found[0] if found else None

    async def find_many(
        self,
        where: Where | None = None,
        *,
        order_by: OrderBy = (),
        take: int | None = None,
        skip: int = 0,
        cursor: Where | None = None,
        include: Sequence[str] = (),
    ) -> list[M]:
        """Up to `take` rows (default: all) after `skip`, ordered by `order_by`, then primary key.

        `cursor` names a row by a unique key, and the page begins with that row (`skip=1`: after it). Raises `NotFoundError`
        when it is gone.
        """
        if take is not None and take < 1:
            raise InvalidArgumentError.field("take", f"is at least 1, not {take}")
        if skip < 0:
            raise InvalidArgumentError.field("skip", f"is at least 0, not {skip}")
        order = ordering(self._model, order_by)
        columns = [(column_of(self._model, field, "order_by"), descending) for field, descending in order]
        statement = (
            select(self._model)
            .where(condition(self._model, where))
            .order_by(*(column.desc() if descending else column.asc() for column, descending in columns))
            .offset(skip or None)
            .limit(take)
        )
        if cursor is not None:
            statement = statement.where(at_or_after(self._model, order, await self._row_of_cursor(cursor)))
        return await self._select(statement, include)

    async def create(self, data: Data) -> M:
        """Insert one row; raises `AlreadyExistsError` when a unique key is taken (the transaction is then to be rolled back)."""
        self._check_fields(data, "data")
        statement = insert(self._model).values(dict(data)).returning(self._model)
        return await self._write_one(statement)

    async def update(self, where: Where, data: Data) -> M | None:
        """Change the row that `where` names by a unique key (and further conditions, as a guard); None when there is none."""
        self._check_fields(data, "data")
        if not data:
            raise InvalidArgumentError.field("data", "is empty: name at least one field to change")
        statement = (
            update(self._model)
            .where(unique_condition(self._model, where))
            .values(dict(data))
            .returning(self._model)
            .execution_options(synchronize_session=False)
        )
        return await self._write(statement)

    async def upsert(self, where: Where, *, create: Data, update: Data) -> M:
        """One atomic statement: insert `where` + `create`, or, where that unique key exists, apply `update`."""
        key = unique_key(self._model, where)
        if extra := where.keys() - set(key):
            raise InvalidArgumentError.field("where", f"holds more than the unique key: {', '.join(sorted(extra))}")
        self._check_fields(create, "create")
        self._check_fields(update, "update")
        # At least one assignment, so that the existing row is returned.
        changes = {**self._on_update(), **update} or {key[0]: where[key[0]]}
        columns = [mapper_of(self._model).columns[field] for field in key]
        statement = (
            insert(self._model)
            .values({**create, **where})
            .on_conflict_do_update(index_elements=columns, set_=changes)
            .returning(self._model)
        )
        return await self._write_one(statement)

    async def delete(self, where: Where) -> M | None:
        """Delete the row that `where` names by a unique key; what it was, or None."""
        statement = (
            delete(self._model)
            .where(unique_condition(self._model, where))
            .returning(self._model)
            .execution_options(synchronize_session=False)
        )
        deleted = await self._write(statement)
        if deleted is not None:
            self._session.expunge(deleted)
        return deleted

    async def count(self, where: Where | None = None) -> int:
        """How many rows match."""
        statement = select(func.count()).select_from(self._model).where(condition(self._model, where))
        return (await self._session.execute(statement)).scalar_one()

    async def _select(self, statement: Select[M], include: Sequence[str]) -> list[M]:
        return list(await self._execute(statement.options(*eager_loads(self._model, include))))

    async def _row_of_cursor(self, cursor: Where) -> M:
        row = await self.find_unique(cursor)
        if row is None:
            raise NotFoundError(f"cursor: no {self._model.__name__} {dict(cursor)} any more; begin again without it")
        return row

    async def _write(self, statement: UpdateBase) -> M | None:
        return (await self._execute(statement)).one_or_none()

    async def _write_one(self, statement: UpdateBase) -> M:
        written = await self._write(statement)
        assert written is not None, "an INSERT … RETURNING has one row"  # noqa: S101 - for the type checker
        return written

    async def _execute(self, statement: Executable) -> ScalarResult[M]:
        try:
            return await self._session.scalars(statement, execution_options=_FRESH)
        except IntegrityError as e:
            if getattr(e.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
                raise AlreadyExistsError(self._refusal(e)) from e
            raise InvalidArgumentError(self._refusal(e)) from e
        except DBAPIError as e:
            if not (getattr(e.orig, "sqlstate", None) or "").startswith(_DATA_EXCEPTION):
                raise
            raise InvalidArgumentError(self._refusal(e)) from e
        except StatementError as e:
            # A value that could not even be bound: a text for a UUID, say.
            raise InvalidArgumentError(self._refusal(e)) from e

    def _refusal(self, error: StatementError) -> str:
        detail = getattr(error.orig.__cause__, "detail", None) if error.orig is not None else None
        return f"{self._model.__name__}: {error.orig}" + (f" ({detail})" if detail else "")

    def _check_fields(self, data: Data, argument: str) -> None:
        for field in data:
            column_of(self._model, field, argument)

    def _on_update(self) -> dict[str, Any]:
        """`updated_at`: SQLAlchemy does not set it in ON CONFLICT."""
        columns = mapper_of(self._model).columns
        return {key: func.now() for key, column in columns.items() if column.onupdate is not None}
