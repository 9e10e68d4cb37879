"""The assignment decision: never two holders, capacity respected, epochs only grow, nobody lost too early."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine_server.fleet.domain.assignment import (
    AssignmentView,
    ConfigView,
    FleetView,
    LeaseView,
    decide,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
TTL, GRACE = timedelta(seconds=6), timedelta(seconds=2)


def lease(name: str, *, capacity: int = 2, expires_in: float = 5, draining: bool = False) -> LeaseView:
    return LeaseView(name, f"{name}-process", capacity, NOW + timedelta(seconds=expires_in), draining)


def held(config_id: str, runner: str, epoch: int = 1) -> AssignmentView:
    return AssignmentView(config_id, runner, f"{runner}-process", epoch)


def view(
    configs: list[str],
    leases: list[LeaseView],
    assignments: list[AssignmentView] | None = None,
    *,
    may_declare_lost: bool = True,
) -> FleetView:
    return FleetView(NOW, GRACE, may_declare_lost, [ConfigView(c, True) for c in configs], leases, assignments or [])


def test_wanted_strategies_are_spread_by_load() -> None:
    decision = decide(view(["a", "b", "c", "d"], [lease("r0", capacity=4), lease("r1", capacity=4)]))
    assert Counter(grant.runner_id for grant in decision.grants) == {"r0": 2, "r1": 2}


def test_load_is_measured_against_capacity() -> None:
    decision = decide(
        view(["a", "b", "c"], [lease("big", capacity=20), lease("small", capacity=1)], [held("x", "big")])
    )
    assert Counter(grant.runner_id for grant in decision.grants) == {"big": 2, "small": 1}


def test_a_held_strategy_stays_where_it_is() -> None:
    assert decide(view(["a"], [lease("r0"), lease("r1")], [held("a", "r1")])).grants == ()


def test_without_a_runner_the_reason_says_what_to_do() -> None:
    decision = decide(view(["a"], []))
    assert decision.pending == {"a": "no runner is connected: start one"}


def test_a_silent_runner_is_named() -> None:
    assert "r0" in decide(view(["a"], [lease("r0", expires_in=-1)])).pending["a"]


def test_full_runners_are_named_with_what_they_have() -> None:
    decision = decide(view(["a"], [lease("r0", capacity=1)], [held("x", "r0")]))
    assert "r0 1/1" in decision.pending["a"]


def test_a_draining_runner_gets_nothing_new() -> None:
    assert decide(view(["a"], [lease("r0", draining=True)])).grants == ()


def test_an_expired_lease_is_not_lost_within_the_grace() -> None:
    decision = decide(view(["a"], [lease("r0", expires_in=-1.9), lease("r1")], [held("a", "r0")]))
    assert decision.releases == ()
    assert decision.grants == ()


def test_after_the_grace_the_strategies_of_the_lost_go_to_another() -> None:
    decision = decide(view(["a"], [lease("r0", expires_in=-2.1), lease("r1")], [held("a", "r0", epoch=7)]))
    assert [(release.config_id, release.epoch) for release in decision.releases] == [("a", 7)]
    assert [grant.runner_id for grant in decision.grants] == ["r1"]


def test_an_engine_that_has_just_started_declares_nobody_lost() -> None:
    silent = view(["a"], [lease("r0", expires_in=-60), lease("r1")], [held("a", "r0")], may_declare_lost=False)
    assert decide(silent).releases == ()


def test_an_instance_without_any_lease_is_lost() -> None:
    assert len(decide(view(["a"], [], [held("a", "gone")])).releases) == 1


def test_what_nobody_wants_is_released_from_the_lost_but_given_to_nobody() -> None:
    unwanted = FleetView(NOW, GRACE, True, [ConfigView("a", False)], [lease("r1")], [held("a", "gone")])
    decision = decide(unwanted)
    assert len(decision.releases) == 1
    assert decision.grants == ()
    assert decision.pending == {}


@dataclass
class World:
    """The rows, changed as the engine's statements change them."""

    now: datetime = NOW
    leases: dict[str, LeaseView] = field(default_factory=dict)
    wanted: dict[str, bool] = field(default_factory=dict)
    rows: dict[str, AssignmentView] = field(default_factory=dict)


class FleetMachine(RuleBasedStateMachine):
    """Runners come, beat, fall silent, leave and return under new instances, while strategies are started and stopped."""

    runners = st.sampled_from(["r0", "r1", "r2"])
    configs = st.sampled_from([f"c{i}" for i in range(6)])

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.process = 0
        self.epochs: dict[str, int] = {}

    @rule(runner=runners, capacity=st.integers(1, 3))
    def register(self, runner: str, capacity: int) -> None:
        self.process += 1
        instance = f"{runner}-{self.process}"
        for config_id, row in self.world.rows.items():
            if row.runner_id == runner:
                self._release(config_id)
        self.world.leases[runner] = LeaseView(runner, instance, capacity, self.world.now + TTL)

    @rule(runner=runners)
    def beat(self, runner: str) -> None:
        if known := self.world.leases.get(runner):
            self.world.leases[runner] = replace(known, expires_at=self.world.now + TTL)

    @rule(seconds=st.floats(0.1, 9))
    def time_passes(self, seconds: float) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(runner=runners)
    def goodbye(self, runner: str) -> None:
        gone = self.world.leases.pop(runner, None)
        for config_id, row in self.world.rows.items():
            if gone is not None and row.instance_id == gone.instance_id:
                self._release(config_id)

    @rule(config=configs, wanted=st.booleans())
    def wish(self, config: str, wanted: bool) -> None:
        self.world.wanted[config] = wanted
        row = self.world.rows.get(config)
        if not wanted and row is not None and row.instance_id is not None:
            self._release(config)

    @precondition(lambda self: self.world.wanted)
    @rule(may_declare_lost=st.booleans())
    def decide(self, may_declare_lost: bool) -> None:
        world = self.world
        before = dict(world.rows)
        decision = decide(
            FleetView(
                world.now,
                GRACE,
                may_declare_lost,
                [ConfigView(c, w) for c, w in world.wanted.items()],
                list(world.leases.values()),
                list(world.rows.values()),
            )
        )
        for release in decision.releases:
            assert world.rows[release.config_id].instance_id == release.instance_id
            self._release(release.config_id)
        assert len({grant.config_id for grant in decision.grants}) == len(decision.grants)
        for grant in decision.grants:
            row = world.rows.get(grant.config_id)
            assert row is None or row.instance_id is None, "granted while somebody holds it"
            assert world.wanted[grant.config_id]
            assert world.leases[grant.runner_id].expires_at >= world.now, "granted to a runner that is silent"
            epoch = (row.epoch if row else 0) + 1
            world.rows[grant.config_id] = AssignmentView(grant.config_id, grant.runner_id, grant.instance_id, epoch)
        for config_id, wanted in world.wanted.items():
            after = world.rows.get(config_id)
            if wanted and (after is None or after.instance_id is None):
                assert decision.pending[config_id]
        assert may_declare_lost or all(
            world.rows[c].instance_id == row.instance_id for c, row in before.items() if row.instance_id
        )

    def _release(self, config_id: str) -> None:
        self.world.rows[config_id] = replace(self.world.rows[config_id], runner_id=None, instance_id=None)

    @invariant()
    def epochs_only_grow(self) -> None:
        for config_id, row in self.world.rows.items():
            assert row.epoch >= self.epochs.get(config_id, 0)
            self.epochs[config_id] = row.epoch

    @invariant()
    def nobody_holds_more_than_it_takes(self) -> None:
        load = Counter(row.instance_id for row in self.world.rows.values() if row.instance_id)
        for known in self.world.leases.values():
            assert load[known.instance_id] <= known.capacity


TestFleetMachine = FleetMachine.TestCase
TestFleetMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
