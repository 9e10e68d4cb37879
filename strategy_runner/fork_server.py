"""The clean process that every strategy's process is forked from: no gRPC, no threads, no environment, no sockets but one.

`python -I -c … CONTROL_FD SYS_PATH_JSON`, started by `host.py` with an empty environment. It imports what a worker needs once, so that
a strategy starts within milliseconds and shares that memory. Single-threaded and never blocked by a child: when the runner is gone (end
of the control socket), it ends every child, whatever they are doing.
"""

from __future__ import annotations

import gc
import os
import selectors
import signal
import socket
import time
import traceback
from typing import Final

import msgspec

from strategy_runner import worker
from strategy_runner.process_title import die_with_parent, set_title

_MAX_MESSAGE_BYTES: Final = 4096
_FAREWELL_SECONDS: Final = 1.0  # a child that reads its pipe ends by itself within this


class SpawnChild(msgspec.Struct, frozen=True, tag=True):
    """Fork a child for the pipe that comes along as a file descriptor."""

    request: int
    title: str


class ChildSpawned(msgspec.Struct, frozen=True, tag=True):
    """It runs."""

    request: int
    pid: int


class ChildExited(msgspec.Struct, frozen=True, tag=True):
    """It has ended; `status` as `os.waitstatus_to_exitcode` says it: negative for a signal."""

    pid: int
    status: int


_spawn_decoder: Final = msgspec.msgpack.Decoder(SpawnChild)
_encoder: Final = msgspec.msgpack.Encoder()


class ForkServer:
    """Forks on request, reports exits, ends all when the runner has gone."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: set[int] = set()
        self._wake_reader, self._wake_writer = os.pipe()
        os.set_blocking(self._wake_writer, False)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the runner's to handle
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._wake_reader, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the control socket ends."""
        try:
            while True:
                ready = {key.fd for key, _ in self._selector.select()}
                if self._wake_reader in ready:
                    os.read(self._wake_reader, 4096)
                    self._report_exits()
                if self._control.fileno() in ready and not self._take_request():
                    return
        except ConnectionError:
            return  # the runner went while it was being told something
        finally:
            self._end_children()

    def _take_request(self) -> bool:
        message, descriptors, _flags, _address = socket.recv_fds(self._control, _MAX_MESSAGE_BYTES, 1)
        if not message:
            return False
        request = _spawn_decoder.decode(message)
        pid = os.fork()
        if pid == 0:
            self._become_child(request.title, descriptors[0])
        os.close(descriptors[0])
        self._children.add(pid)
        self._control.send(_encoder.encode(ChildSpawned(request.request, pid)))
        return True

    def _become_child(self, title: str, pipe: int) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self._selector.close()
            self._control.close()
            os.close(self._wake_reader)
            os.close(self._wake_writer)
            os.setsid()
            die_with_parent()
            set_title(title)
            code = worker.main(pipe)
        except BaseException:  # nothing may return into the fork server's loop
            traceback.print_exc()
        finally:
            os._exit(code)

    def _report_exits(self) -> None:
        for pid, status in self._reap():
            self._control.send(_encoder.encode(ChildExited(pid, status)))

    def _reap(self) -> list[tuple[int, int]]:
        ended = []
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            self._children.discard(pid)
            ended.append((pid, os.waitstatus_to_exitcode(status)))
        return ended

    def _end_children(self) -> None:
        deadline = time.monotonic() + _FAREWELL_SECONDS
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.01)
        for pid in self._children:
            os.killpg(pid, signal.SIGKILL)


def main(control_fd: int) -> None:
    """Serve the runner behind `control_fd`."""
    os.environ.clear()  # Python has put LC_CTYPE into the empty one (PEP 538)
    # What is there now stays: without this, the collector would touch, and so copy, every shared page in every child.
    gc.collect()
    gc.freeze()
    ForkServer(socket.socket(fileno=control_fd)).serve()
