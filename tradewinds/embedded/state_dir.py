"""The folder that an embedded server keeps its state in: one owner at a time, a password, a port, no leftovers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
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

    def password(self, owner: RunAs | None = None) -> str:
        """The generated password, made at the first call; its file can be read by `owner` alone (default: us)."""
        file = self.path / "password"
        if not file.exists():
            unfinished = self.path / "password.new"
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


def end_leftover(pid_file: Path, program: Path, marker: str) -> None:
    """End the server that a killed owner left behind, and remove its pid file. Blocks: call it in a thread.

    The first line of `pid_file` is the pid. It may be anybody's by now: only a process whose executable is `program` and whose
    command line names `marker` is ours.
    """
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        is_ours = Path(process.exe()) == program.resolve() and any(marker in word for word in process.cmdline())
    except (FileNotFoundError, ValueError, IndexError, psutil.Error):
        is_ours = False
    if is_ours:
        _end(process)
    pid_file.unlink(missing_ok=True)


def _end(process: psutil.Process) -> None:
    """SIGINT is PostgreSQL's fast shutdown; Valkey takes it as a request to shut down too."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(2)
        try:
            process.wait(_LEFTOVER_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(_LEFTOVER_SECONDS)
