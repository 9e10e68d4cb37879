"""Asks the kernel, before the first strategy comes, whether it will hold one."""

from __future__ import annotations

import asyncio
from typing import Final

from strategy_runner import protocol
from strategy_runner.confinement import Confinement
from strategy_runner.host import ProcessHost
from tradewinds.errors import ConfigurationError
from tradewinds.telemetry import get_logger

log = get_logger("confinement")

_ANSWER_SECONDS: Final = 10.0


async def check_confinement(host: ProcessHost, bounds: Confinement) -> None:
    """Confine a throwaway process; raises `ConfigurationError` when the kernel refuses and that is not allowed for."""
    if not bounds.filter_calls:
        log.warning(
            "off", remedy="set STRATEGY_SYSCALL_FILTER=required: strategies may use the network and start processes"
        )
        return
    refusal = await _try(host, bounds)
    if not refusal:
        return
    if bounds.is_required:
        raise ConfigurationError(
            f"STRATEGY_SYSCALL_FILTER: the kernel takes no seccomp filter ({refusal}); run where it does, or set preferred "
            "to run strategies that may use the network and start processes"
        )
    log.error("refused", error=refusal, consequence="strategies may use the network and start processes")


async def _try(host: ProcessHost, bounds: Confinement) -> str:
    child = await host.spawn("confinement")
    try:
        child.writer.write(protocol.frame(protocol.TryConfinement(bounds)))
        async with asyncio.timeout(_ANSWER_SECONDS):
            body = await protocol.read_frame(child.reader)
    except TimeoutError:
        body = None
    finally:
        child.kill()
        child.writer.close()
    if body is None:
        return "the process that tried has died"
    answer = protocol.worker_messages.decode(body)
    return answer.refusal if isinstance(answer, protocol.ConfinementTried) else f"it answered {answer}"
