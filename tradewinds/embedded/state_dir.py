"""The folder that an embedded server keeps its state in: one owner at a time, a password, a port, no leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import time
from pathlib import Path

import psutil

from tradewinds.embedded.server_process import EmbeddedServerError, RunAs

_LEFTOVER_SECONDS = 10.0


class StateDir:
    """`path` is created when missing. `acquire` takes the lock, which the kernel releases however its owner ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock_fd: int | None = None

    def acquire(self) -> None:
        """Become the owner; raises `EmbeddedServerError` naming the owner while somebody else is."""
        self.path.mkdir(parents=True, exist_ok=True)
        # A server that runs under another user has to pass through; what is secret has a mode of its own.
        self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock_fd = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            owner = os.read(lock_fd, 32).decode().strip() or "unknown"
            os.close(lock_fd)
            raise EmbeddedServerError(
                f"{self.path} is in use by process {owner}; stop that one, or choose another state folder"
            ) from e
        os.ftruncate(lock_fd, 0)
        os.pwrite(lock_fd, f"{os.getpid()}\n".encode(), 0)
        self._lock_fd = lock_fd

    def release(self) -> None:
        """Let another process own the folder. Does nothing when we do not."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def password(self, owner: RunAs | None = None, *, of: str = "") -> str:
        """The generated password (`of` somebody else than the server's owner), made at the first call; its file can be read by `owner`
        alone (default: us)."""
        file = self.path / (f"{of}.password" if of else "password")
        if not file.exists():
            unfinished = file.with_name(f"{file.name}.new")
            unfinished.unlink(missing_ok=True)
            fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w") as stream:
                stream.write(secrets.token_urlsafe(24))
            unfinished.replace(file)
        if owner is not None:
            os.chown(file, owner.uid, owner.gid)
        return file.read_text().strip()

    def choose_port(self) -> int:
        """The port of last time while it is free, so that a printed URL stays good; otherwise a free one."""
        with contextlib.suppress(OSError, ValueError):
            remembered = int((self.path / "port").read_text())
            if _is_free(remembered):
                return remembered
        return self.choose_new_port()

    def choose_new_port(self) -> int:
        """A free loopback port, remembered. Somebody may still be faster: starting tries again with another one."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        (self.path / "port").write_text(f"{port}\n")
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def end_leftover(pid_file: Path, program: str, marker: str) -> None:
    """End the server that a killed owner left behind, and remove its pid file. Blocks: call it in a thread.

    The first line of `pid_file` is the pid. It may be anybody's by now: only a process that runs `program` and whose command line
    names `marker` (its data) is ours. Raises `EmbeddedServerError` when that one cannot be ended.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        is_ours = Path(process.exe()).name == program and any(marker in word for word in process.cmdline())
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        is_ours = False
    if is_ours and not (_ended_by(process, signal.SIGINT) or _ended_by(process, signal.SIGKILL)):
        raise EmbeddedServerError(f"process {process.pid} still uses {pid_file.parent} and does not end: kill it")
    pid_file.unlink(missing_ok=True)


def _ended_by(process: psutil.Process, number: signal.Signals) -> bool:
    """Whether it ended within 10 s. SIGINT is PostgreSQL's fast shutdown, and Valkey's request to shut down."""
    deadline = time.monotonic() + _LEFTOVER_SECONDS
    try:
        process.send_signal(number)
        # A zombie has ended: in a container nobody may be there to reap it.
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        pass
    return True
