"""What notifiers under faults promised, what came of it, and what is wrong with that. Pure, so that a test can see it notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ToldEvidence:
    """`accepted` are ids of kept notifications that a caller was answered for, by dedupe key; `rows` the ids and keys that PostgreSQL has;
    `mails` each mail's notification and its own id; `seen` what a follower saw, or listed where it was told that something may be missing;
    the rest is what became of must-acknowledge ones.
    """

    accepted: dict[str, str]
    rows: Sequence[tuple[str, str]]
    mails: Sequence[tuple[str, str]]
    seen: Collection[str]
    must_acknowledge: Collection[str]
    acknowledged: Collection[str]
    escalated: Collection[str]


def problems(found: ToldEvidence) -> list[str]:
    """Every promise that was broken; empty when none was."""
    kept = {notification_id for notification_id, _ in found.rows}
    accepted = set(found.accepted.values())
    mailed = {notification_id for notification_id, _ in found.mails}
    twice = [key for key, count in Counter(key for _, key in found.rows).items() if count > 1]
    message_ids: dict[str, set[str]] = {}
    for notification_id, message_id in found.mails:
        message_ids.setdefault(notification_id, set()).add(message_id)
    told = {
        "accepted and not kept": accepted - kept,
        "kept twice under one key": twice,
        "accepted and not delivered": accepted - mailed,
        "delivered under several ids": [one for one, ids in message_ids.items() if len(ids) > 1],
        "neither seen live nor known to be missing": accepted - set(found.seen),
        "neither acknowledged nor escalated": set(found.must_acknowledge)
        - set(found.acknowledged)
        - set(found.escalated),
    }
    return [f"{what}: {len(which)}, such as {sorted(which)[:3]}" for what, which in told.items() if which]
