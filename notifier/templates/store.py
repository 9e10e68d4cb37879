"""Templates in PostgreSQL. A version never changes; a change is a new version, and a notification says which one it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import text

from notifier.preference_store import WRITE_ERRORS
from notifier.templates.template import Content, Template
from tradewinds import audit
from tradewinds.database.faults import PASSING_FAULTS
from tradewinds.database.reconnecting import describe
from tradewinds.database.session import Database
from tradewinds.errors import AlreadyExistsError, NotFoundError, UnavailableError

CHANNEL: Final = "alert_templates"
EVERYBODY: Final = ""
_ACQUIRE_SECONDS: Final = 2.0
_CACHE_LIMIT: Final = 10_000
_COLUMNS: Final = "owner_id, template_id, version, description, parameters_schema, contents, created_by, created_at"
# One's own stands before everybody's.
_LATEST: Final = f"""
SELECT {_COLUMNS} FROM alert_templates t WHERE template_id = $1 AND owner_id = ANY($2) AND NOT deleted
  AND version = (SELECT max(version) FROM alert_templates n WHERE n.owner_id = t.owner_id AND n.template_id = t.template_id)
ORDER BY owner_id = '' LIMIT 1
"""  # noqa: S608 - a constant
_VERSION: Final = f"""
SELECT {_COLUMNS} FROM alert_templates WHERE owner_id = $1 AND template_id = $2 AND version = $3
"""  # noqa: S608 - a constant
_PAGE: Final = f"""
SELECT {_COLUMNS} FROM alert_templates t WHERE owner_id = ANY($1) AND NOT deleted
  AND version = (SELECT max(version) FROM alert_templates n WHERE n.owner_id = t.owner_id AND n.template_id = t.template_id)
  AND (template_id, owner_id) > ($2, $3)
ORDER BY template_id, owner_id LIMIT $4
"""  # noqa: S608 - a constant
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('alert_template ' || :owner_id || ' ' || :template_id, 0))"
)
_NEWEST: Final = text(
    """
    SELECT version, deleted FROM alert_templates WHERE owner_id = :owner_id AND template_id = :template_id
    ORDER BY version DESC LIMIT 1
    """
)
_INSERT: Final = text(
    f"""
    INSERT INTO alert_templates (owner_id, template_id, version, description, parameters_schema, contents, created_by)
    VALUES (:owner_id, :template_id, :version, :description, CAST(:parameters_schema AS jsonb), CAST(:contents AS jsonb), :created_by)
    RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant
)
_DELETE: Final = text(
    "UPDATE alert_templates SET deleted = true WHERE owner_id = :owner_id AND template_id = :template_id AND NOT deleted"
)
_TELL: Final = text("SELECT pg_notify(:channel, :template_id)")


class TemplateStore:
    """Reads through a cache; `start` before use. Raises `UnavailableError` when PostgreSQL does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._latest: dict[tuple[str, str], Template] = {}
        self._versions: dict[tuple[str, str, int], Template] = {}
        # A row read before a change must not be cached after it.
        self._changes = 0

    async def start(self) -> None:
        """Listen for changes made by other replicas."""
        await self._database.listen(CHANNEL, self._changed)

    async def latest(self, template_id: str, user_id: str) -> Template:
        """The newest version of the user's own, or of everybody's; raises `NotFoundError`."""
        key = (user_id, template_id)
        if (known := self._latest.get(key)) is not None:
            return known
        changes = self._changes
        rows = await self._fetch(_LATEST, template_id, [user_id, EVERYBODY])
        if not rows:
            raise NotFoundError(f"there is no template {template_id!r} that {user_id or 'you'} may use")
        found = _template(rows[0])
        if changes == self._changes:
            self._remember(self._latest, key, found)
        return found

    async def version(self, owner_id: str, template_id: str, version: int) -> Template | None:
        """One version, deleted or not; None where there never was one."""
        key = (owner_id, template_id, version)
        if key not in self._versions:
            rows = await self._fetch(_VERSION, owner_id, template_id, version)
            if not rows:
                return None
            self._remember(self._versions, key, _template(rows[0]))
        return self._versions[key]

    async def page(self, user_id: str, *, after: tuple[str, str], limit: int) -> list[Template]:
        """The user's own and everybody's by name, after the (template_id, owner_id) of the last one seen."""
        return [_template(row) for row in await self._fetch(_PAGE, [user_id, EVERYBODY], *after, limit)]

    async def create(self, template: Template, *, actor: str) -> Template:
        """The first version; raises `AlreadyExistsError`."""
        return await self._put(template, actor, must_exist=False)

    async def replace(self, template: Template, *, actor: str) -> Template:
        """A new version; raises `NotFoundError`."""
        return await self._put(template, actor, must_exist=True)

    async def _put(self, template: Template, actor: str, *, must_exist: bool) -> Template:
        key = {"owner_id": template.owner_id, "template_id": template.template_id}
        try:
            async with self._database.session() as session:
                await session.execute(_LOCK, key)
                newest = (await session.execute(_NEWEST, key)).one_or_none()
                exists = newest is not None and not newest.deleted
                if exists and not must_exist:
                    raise AlreadyExistsError(f"there is a template {template.template_id!r}; update it")
                if must_exist and not exists:
                    raise _unknown(template.template_id)
                values = _values(template, newest.version + 1 if newest is not None else 1, actor)
                row = (await session.execute(_INSERT, values)).mappings().one()
                await self._record(session, template, actor, "update" if must_exist else "create", values["version"])
                await session.commit()
        except WRITE_ERRORS as e:
            raise _away(e) from e
        await self._changed(template.template_id)
        return _template(row)

    async def delete(self, owner_id: str, template_id: str, *, actor: str) -> None:
        """No new notification can use it; raises `NotFoundError`."""
        try:
            async with self._database.session() as session:
                result = await session.execute(_DELETE, {"owner_id": owner_id, "template_id": template_id})
                if not getattr(result, "rowcount", 0):
                    raise _unknown(template_id)
                gone = Template(template_id, owner_id, 0, ())
                await self._record(session, gone, actor, "delete", None)
                await session.commit()
        except WRITE_ERRORS as e:
            raise _away(e) from e
        await self._changed(template_id)

    async def _record(self, session: Any, template: Template, actor: str, what: str, version: int | None) -> None:
        await audit.record(
            session,
            actor=actor,
            action=f"alert_template.{what}",
            subject=("alert_template", f"{template.owner_id}/{template.template_id}"),
            after={"version": version} if version is not None else None,
        )
        await session.execute(_TELL, {"channel": CHANNEL, "template_id": template.template_id})

    async def _changed(self, _template_id: str | None) -> None:
        self._changes += 1
        self._latest.clear()

    @staticmethod
    def _remember(cache: dict[Any, Template], key: Any, template: Template) -> None:
        if len(cache) >= _CACHE_LIMIT:
            cache.clear()
        cache[key] = template

    async def _fetch(self, query: str, *arguments: object) -> list[Any]:
        try:
            async with self._database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                return await connection.fetch(query, *arguments)
        except PASSING_FAULTS as e:
            raise _away(e) from e


def _values(template: Template, version: int, actor: str) -> dict[str, Any]:
    return {
        "owner_id": template.owner_id,
        "template_id": template.template_id,
        "version": version,
        "description": template.description,
        "parameters_schema": msgspec.json.encode(template.parameters_schema).decode(),
        "contents": msgspec.json.encode(template.contents).decode(),
        "created_by": actor,
    }


def _template(row: Mapping[Any, Any]) -> Template:
    return Template(
        template_id=row["template_id"],
        owner_id=row["owner_id"],
        version=row["version"],
        contents=msgspec.convert(row["contents"], tuple[Content, ...]),
        parameters_schema=row["parameters_schema"],
        description=row["description"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _unknown(template_id: str) -> NotFoundError:
    return NotFoundError(f"you have no template {template_id!r}")


def _away(error: Exception) -> UnavailableError:
    return UnavailableError(f"PostgreSQL does not answer ({describe(error)}); try again")
