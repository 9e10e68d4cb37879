"""What an operator, a machine or bad luck does to a fleet: each fault by name, its details drawn by the run's seed."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import psutil

from tests.robustness.faults import Faults
from tests.robustness.fleet_rig import FleetRig
from tests.support.waiting import eventually

_COMMAND_SECONDS = 40.0
_QUARANTINE_SECONDS = 120.0  # six crashes, each restart after a longer wait
_CRASH_SECONDS = 90.0  # one that blocks is asked after half a minute, and killed later
ROGUE = "rogue-"
ROGUE_WAYS = ("dies", "spins", "sleeps", "leaks", "forks", "opens")
_PAGED = """
    SELECT 1 FROM notifications
    WHERE type = 'STRATEGY_QUARANTINED' AND must_acknowledge AND data->>'config_id' = $1
"""
_CRASHED = "SELECT detail FROM strategy_runs WHERE config_id = $1 AND outcome = 'CRASHED'"
_KILLS_EACH = 4  # of a strategy, which six crashes within ten minutes would quarantine


class FleetFaults:
    """`strike(name)` does it and returns as soon as it is done; `moves_nothing` are those that may change no epoch."""

    def __init__(self, rig: FleetRig, dice: random.Random, *, runners: int, many: int, ttl_seconds: float) -> None:
        self._rig = rig
        self._dice = dice
        self._few, self._many = runners, many
        self._beyond_lease = ttl_seconds * 1.5
        self._of_up = Faults(rig.up)
        self._kills: Counter[str] = Counter()
        self._rogues: list[str] = []
        self.table: Final[dict[str, Callable[[], Awaitable[None]]]] = {
            "runner_killed": self._runner_killed,
            "runner_lost": self._runner_lost,
            "runner_frozen": self._runner_frozen,
            "runner_cut_off": self._runner_cut_off,
            "runner_cut_off_1s": lambda: self._without_engines(self._a_runner(), 1),
            "runner_doubled": lambda: self._rig.start_another(self._a_runner()),
            "runner_drained": self._runner_drained,
            "scaled": self._scaled,
            "leader_killed": self._leader_killed,
            "follower_killed": self._follower_killed,
            "leader_frozen": self._leader_frozen,
            "leader_cut_off_from_database": self._leader_cut_off_from_database,
            "engines_20s": lambda: self._keep_dead(self._engines(), 20),
            "strategies_killed": self._strategies_killed,
            "strategy_restarted": self._strategy_restarted,
            "strategy_stopped_and_started": self._stopped_and_started,
            "postgres_1s": lambda: self._rig.without("postgres", 1, crash=True),
            "postgres_5s": lambda: self._rig.without("postgres", 5, crash=False),
            "valkey_1s": lambda: self._rig.without("valkey", 1, crash=True),
            "valkey_5s": lambda: self._rig.without("valkey", 5, crash=False),
            "postgres_20s": lambda: self._rig.without("postgres", 20, crash=False),
            "valkey_20s": lambda: self._rig.without("valkey", 20, crash=True),
            **{f"rogue_{way}": partial(self._rogue, way) for way in ROGUE_WAYS},
        }

    moves_nothing: Final = frozenset(
        {"leader_killed", "follower_killed", "runner_cut_off_1s", "engines_20s"}
        | {f"{store}_{seconds}s" for store in ("postgres", "valkey") for seconds in (1, 5, 20)}
        | {f"rogue_{way}" for way in ROGUE_WAYS}
    )

    async def strike(self, name: str) -> None:
        """Do it."""
        await self.table[name]()

    async def outage(self, what: str, seconds: float) -> None:
        """As a night has them: `engines` (all of them), `postgres`, `valkey` or a `runner` are away for so long."""
        if what == "engines":
            await self._keep_dead(self._engines(), seconds)
        elif what == "runner":
            name = self._a_runner()
            await self._rig.runners[name].stop()
            await asyncio.sleep(seconds)
            await self._rig.start_runner(name)
        else:
            await self._rig.without(what, seconds, crash=self._dice.random() < 0.5)

    async def _keep_dead(self, names: list[str], seconds: float) -> None:
        """They are started again at once, and killed again as soon as they are there."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for pid in filter(None, map(self._of_up.pid, names)):
                self._kill(pid)
            await asyncio.sleep(0.2)

    async def _runner_killed(self) -> None:
        """And started again at once, as its StatefulSet does."""
        name = self._a_runner()
        await self._rig.runners[name].kill()
        await self._rig.start_runner(name)

    async def _runner_lost(self) -> None:
        """Its node is gone: nobody starts it before its strategies run elsewhere."""
        name = self._a_runner()
        instance = await self._instance(name)
        await self._rig.runners[name].kill()
        await self._released(instance)
        await self._rig.start_runner(name)

    async def _runner_frozen(self) -> None:
        """For longer than its lease and the grace: when it thaws, its strategies run elsewhere."""
        runner = self._rig.runners[self._a_runner()]
        everything = [runner.pid, *(child.pid for child in psutil.Process(runner.pid).children(recursive=True))]
        # The strategies thaw with it in one case, and go on without it in the other.
        await self._freeze(everything if self._dice.random() < 0.5 else everything[:1])

    async def _runner_cut_off(self) -> None:
        """From every engine, until its strategies run elsewhere: it must have closed its gate before, and hears of it when it is back."""
        name = self._a_runner()
        instance = await self._instance(name)
        for wire in self._rig.wires[name]:
            wire.silence()
        try:
            await self._released(instance)
        finally:
            for wire in self._rig.wires[name]:
                wire.mend()

    async def _without_engines(self, name: str, seconds: float) -> None:
        for wire in self._rig.wires[name]:
            wire.silence()
        await asyncio.sleep(seconds)
        for wire in self._rig.wires[name]:
            wire.mend()

    async def _leader_cut_off_from_database(self) -> None:
        """For longer than its lease: its runners find the other engine."""
        self._rig.cut_off_from_database(self._pid(await self._leader()))
        try:
            await asyncio.sleep(self._beyond_lease + self._dice.uniform(0, 2))
        finally:
            self._rig.mend_database()

    async def _rogue(self, way: str) -> None:
        """A stranger is started, and ends as it must; it is removed in the end."""
        config_id = f"{ROGUE}{way}-{len(self._rogues)}"
        self._rogues.append(config_id)
        body = {
            "config_id": config_id,
            "module_path": "fleet_strategies.rogue",
            "class_name": "Rogue",
            "config": {"symbols": ["RELIANCE"], "way": way},
        }
        answer = await self._rig.up.rest.post("/v1/strategy-configs", json=body)
        assert answer.status_code == 200, answer.text
        await self._command(config_id, "START")
        if way == "dies":
            await self._becomes(config_id, "QUARANTINED", _QUARANTINE_SECONDS)
            assert await self._rig.rows(_PAGED, config_id), f"nobody was told of {config_id}"
            await self._command(config_id, "RELEASE")
        else:
            await self._crashes(config_id)
            await self._command(config_id, "STOP")
        await self._becomes(config_id, "STOPPED", _COMMAND_SECONDS)
        answer = await self._rig.up.rest.delete(f"/v1/strategy-configs/{config_id}")
        assert answer.status_code == 200, answer.text

    async def _crashes(self, config_id: str) -> None:
        async def crashed() -> bool:
            rows = await self._rig.rows(
                "SELECT state, state_reason FROM strategy_configs WHERE config_id = $1", config_id
            )
            assert await self._rig.rows(_CRASHED, config_id), dict(rows[0])
            return True

        await eventually(crashed, timeout=_CRASH_SECONDS, interval=0.2, what=f"{config_id} has crashed")

    async def _becomes(self, config_id: str, state: str, seconds: float) -> None:
        async def become() -> bool:
            rows = await self._rig.rows(
                "SELECT state, state_reason FROM strategy_configs WHERE config_id = $1", config_id
            )
            assert rows[0]["state"] == state, dict(rows[0])
            return True

        await eventually(become, timeout=seconds, interval=0.2, what=f"{config_id} is {state}")

    async def _runner_drained(self) -> None:
        name = self._a_runner()
        answer = await self._rig.up.rest.post(f"/v1/runners/{name}:drain", json={"reason": "chaos"})
        assert answer.status_code == 200, answer.text

        async def empty() -> bool:
            return not await self._rig.rows(
                "SELECT 1 FROM assignments WHERE runner_id = $1 AND instance_id IS NOT NULL", name
            )

        await eventually(empty, timeout=_COMMAND_SECONDS, interval=0.1, what=f"{name} is empty")
        answer = await self._rig.up.rest.post(f"/v1/runners/{name}:uncordon", json={"reason": "chaos"})
        assert answer.status_code == 200, answer.text

    async def _scaled(self) -> None:
        """Down to one, up to many, and back: 3 → 1 → 5 → 3."""
        for count in (1, self._many, self._few):
            await self._rig.scale(count)
            await asyncio.sleep(self._dice.uniform(0.2, 1.5))

    async def _leader_killed(self) -> None:
        """While another engine is there to follow it: one that dies again and again is started again after longer and longer pauses."""
        await eventually(
            lambda: all(psutil.pid_exists(self._of_up.pid(name) or -1) for name in self._engines()),
            timeout=_COMMAND_SECONDS,
            interval=0.1,
            what="every engine is up",
        )
        self._kill(self._pid(await self._leader()))

    async def _follower_killed(self) -> None:
        leader = await self._leader()
        self._kill(self._pid(next(name for name in self._engines() if name != leader)))

    async def _leader_frozen(self) -> None:
        await self._freeze([self._pid(await self._leader())])

    async def _strategies_killed(self) -> None:
        """Three at once, at any moment of their turns: between an order and its checkpoint, too."""
        running = await self._rig.rows("SELECT config_id, pid FROM strategy_runs WHERE outcome = 'RUNNING'")
        victims = [row for row in running if self._kills[row["config_id"]] < _KILLS_EACH]
        for row in self._dice.sample(victims, min(3, len(victims))):
            await asyncio.sleep(self._dice.uniform(0, 0.3))
            self._kills[row["config_id"]] += 1
            self._kill(row["pid"])

    async def _strategy_restarted(self) -> None:
        await self._command(await self._a_config(), "RESTART")

    async def _stopped_and_started(self) -> None:
        config_id = await self._a_config()
        await self._command(config_id, "STOP")
        await self._command(config_id, "START")

    async def _command(self, config_id: str, verb: str) -> None:
        await self._rig.rows(
            "INSERT INTO strategy_commands (config_id, verb, reason) VALUES ($1, $2, 'chaos')", config_id, verb
        )

    async def _freeze(self, pids: list[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(self._beyond_lease + self._dice.uniform(0, 2))
        finally:
            for pid in pids:
                self._kill(pid, signal.SIGCONT)

    @staticmethod
    def _kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        if psutil.pid_exists(pid):
            os.kill(pid, number)

    def _pid(self, engine: str) -> int:
        pid = self._of_up.pid(engine)
        assert pid, f"{engine} is not running"
        return pid

    def _engines(self) -> list[str]:
        return sorted(name for name in self._rig.up.facts["grpc"] if name.startswith("engine-"))

    async def _leader(self) -> str:
        """One that lives: the row names a dead one until its lease has run out."""

        async def alive() -> str:
            name = str((await self._rig.rows("SELECT engine_id FROM fleet_leader"))[0]["engine_id"])
            return name if psutil.pid_exists(self._of_up.pid(name) or -1) else ""

        leader: str = await eventually(alive, timeout=_COMMAND_SECONDS, interval=0.1, what="an engine leads")
        return leader

    async def _instance(self, name: str) -> str:
        rows = await self._rig.rows("SELECT instance_id FROM runner_leases WHERE runner_id = $1", name)
        return str(rows[0]["instance_id"])

    async def _released(self, instance_id: str) -> None:
        async def nothing_there() -> bool:
            return not await self._rig.rows("SELECT 1 FROM assignments WHERE instance_id = $1", instance_id)

        await eventually(nothing_there, timeout=_COMMAND_SECONDS, interval=0.1, what=f"{instance_id} is declared lost")

    def _a_runner(self) -> str:
        return self._dice.choice(sorted(self._rig.runners))

    async def _a_config(self) -> str:
        rows = await self._rig.rows("SELECT config_id FROM strategy_configs ORDER BY config_id")
        return str(self._dice.choice(rows)["config_id"])
