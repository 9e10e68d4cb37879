"""What a database's schema is, read from PostgreSQL's own catalog, in a form that two databases can be compared by."""

from __future__ import annotations

import asyncpg

_COLUMNS = """
    SELECT format('%s.%s %s %s default %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                  CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END, pg_get_expr(d.adbin, d.adrelid))
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
      AND c.relname <> 'alembic_version'
"""
_CONSTRAINTS = """
    SELECT format('%s: %s %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
      AND k.contype <> 't'  -- a constraint trigger is a trigger: models know none
"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"


async def schema_of(url: str) -> set[str]:
    """Every column, constraint and index, one line each."""
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for query in (_COLUMNS, _CONSTRAINTS, _INDEXES) for row in await connection.fetch(query)}
    finally:
        await connection.close()
