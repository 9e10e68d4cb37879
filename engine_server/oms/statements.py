"""The SQL of the writer: one statement commits a whole batch, under its own guards."""

# ruff: noqa: S608 - what is put into these strings is the names of our own fields

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Final

from engine_server.oms.records import GuardRecord, OrderRecord, PositionRecord, TradeRecord

_ORDER_COLUMNS: Final = ", ".join(OrderRecord.__struct_fields__)
_ORDER_VALUES: Final = ", ".join(f"r.{name}" for name in OrderRecord.__struct_fields__)
_CHANGING: Final = (
    "state",
    "config_id",
    "quantity",
    "price",
    "trigger_price",
    "reason",
    "message",
    "filled_quantity",
    "average_price",
    "broker_order_id",
    "unique_order_id",
    "cancel_requested",
    "modify_requested",
    "admitted_us",
    "released_us",
    "answered_us",
    "submitted_at",
    "updated_at",
)
_CHANGES: Final = ", ".join(f"{name} = r.{name}" for name in _CHANGING)
_TRADE_COLUMNS: Final = ", ".join(field.name for field in fields(TradeRecord))
_POSITION_COLUMNS: Final = ", ".join(field.name for field in fields(PositionRecord))
_POSITION_CHANGES: Final = ", ".join(
    f"{field.name} = EXCLUDED.{field.name}"
    for field in fields(PositionRecord)
    if field.name not in ("account_id", "config_id", "instrument", "product")
)
_GUARD_COLUMNS: Final = ", ".join(field.name for field in fields(GuardRecord))
_GUARD_CHANGES: Final = ", ".join(
    f"{name} = EXCLUDED.{name}"
    for name in ("stop_price", "target_price", "trail", "state", "order_id", "attempts", "message", "updated_at")
)

# Guards, all or nothing:
#  * lease: this process still owns the account at this epoch, by database time. FOR SHARE, so that a takeover waits for
#    this commit (and then reads what it wrote) or this statement sees the takeover: never in between.
#  * stale: every strategy that asks for something holds its assignment at the epoch it claims; FOR SHARE likewise.
#  * taken: no request key is in use (a repeat that the memory no longer knows).
# A delayed duplicate of a batch (a connection that broke, its server process alive) dies on the log's primary key.
_GUARDS: Final = """
WITH lease AS MATERIALIZED (
    SELECT 1 FROM account_leases
    WHERE account_id = $1 AND owner_id = $2 AND epoch = $3 AND expires_at > clock_timestamp()
    FOR SHARE
), fences AS (
    SELECT DISTINCT config_id, epoch FROM jsonb_to_recordset($4) AS f(config_id text, epoch bigint)
), held AS MATERIALIZED (
    SELECT a.config_id, a.epoch FROM assignments a JOIN fences f ON f.config_id = a.config_id AND f.epoch = a.epoch
    WHERE a.instance_id IS NOT NULL
    FOR SHARE OF a
), stale AS MATERIALIZED (
    SELECT config_id, epoch FROM fences EXCEPT SELECT config_id, epoch FROM held
), taken AS MATERIALIZED (
    SELECT request_key FROM orders WHERE request_key = ANY($5::text[])
), allowed AS MATERIALIZED (
    SELECT 1 WHERE EXISTS (SELECT FROM lease) AND NOT EXISTS (SELECT FROM stale) AND NOT EXISTS (SELECT FROM taken)
)"""
_VERDICT: Final = """
SELECT EXISTS (SELECT FROM lease) AS leased,
       (SELECT coalesce(jsonb_agg(jsonb_build_array(config_id, epoch)), '[]') FROM stale) AS stale,
       ARRAY(SELECT request_key FROM taken) AS taken
"""
_FIRST_ROWS: Final = 6  # the parameter after those of the guards

# What a batch may write, each from one parameter of rows.
_WRITES: Final = {
    "new_orders": f"""
    INSERT INTO orders ({_ORDER_COLUMNS})
    SELECT {_ORDER_VALUES} FROM jsonb_populate_recordset(NULL::orders, $rows) r WHERE EXISTS (SELECT FROM allowed)
""",
    "changed_orders": f"""
    UPDATE orders o SET {_CHANGES} FROM jsonb_populate_recordset(NULL::orders, $rows) r
    WHERE o.order_id = r.order_id AND EXISTS (SELECT FROM allowed)
""",
    "log": """
    INSERT INTO order_events (account_id, sequence, order_id, config_id, config_sequence, kind, state, payload)
    SELECT r.account_id, r.sequence, r.order_id, r.config_id, r.config_sequence, r.kind, r.state, r.payload
    FROM jsonb_populate_recordset(NULL::order_events, $rows) r WHERE EXISTS (SELECT FROM allowed)
""",
    "fills": f"""
    INSERT INTO trades ({_TRADE_COLUMNS})
    SELECT {_TRADE_COLUMNS} FROM jsonb_populate_recordset(NULL::trades, $rows) WHERE EXISTS (SELECT FROM allowed)
""",
    "books": f"""
    INSERT INTO positions ({_POSITION_COLUMNS}, updated_at)
    SELECT {_POSITION_COLUMNS}, clock_timestamp() FROM jsonb_populate_recordset(NULL::positions, $rows)
    WHERE EXISTS (SELECT FROM allowed)
    ON CONFLICT (account_id, config_id, instrument, product)
    DO UPDATE SET {_POSITION_CHANGES}, updated_at = EXCLUDED.updated_at
""",
    "told": """
    INSERT INTO outbox (topic, dedupe_key, payload)
    SELECT r.topic, r.dedupe_key, r.payload FROM jsonb_populate_recordset(NULL::outbox, $rows) r
    WHERE EXISTS (SELECT FROM allowed)
""",
    "audited": """
    INSERT INTO audit_log (actor, action, subject_type, subject_id, account_id, reason, before, after, source)
    SELECT r.actor, r.action, r.subject_type, r.subject_id, $1, r.reason, r.before, r.after, r.source
    FROM jsonb_populate_recordset(NULL::audit_log, $rows) r WHERE EXISTS (SELECT FROM allowed)
""",
    "held_back": """
    INSERT INTO account_holds (account_id, instrument, kind, subject_id, message, held_at)
    SELECT r.account_id, r.instrument, r.kind, r.subject_id, r.message, r.held_at
    FROM jsonb_populate_recordset(NULL::account_holds, $rows) r WHERE EXISTS (SELECT FROM allowed)
    ON CONFLICT (account_id, instrument, kind, subject_id) DO UPDATE SET message = EXCLUDED.message
""",
    "let_go": """
    DELETE FROM account_holds h USING jsonb_populate_recordset(NULL::account_holds, $rows) r
    WHERE (h.account_id, h.instrument, h.kind, h.subject_id) = (r.account_id, r.instrument, r.kind, r.subject_id)
      AND EXISTS (SELECT FROM allowed)
""",
    "guarded": f"""
    INSERT INTO guards ({_GUARD_COLUMNS})
    SELECT {_GUARD_COLUMNS} FROM jsonb_populate_recordset(NULL::guards, $rows) WHERE EXISTS (SELECT FROM allowed)
    ON CONFLICT (guard_id) DO UPDATE SET {_GUARD_CHANGES}
""",
    "attributed": """
    UPDATE trades t SET config_id = r.config_id FROM jsonb_populate_recordset(NULL::trades, $rows) r
    WHERE t.trade_id = r.trade_id AND EXISTS (SELECT FROM allowed)
""",
}


@cache
def commit_of(writes: tuple[str, ...]) -> str:
    """The statement that commits a batch with these writes and no others, all or nothing under the guards: setting up the ones that have
    nothing to write would take a third of the time of a single order. There are few kinds of batches, and each is planned once."""
    parts = [
        f"{name} AS ({_WRITES[name].replace('$rows', f'${number}')})"
        for number, name in enumerate(writes, start=_FIRST_ROWS)
    ]
    return ", ".join([_GUARDS, *parts]) + _VERDICT


# What an order is admitted with, and its answer.
USUAL_WRITES: Final = (("new_orders", "log", "audited"), ("changed_orders", "log"))

# The writer's connection reaches every row by its key. Planning a commit anew costs more than running it, and a plan made
# while a table was small, on guesses about the size of a batch, would go on reading it whole when it has grown.
PLAN_BY_KEY: Final = """
SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off
"""

# … and gives the connection back as it found it: the pool itself undoes nothing.
PLAN_AS_USUAL: Final = "RESET plan_cache_mode; RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin"

# Whether a batch whose COMMIT was not answered is there: its last line is, or it is not.
FIND_LINE: Final = "SELECT order_id, kind FROM order_events WHERE account_id = $1 AND sequence = $2"

LAST_SEQUENCE: Final = "SELECT coalesce(max(sequence), 0) FROM order_events WHERE account_id = $1"

# The last number of every strategy, jumping from one to the next in the unique index (a GROUP BY would read the whole log).
CONFIG_SEQUENCES: Final = """
WITH RECURSIVE known AS (
    (SELECT config_id FROM order_events WHERE config_id IS NOT NULL ORDER BY config_id LIMIT 1)
    UNION ALL
    SELECT (SELECT e.config_id FROM order_events e WHERE e.config_id > known.config_id ORDER BY e.config_id LIMIT 1)
    FROM known WHERE known.config_id IS NOT NULL
)
SELECT config_id, (SELECT max(e.config_sequence) FROM order_events e WHERE e.config_id = known.config_id) AS last
FROM known WHERE config_id IS NOT NULL
"""

_BOOKED: Final = "(SELECT coalesce(sum(t.quantity * t.price), 0) FROM trades t WHERE t.order_id = o.order_id) AS booked"
_WORKING: Final = "o.state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED', 'NOT_PLACED', 'DENIED')"

# Two branches, so that each has its index.
LOAD_ORDERS: Final = f"""
SELECT {_ORDER_COLUMNS}, {_BOOKED} FROM orders o WHERE o.account_id = $1 AND {_WORKING}
UNION ALL
SELECT {_ORDER_COLUMNS}, {_BOOKED} FROM orders o
WHERE o.account_id = $1 AND NOT ({_WORKING}) AND o.created_at > now() - $2::interval
"""
# For how long the fate of an order has been unknown (from the answer that was none, by the database's clock, whoever owned it then),
# and whether somebody was told.
LOAD_UNKNOWN: Final = """
SELECT o.order_id, bool_or(e.kind = 'STILL_UNKNOWN') AS is_told,
       extract(epoch FROM clock_timestamp() - max(e.recorded_at) FILTER (WHERE e.kind = 'UNCLEAR'))::float8 AS seconds
FROM orders o JOIN order_events e ON e.order_id = o.order_id AND e.kind IN ('UNCLEAR', 'STILL_UNKNOWN')
WHERE o.account_id = $1 AND o.state = 'UNKNOWN' GROUP BY o.order_id
"""
# What went to the broker within its longest window, by how many seconds ago. The log has no index on time: its end is long enough for
# the thousand messages of each kind that the broker takes in an hour.
LOAD_SENT: Final = """
SELECT kind, extract(epoch FROM clock_timestamp() - recorded_at)::float8 AS seconds FROM order_events
WHERE account_id = $1 AND sequence > $2 - 20000 AND recorded_at > clock_timestamp() - interval '1 hour'
  AND (kind IN ('SUBMITTED', 'CANCEL_REQUESTED', 'MODIFY_REQUESTED') OR kind = 'PLACED' AND state = 'SUBMITTING')
"""
LOAD_BY_TAGS: Final = f"SELECT {_ORDER_COLUMNS}, {_BOOKED} FROM orders o WHERE o.account_id = $1 AND o.tag = ANY($2)"
LOAD_BY_KEYS: Final = f"SELECT {_ORDER_COLUMNS} FROM orders WHERE request_key = ANY($1)"

LOAD_HOLDS: Final = "SELECT instrument, kind, subject_id, message, held_at FROM account_holds WHERE account_id = $1"
LOAD_GUARDS: Final = f"""
SELECT {_GUARD_COLUMNS} FROM guards WHERE account_id = $1 AND state NOT IN ('DONE', 'CANCELLED')
"""

LOAD_BOOKS: Final = f"""
SELECT {_POSITION_COLUMNS},
       (SELECT max(t.traded_at) FROM trades t
        WHERE t.account_id = p.account_id AND t.instrument = p.instrument AND t.product = p.product
          AND (p.config_id = '' OR t.config_id = p.config_id)) AS last_traded_at
FROM positions p WHERE account_id = $1
"""
