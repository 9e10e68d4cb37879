"""The register of faults: what was asked for, and the one question the rest of the broker puts to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.faults.names import FaultName


@dataclass(frozen=True, slots=True)
class FaultRequest:
    """A fault as somebody asked for it.

    `route` empty means everywhere; else it is compared with where the fault would strike: the whole path, or its last
    part ("placeOrder"); "market" or "orders" for the sockets; "NSE:3045" for exchange and prices. `count` is how often it strikes
    at most (None: for ever), `probability` how likely it is each time.
    """

    name: FaultName
    route: str = ""
    count: int | None = 1
    probability: float = 1.0
    delay_seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    def strikes_at(self, route: str) -> bool:
        return self.route in ("", route) or route.endswith(f"/{self.route.lstrip('/')}")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that strikes now, to be carried out by whoever took it."""

    fault_id: int
    name: FaultName
    route: str
    delay_seconds: float
    details: Mapping[str, Any]
    about: str = ""


@dataclass(slots=True)
class _Standing:
    """A request with what is left of it."""

    fault_id: int
    request: FaultRequest
    left: int | None
    taken: int = 0

    def published(self) -> dict[str, Any]:
        request = self.request
        return {
            "id": self.fault_id,
            "fault": request.name.value,
            "route": request.route,
            "count": request.count,
            "probability": request.probability,
            "delay_seconds": request.delay_seconds,
            "details": dict(request.details),
            "taken": self.taken,
            "left": self.left,
        }


class Faults:
    """Standing faults by name. Chance is seeded per name, so one fault's draws do not shift another's."""

    def __init__(self, seed: int, on_taken: Callable[[Fault], None] = lambda fault: None) -> None:
        """`on_taken` hears of every fault before it is carried out: it is the truth log's."""
        self._seed = seed
        self._on_taken = on_taken
        self._standing: dict[FaultName, list[_Standing]] = {}
        self._chances: dict[FaultName, random.Random] = {}
        self._last_id = 0

    @property
    def none_stands(self) -> bool:
        """Whether there is nothing to ask for: the short cut of hot paths."""
        return not self._standing

    def add(self, request: FaultRequest) -> int:
        """Let a fault stand from now on; returns its id."""
        self._last_id += 1
        standing = _Standing(self._last_id, request, request.count)
        self._standing.setdefault(request.name, []).append(standing)
        return self._last_id

    def clear(self) -> int:
        """Take all of them away; returns how many stood."""
        count = sum(len(standing) for standing in self._standing.values())
        self._standing.clear()
        return count

    def remove(self, fault_id: int) -> bool:
        """Take one away; False when no such fault stands."""
        for name, standing in self._standing.items():
            if any(s.fault_id == fault_id for s in standing):
                self._keep(name, [s for s in standing if s.fault_id != fault_id])
                return True
        return False

    def standing(self) -> list[dict[str, Any]]:
        """What stands, oldest first, as the control route shows it."""
        everything = [s for standing in self._standing.values() for s in standing]
        return [s.published() for s in sorted(everything, key=lambda s: s.fault_id)]

    def take(self, name: str, route: str = "", about: str = "") -> Fault | None:
        """The fault of this name that strikes here and now, if one does. Cheap when none stands: it is asked at every tick.

        `about` says for the truth log whom it strikes: an order id, a request. Raises
        ValueError for a name that is not in FaultName: a defect of the caller.
        """
        standing = self._standing.get(FaultName(name)) if self._standing else None
        if not standing:
            return None
        for one in standing:
            if one.request.strikes_at(route) and self._chance(one.request):
                return self._strike(one, route, about)
        return None

    def _chance(self, request: FaultRequest) -> bool:
        if request.probability >= 1:
            return True
        if request.name not in self._chances:
            self._chances[request.name] = random.Random(f"{self._seed}:fault:{request.name}")
        return self._chances[request.name].random() < request.probability

    def _strike(self, one: _Standing, route: str, about: str) -> Fault:
        request = one.request
        one.taken += 1
        if one.left is not None:
            one.left -= 1
            self._keep(request.name, [s for s in self._standing[request.name] if s.left != 0])
        fault = Fault(one.fault_id, request.name, route, request.delay_seconds, request.details, about)
        self._on_taken(fault)
        return fault

    def _keep(self, name: FaultName, standing: list[_Standing]) -> None:
        if standing:
            self._standing[name] = standing
        else:
            del self._standing[name]
