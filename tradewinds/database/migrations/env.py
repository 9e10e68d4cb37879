"""Alembic's entry: run the revisions on the connection that `upgrade` has opened and locked."""

from __future__ import annotations

from alembic import context

from tradewinds.database.models import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
