"""Who gets which strategy: one pure decision over what is wanted, who is alive and who holds what.

Times are the database's. A runner whose lease has run out is silent; only after the grace is it lost, and only if the
engine that judges has itself been able to renew leases for long enough (`may_declare_lost`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True)
class ConfigView:
    """A configuration that is wanted, or that somebody holds."""

    config_id: str
    is_wanted: bool


@dataclass(frozen=True)
class LeaseView:
    """A runner's lease."""

    runner_id: str
    instance_id: str
    capacity: int
    expires_at: datetime
    is_draining: bool = False
    cordon_reason: str = ""


@dataclass(frozen=True)
class AssignmentView:
    """Who holds a configuration; nobody while `instance_id` is None."""

    config_id: str
    runner_id: str | None
    instance_id: str | None
    epoch: int


@dataclass(frozen=True)
class FleetView:
    """Everything that the decision looks at, read in one transaction."""

    now: datetime
    grace: timedelta
    may_declare_lost: bool
    configs: Sequence[ConfigView]
    leases: Sequence[LeaseView]
    assignments: Sequence[AssignmentView]


@dataclass(frozen=True)
class Grant:
    """Give this configuration to that runner instance, at the next epoch."""

    config_id: str
    runner_id: str
    instance_id: str


@dataclass(frozen=True)
class Release:
    """Take this configuration from an instance that is lost."""

    config_id: str
    runner_id: str
    instance_id: str
    epoch: int


@dataclass(frozen=True)
class Decision:
    """What to change, and why the rest waits (`pending`: configuration to reason)."""

    grants: tuple[Grant, ...] = ()
    releases: tuple[Release, ...] = ()
    pending: Mapping[str, str] = field(default_factory=dict)


def decide(view: FleetView) -> Decision:
    """Release what the lost hold, then give what is wanted and free to the least loaded runners that are alive."""
    releases = _releases(view)
    released = {release.config_id for release in releases}
    held = {a.config_id: a.instance_id for a in view.assignments if a.instance_id and a.config_id not in released}
    load: Counter[str] = Counter(held.values())
    alive = [lease for lease in view.leases if lease.expires_at >= view.now and not lease.is_draining]
    grants: list[Grant] = []
    pending: dict[str, str] = {}
    for config_id in sorted(c.config_id for c in view.configs if c.is_wanted and c.config_id not in held):
        lease = _least_loaded(alive, load)
        if lease is None:
            pending[config_id] = _why_nobody(view, alive)
            continue
        load[lease.instance_id] += 1
        grants.append(Grant(config_id, lease.runner_id, lease.instance_id))
    return Decision(tuple(grants), releases, pending)


def _releases(view: FleetView) -> tuple[Release, ...]:
    if not view.may_declare_lost:
        return ()
    present = {lease.instance_id for lease in view.leases if lease.expires_at + view.grace >= view.now}
    return tuple(
        Release(a.config_id, a.runner_id or "", a.instance_id, a.epoch)
        for a in view.assignments
        if a.instance_id is not None and a.instance_id not in present
    )


def _least_loaded(alive: Sequence[LeaseView], load: Counter[str]) -> LeaseView | None:
    with_room = [lease for lease in alive if load[lease.instance_id] < lease.capacity]
    return min(
        with_room,
        key=lambda lease: (load[lease.instance_id] / lease.capacity, load[lease.instance_id], lease.runner_id),
        default=None,
    )


def _reason(lease: LeaseView) -> str:
    return f" ({lease.cordon_reason})" if lease.cordon_reason else ""


def _why_nobody(view: FleetView, alive: Sequence[LeaseView]) -> str:
    if alive:
        full = ", ".join(f"{lease.runner_id} {lease.capacity}/{lease.capacity}" for lease in alive[:5])
        return f"no runner has room: {full}; add runners or raise RUNNER_CAPACITY"
    if aside := [lease for lease in view.leases if lease.expires_at >= view.now]:
        named = ", ".join(f"{lease.runner_id}{_reason(lease)}" for lease in aside[:5])
        return f"every runner is set aside: {named}; uncordon one or add runners"
    if silent := [lease for lease in view.leases if lease.expires_at < view.now and not lease.is_draining]:
        last = max(silent, key=lambda lease: lease.expires_at)
        return f"no runner is connected: the lease of {last.runner_id} has run out; start one"
    return "no runner is connected: start one"
