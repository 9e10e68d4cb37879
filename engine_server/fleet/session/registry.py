"""The sessions of one engine: opened by Register, one per runner name, the newest process wins."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

from prometheus_client import Gauge

from engine_server.fleet import leases, releases
from engine_server.fleet.faults import DATABASE_FAULTS, RETRY_SECONDS
from engine_server.fleet.leases import RunnerIdentity
from engine_server.fleet.session.messages import identity_of
from engine_server.fleet.session.runner_session import RunnerSession, SessionParts
from tradewinds.config import LeaseSettings
from tradewinds.database.session import Database
from tradewinds.errors import UnavailableError
from tradewinds.telemetry import get_logger
from tradewinds.v1 import strategy_runner_pb2 as pb

log = get_logger("fleet.session")

_CONNECTED = Gauge("tradewinds_runner_sessions", "Runners connected to this engine")
_REMEMBERED = 1000


class SessionRegistry:
    """Opens, keeps and ends sessions. `changed(config_ids)` is called when strategies were released or runners came."""

    def __init__(
        self,
        database: Database,
        lease_settings: LeaseSettings,
        engine_id: str,
        parts: SessionParts,
        changed: Callable[[list[str]], None],
    ) -> None:
        self._database = database
        self._leases = lease_settings
        self._engine_id = engine_id
        self._parts = parts
        self._changed = changed
        self._sessions: dict[str, RunnerSession] = {}
        self._superseded: OrderedDict[str, None] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    def all(self) -> list[RunnerSession]:
        """Those that stand now."""
        return list(self._sessions.values())

    def any(self) -> RunnerSession | None:
        """The least loaded runner, to ask it something."""
        return min(self._sessions.values(), key=lambda session: len(session.held), default=None)

    async def open(self, register: pb.Register) -> RunnerSession:
        """Claim the lease and stand. The first message on the session's outgoing is Welcome, or Superseded for a process that a
        newer one has replaced. Raises `InvalidArgumentError` for a bad Register, `UnavailableError` while the database is away."""
        identity = identity_of(register)
        session = RunnerSession(identity, register, self._parts)
        if identity.instance_id in self._superseded:
            session.supersede("", f"a newer process has the name {identity.runner_id}; this one is over")
            return session
        released = await self._claim(identity)
        self._replace(session)
        session.outgoing.try_send(
            welcome=pb.Welcome(
                session_id=session.session_id,
                lease_ttl_seconds=self._leases.ttl_seconds,
                heartbeat_seconds=self._leases.heartbeat_seconds,
                gate_close_seconds=self._leases.gate_close_seconds,
            )
        )
        log.info(
            "opened", runner_id=identity.runner_id, instance_id=identity.instance_id, capacity=identity.capacity,
            build=identity.build, held=sorted(session.held),
        )  # fmt: skip
        self._changed(released)
        return session

    def serve(self, session: RunnerSession, requests: AsyncIterator[pb.SessionRequest]) -> None:
        """Run the session in the background; its end is looked after here."""
        task = asyncio.get_running_loop().create_task(
            self._live(session, requests), name=f"session {session.runner_id}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """The engine stops: runners are told to come back, and what they have said is written."""
        for session in self.all():
            session.outgoing.end(UnavailableError("this engine stops; reconnect and resume", reason="ENGINE_STOPPING"))
            session.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._leases.grace_seconds)
            for task in late:
                task.cancel()

    async def _claim(self, identity: RunnerIdentity) -> list[str]:
        reason = f"runner {identity.runner_id} was replaced by a newer process"
        try:
            async with self._database.session() as session:
                await leases.claim(session, identity, self._engine_id, self._leases)
                # The name's older process is dead or about to be told: its strategies need not wait for its lease.
                older = await releases.older_instances(session, identity.runner_id, identity.instance_id)
                released = await releases.release_instances(session, older, run_outcome="LOST", reason=reason)
                await session.commit()
        except DATABASE_FAULTS as e:
            raise UnavailableError(f"the lease cannot be written now ({type(e).__name__}); register again") from e
        return released

    def _replace(self, session: RunnerSession) -> None:
        older = self._sessions.get(session.runner_id)
        self._sessions[session.runner_id] = session
        _CONNECTED.set(len(self._sessions))
        if older is None:
            return
        if older.identity.instance_id != session.identity.instance_id:
            self._superseded[older.identity.instance_id] = None
            if len(self._superseded) > _REMEMBERED:
                self._superseded.popitem(last=False)
            older.supersede("", f"a newer process has the name {session.runner_id}")
        else:
            older.outgoing.end()  # the same process on a new stream: the old one is a remnant
        older.close()

    async def _live(self, session: RunnerSession, requests: AsyncIterator[pb.SessionRequest]) -> None:
        try:
            try:
                await session.run(requests)
            finally:
                if self._sessions.get(session.runner_id) is session:
                    del self._sessions[session.runner_id]
                _CONNECTED.set(len(self._sessions))
            log.info("closed", runner_id=session.runner_id, goodbye=session.goodbye)
            if session.goodbye is not None:
                await self._farewell(session.identity, session.goodbye)
        finally:
            session.outgoing.end()

    async def _farewell(self, identity: RunnerIdentity, reason: str) -> None:
        while True:
            try:
                async with self._database.session() as session:
                    await leases.give_up(session, identity)
                    released = await releases.release_instances(
                        session,
                        [identity.instance_id],
                        run_outcome="MOVED",
                        reason=f"runner {identity.runner_id} has left: {reason}",
                    )
                    await session.commit()
                break
            except DATABASE_FAULTS as e:
                log.warning_throttled("farewell.waits", runner_id=identity.runner_id, error=repr(e))
                await asyncio.sleep(RETRY_SECONDS)
        self._changed(released)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("failed", session=task.get_name(), error=repr(error), exc_info=error)
