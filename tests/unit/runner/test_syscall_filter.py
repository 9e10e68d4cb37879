"""The filter's decisions, by a machine that runs its program as the kernel does."""

from __future__ import annotations

import errno

import pytest

from strategy_runner.syscall_filter import AARCH64, ALLOW, ERRNO, KILL, X86_64, Architecture, program

OWN, OTHER, CLONE_THREAD, CLONE_VFORK = 4711, 1, 0x10000, 0x4000
REFUSED = ERRNO | errno.EPERM
READ = {X86_64.audit: 0, AARCH64.audit: 63}
both = pytest.mark.parametrize("architecture", [X86_64, AARCH64], ids=["x86_64", "aarch64"])


def decide(architecture: Architecture, number: int, argument: int = 0, audit: int | None = None) -> int:
    """What the program of process OWN answers to one system call."""
    data = {0: number, 4: architecture.audit if audit is None else audit, 16: argument}
    lines, accumulator, at = program(architecture, OWN), 0, 0
    while True:
        code, if_true, if_false, constant = lines[at]
        at += 1
        match code:
            case 0x20:
                accumulator = data[constant]
            case 0x15 | 0x35 | 0x45:
                holds = {
                    0x15: accumulator == constant,
                    0x35: accumulator >= constant,
                    0x45: bool(accumulator & constant),
                }
                at += if_true if holds[code] else if_false
            case 0x06:
                return constant


@both
def test_ordinary_calls_pass(architecture: Architecture) -> None:
    assert decide(architecture, READ[architecture.audit]) == ALLOW


@both
@pytest.mark.parametrize(
    "name", ["socket", "socketpair", "connect", "execve", "io_uring_setup", "ptrace", "pidfd_getfd"]
)
def test_network_and_processes_are_refused(architecture: Architecture, name: str) -> None:
    assert decide(architecture, architecture.calls[name]) == REFUSED


def test_fork_and_vfork_are_refused_where_they_exist() -> None:
    assert decide(X86_64, X86_64.calls["fork"]) == REFUSED
    assert decide(X86_64, X86_64.calls["vfork"]) == REFUSED


@both
def test_threads_may_begin_processes_may_not(architecture: Architecture) -> None:
    clone = architecture.calls["clone"]
    assert decide(architecture, clone, CLONE_THREAD | 0xF00) == ALLOW
    assert decide(architecture, clone, CLONE_VFORK) == REFUSED
    assert decide(architecture, architecture.calls["clone3"]) == ERRNO | errno.ENOSYS


@both
def test_signals_go_to_itself_alone(architecture: Architecture) -> None:
    for name in ("kill", "tgkill", "tkill", "rt_sigqueueinfo"):
        assert decide(architecture, architecture.calls[name], OWN) == ALLOW
        assert decide(architecture, architecture.calls[name], OTHER) == REFUSED
        assert decide(architecture, architecture.calls[name], 0) == REFUSED
    for name in ("prlimit64", "sched_setaffinity"):
        assert decide(architecture, architecture.calls[name], 0) == ALLOW
        assert decide(architecture, architecture.calls[name], OTHER) == REFUSED


@both
def test_it_cannot_outlive_its_runner(architecture: Architecture) -> None:
    assert decide(architecture, architecture.calls["prctl"], 1) == REFUSED
    assert decide(architecture, architecture.calls["prctl"], 15) == ALLOW


@both
def test_another_kind_of_call_kills(architecture: Architecture) -> None:
    assert decide(architecture, 0, audit=0x40000003) == KILL


def test_the_second_numbers_of_x86_are_refused() -> None:
    assert decide(X86_64, 0x40000000 | X86_64.calls["socket"]) == REFUSED
