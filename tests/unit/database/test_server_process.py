"""A server as our child: stopped within bounds, logged, and never as root where it must not be."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.datastores import temporary_state_dir
from tests.support.waiting import eventually
from tradewinds.embedded import server_process
from tradewinds.embedded.relocation import may_enter, reachable_installation, reachable_state
from tradewinds.embedded.server_process import EmbeddedServerError, RunAs, ServerProcess, StopStep
from tradewinds.embedded.state_dir import StateDir, end_leftover
from tradewinds.embedded.unprivileged import run_as_for

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
POLITE = "import time; print('ready', flush=True); time.sleep(60)"


async def started(program: str, log_file: Path) -> ServerProcess:
    process = await ServerProcess.start([sys.executable, "-c", program], log_file=log_file, death_signal=signal.SIGKILL)
    await eventually(lambda: "ready" in process.log_tail())
    return process


async def test_a_process_that_ends_when_asked_is_not_killed(tmp_path: Path) -> None:
    process = await started(POLITE, tmp_path / "log")

    await process.stop((StopStep(signal.SIGTERM, 5),))

    assert process.exit_code == -signal.SIGTERM


async def test_a_process_that_will_not_end_is_killed(tmp_path: Path) -> None:
    process = await started(STUBBORN, tmp_path / "log")

    await process.stop((StopStep(signal.SIGTERM, 0.1),))
    await process.stop((StopStep(signal.SIGTERM, 0.1),))

    assert process.exit_code == -signal.SIGKILL


async def test_a_process_inherits_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAL_KEY", "hush")
    process = await started("import os; print('ready', sorted(os.environ))", tmp_path / "log")

    assert await process.wait() == 0
    assert "SEAL_KEY" not in process.log_tail()


async def test_the_log_tail_is_of_this_run(tmp_path: Path) -> None:
    first = await started("print('ready one')", tmp_path / "log")
    await first.wait()
    second = await started("print('ready two')", tmp_path / "log")
    await second.wait()

    assert second.log_tail() == "ready two"
    assert (tmp_path / "log").read_text() == "ready one\nready two\n"


async def test_a_long_log_begins_anew_and_keeps_one_older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "_LOG_ROTATE_BYTES", 10)
    for word in ("ready first", "ready second", "ready third"):
        await (await started(f"print('{word}')", tmp_path / "log")).wait()

    assert (tmp_path / "log").read_text() == "ready third\n"
    assert (tmp_path / "log.1").read_text() == "ready second\n"


def test_an_ordinary_user_runs_servers_as_itself() -> None:
    assert run_as_for(1000) is None


def test_root_runs_servers_as_a_user_that_exists() -> None:
    run_as = run_as_for(0)

    assert run_as is not None
    assert run_as.uid == pwd.getpwnam(run_as.name).pw_uid != 0


def test_root_without_such_a_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewinds.embedded.unprivileged._USERS_FOR_ROOT", ("no-such-user",))

    with pytest.raises(
        EmbeddedServerError, match="none of the users no-such-user exists: run as an ordinary user, add"
    ):
        run_as_for(0)


@pytest.fixture
def stranger() -> RunAs:
    return RunAs("stranger", uid=os.getuid() + 12345, gid=12345)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with temporary_state_dir() as folder:
        yield folder


def test_what_a_user_can_reach_stays_where_it_is(open_folder: Path, stranger: RunAs) -> None:
    shared, state = open_folder / "shared", open_folder / "state"
    assert reachable_state(stranger, state, shared) == state
    (open_folder / "bin").mkdir()
    assert reachable_installation(stranger, open_folder, ["bin"], shared) == open_folder
    assert not shared.exists()


def test_what_is_in_a_closed_folder_goes_elsewhere_and_the_folder_stays_closed(
    open_folder: Path, stranger: RunAs
) -> None:
    closed, shared = open_folder / "closed", open_folder / "shared"
    for name in ("server/bin", "server.libs"):
        (closed / name).mkdir(parents=True)
        (closed / name / "file").write_text(name)
    closed.chmod(0o700)

    copy = reachable_installation(stranger, closed, ["server/bin", "server.libs"], shared)
    assert [(copy / name / "file").read_text() for name in ("server/bin", "server.libs")] == [
        "server/bin",
        "server.libs",
    ]
    assert may_enter(stranger, copy / "server" / "bin")
    assert reachable_installation(stranger, closed, ["server/bin", "server.libs"], shared) == copy

    state = reachable_state(stranger, closed / "state", shared)
    assert state.parent == shared
    assert reachable_state(stranger, closed / "state", shared) == state  # the next start finds it again
    assert closed.stat().st_mode & 0o777 == 0o700


def test_a_password_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.acquire()

    assert state.password() == state.password()
    assert len(state.password()) >= 32
    assert (tmp_path / "state" / "password").stat().st_mode & 0o777 == 0o600
    state.release()


def test_a_released_folder_may_be_taken(tmp_path: Path) -> None:
    first, second = StateDir(tmp_path / "state"), StateDir(tmp_path / "state")
    first.acquire()
    with pytest.raises(EmbeddedServerError, match=f"in use by process {os.getpid()}"):
        second.acquire()

    first.release()
    first.release()
    second.acquire()
    second.release()


@pytest.mark.parametrize("content", ["", "not a pid", "999999999", "our own"])
def test_a_pid_file_of_nobody_or_somebody_else_is_removed_and_nobody_is_ended(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(os.getpid()) if content == "our own" else content)

    end_leftover(pid_file, "postgres", str(tmp_path))

    assert not pid_file.exists()
