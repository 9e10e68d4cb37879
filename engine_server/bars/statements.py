"""The statements of the store: each carries its own guard."""

from __future__ import annotations

from typing import Final

WRITE_MINUTES: Final = """
INSERT INTO minute_bars AS bar
    (instrument, started_at, open_e4, high_e4, low_e4, close_e4, volume, open_interest, source)
SELECT instrument, to_timestamp(started), open_e4, high_e4, low_e4, close_e4, volume, open_interest, $9
FROM unnest($1::text[], $2::bigint[],
            $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS new (instrument, started, open_e4, high_e4, low_e4, close_e4, volume, open_interest)
ON CONFLICT (instrument, started_at) DO UPDATE
SET open_e4 = excluded.open_e4, high_e4 = excluded.high_e4, low_e4 = excluded.low_e4, close_e4 = excluded.close_e4,
    volume = excluded.volume, source = excluded.source,
    -- The broker tells open interest apart from its candles, and not always.
    open_interest = CASE WHEN excluded.open_interest > 0 THEN excluded.open_interest ELSE bar.open_interest END
WHERE excluded.source = 'BROKER' OR bar.source = 'STREAM'
"""
WRITE_DAYS: Final = """
INSERT INTO day_bars (instrument, day, open_e4, high_e4, low_e4, close_e4, volume, open_interest)
SELECT instrument, date '1970-01-01' + day::int, open_e4, high_e4, low_e4, close_e4, volume, open_interest
FROM unnest($1::text[], $2::bigint[],
            $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
    AS new (instrument, day, open_e4, high_e4, low_e4, close_e4, volume, open_interest)
ON CONFLICT (instrument, day) DO UPDATE
SET open_e4 = excluded.open_e4, high_e4 = excluded.high_e4, low_e4 = excluded.low_e4, close_e4 = excluded.close_e4,
    volume = excluded.volume, open_interest = excluded.open_interest
"""
READ_MINUTES: Final = """
SELECT extract(epoch FROM started_at)::bigint * 1000, open_e4, high_e4, low_e4, close_e4, volume, open_interest,
       source = 'BROKER'
FROM minute_bars WHERE instrument = $1 AND started_at >= to_timestamp($2) AND started_at < to_timestamp($3)
ORDER BY started_at
"""
READ_DAYS: Final = """
SELECT day - date '1970-01-01', open_e4, high_e4, low_e4, close_e4, volume, open_interest
FROM day_bars WHERE instrument = $1 AND day >= $2 AND day < $3 ORDER BY day
"""
READ_RANGE: Final = """
SELECT extract(epoch FROM filled_from)::bigint, extract(epoch FROM filled_until)::bigint
FROM bar_ranges WHERE instrument = $1 AND bar_interval = $2
"""
# Joined to what is there where it touches it, else in its place: a stretch has no hole.
SET_RANGE: Final = """
INSERT INTO bar_ranges AS known (instrument, bar_interval, filled_from, filled_until)
VALUES ($1, $2, to_timestamp($3), to_timestamp($4))
ON CONFLICT (instrument, bar_interval) DO UPDATE
SET filled_from = CASE WHEN excluded.filled_from <= known.filled_until AND known.filled_from <= excluded.filled_until
                       THEN least(known.filled_from, excluded.filled_from) ELSE excluded.filled_from END,
    filled_until = CASE WHEN excluded.filled_from <= known.filled_until AND known.filled_from <= excluded.filled_until
                        THEN greatest(known.filled_until, excluded.filled_until) ELSE excluded.filled_until END
"""
READ_RANGES: Final = """
SELECT instrument, extract(epoch FROM filled_from)::bigint, extract(epoch FROM filled_until)::bigint
FROM bar_ranges WHERE bar_interval = '1m' AND instrument = ANY($1)
"""
# From the stream: a stretch grows only where nothing is missing before it. One that lies after it is of another life of the
# market clock (a replay that began anew), and gives way.
GROW_RANGES: Final = """
INSERT INTO bar_ranges AS known (instrument, bar_interval, filled_from, filled_until)
SELECT instrument, '1m', to_timestamp(began), to_timestamp(until)
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS new (instrument, began, until)
ON CONFLICT (instrument, bar_interval) DO UPDATE
SET filled_until = excluded.filled_until,
    filled_from = CASE WHEN known.filled_from > excluded.filled_until
                       THEN excluded.filled_from ELSE known.filled_from END
WHERE known.filled_from > excluded.filled_until
   OR (excluded.filled_from <= known.filled_until AND known.filled_until < excluded.filled_until)
"""
SHRINK_RANGES: Final = """
UPDATE bar_ranges AS known SET filled_until = greatest(known.filled_from, to_timestamp(lost.since))
FROM unnest($1::text[], $2::bigint[]) AS lost (instrument, since)
WHERE known.instrument = lost.instrument AND known.bar_interval = '1m' AND known.filled_until > to_timestamp(lost.since)
"""
CUT_RANGES: Final = """
UPDATE bar_ranges SET filled_from = least($1, filled_until) WHERE bar_interval = '1m' AND filled_from < $1
"""
PARTITIONS: Final = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'minute_bars'::regclass"
# Two writers that make the same partition at the same moment would disturb each other.
PARTITION_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('minute_bars', 0))"
LONGER_STATEMENTS: Final = "SET LOCAL statement_timeout = '10s'"
