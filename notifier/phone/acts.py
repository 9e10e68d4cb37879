"""What commands do, through the engine's rpcs, and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from notifier.engines import Engines, Speaker
from notifier.phone.commands import Command, Verb
from notifier.phone.conversation import Act, Target
from notifier.phone.reports import pnl_text, progress_text, status_text
from tradewinds.errors import InvalidArgumentError, PreconditionError, TradewindsError
from tradewinds.v1 import operations_pb2, risk_pb2
from tradewinds.v1 import strategy_manager_pb2 as strategies_pb2

ALL: Final = "all"
_PAGE: Final = 500
_COMMAND_SECONDS: Final = 15.0
_LOOK_SECONDS: Final = 0.2
_KILLS: Final = {
    Verb.SQUAREOFF: risk_pb2.KILL_ACTION_SQUARE_OFF,
    Verb.KILL: risk_pb2.KILL_ACTION_CANCEL_ALL,
}
_MEANS: Final = {
    Verb.PAUSE: "forbid entries of",
    Verb.RESUME: "allow entries again of",
    Verb.SQUAREOFF: "stop trading, cancel what works and CLOSE every position of",
    Verb.KILL: "stop trading and cancel what works of",
}
_CONFIRM: Final = "Write your PIN within a minute, or /cancel."


class Acts:
    """In the name of one user. Whoever acts again under the same id does nothing a second time. Raises `TradewindsError`."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def look(self, command: Command, speaker: Speaker) -> str:
        """What /status and /pnl answer."""
        if command.verb is Verb.PNL:
            return pnl_text((await self._pnl(speaker)).days)
        health, accounts, configs, kills = await asyncio.gather(
            self._engines.call(lambda e: e.operations.GetHealth, operations_pb2.GetHealthRequest(), speaker),
            self._accounts(speaker),
            self._configs(speaker),
            self._engines.call(lambda e: e.operations.ListKillSwitches, risk_pb2.ListKillSwitchesRequest(), speaker),
        )
        return status_text(health, accounts, configs, kills.kill_switches)

    async def target(self, command: Command, speaker: Speaker) -> Target:
        """Whom a command means. Raises `InvalidArgumentError` that names the choices."""
        accounts, configs = await asyncio.gather(self._accounts(speaker), self._configs(speaker))
        account_ids, config_ids = [a.account_id for a in accounts], [c.config_id for c in configs]
        name = command.argument
        if name.lower() == ALL:
            return Target("MINE")
        if name in config_ids and name in account_ids:
            raise InvalidArgumentError(f"{name} is both a strategy and an account; use a computer")
        if name in config_ids:
            return Target("STRATEGY", name)
        if name in account_ids:
            return Target("ACCOUNT", name)
        choices = ", ".join([ALL, *account_ids, *config_ids][:40])
        what = f"{name} is nothing of yours" if name else f"/{command.verb} needs a name"
        raise InvalidArgumentError(f"{what}. There are: {choices}")

    async def do(self, act: Act, command_id: str, user_id: str, speaker: Speaker) -> str:
        """Do it, and say what came of it."""
        if act.command.verb in _KILLS:
            lines = [line async for line in self._kill(act, command_id, user_id, speaker)]
        else:
            lines = [line async for line in self._steer(act, command_id, user_id, speaker)]
        return "\n".join(lines) or "There is nothing to do it to."

    async def _kill(self, act: Act, command_id: str, user_id: str, speaker: Speaker) -> AsyncIterator[str]:
        for target in await self._kill_targets(act.target, user_id, speaker):
            strategy = target.scope == "STRATEGY"
            request = risk_pb2.EngageKillSwitchRequest(
                scope=risk_pb2.RISK_SCOPE_STRATEGY if strategy else risk_pb2.RISK_SCOPE_ACCOUNT,
                subject_id=target.subject_id,
                action=_KILLS[act.command.verb],
                reason=f"{act.command} by {speaker.source}",
                request_id=f"{command_id}-{target.subject_id}",
            )
            try:
                kill = await self._engines.call(lambda e: e.operations.EngageKillSwitch, request, speaker)
            except TradewindsError as e:
                yield f"{target}: NOT DONE: {e.message}"
                continue
            yield progress_text(str(target), kill)

    async def _kill_targets(self, target: Target, user_id: str, speaker: Speaker) -> list[Target]:
        if target.scope != "MINE":
            return [target]
        return [Target("ACCOUNT", a.account_id) for a in await self._accounts(speaker) if a.user_id == user_id]

    async def _steer(self, act: Act, command_id: str, user_id: str, speaker: Speaker) -> AsyncIterator[str]:
        for config in await self._configs(speaker):
            if not _is_meant(act.target, config, user_id):
                continue
            try:
                yield f"{config.config_id}: {await self._steer_one(act, command_id, config.config_id, speaker)}"
            except TradewindsError as e:
                yield f"{config.config_id}: NOT DONE: {e.message}"

    async def _steer_one(self, act: Act, command_id: str, config_id: str, speaker: Speaker) -> str:
        reason, request_id = f"{act.command} by {speaker.source}", f"{command_id}-{config_id}"
        if act.command.verb is Verb.PAUSE:
            pause = strategies_pb2.PauseStrategyRequest(config_id=config_id, reason=reason, request_id=request_id)
            command = await self._engines.call(lambda e: e.strategies.PauseStrategy, pause, speaker)
        else:
            resume = strategies_pb2.ResumeStrategyRequest(config_id=config_id, reason=reason, request_id=request_id)
            command = await self._engines.call(lambda e: e.strategies.ResumeStrategy, resume, speaker)
        await self._until_done(command, speaker)
        return "paused" if act.command.verb is Verb.PAUSE else "resumed"

    async def _until_done(self, command: Any, speaker: Speaker) -> None:
        under_way = (strategies_pb2.COMMAND_STATUS_PENDING, strategies_pb2.COMMAND_STATUS_CLAIMED)
        try:
            async with asyncio.timeout(_COMMAND_SECONDS):
                while command.status in under_way:
                    await asyncio.sleep(_LOOK_SECONDS)
                    request = strategies_pb2.GetCommandRequest(command_id=command.command_id)
                    command = await self._engines.call(lambda e: e.strategies.GetCommand, request, speaker)
        except TimeoutError as e:
            raise PreconditionError(f"given, but not done after {_COMMAND_SECONDS:.0f} s; look at /status") from e
        if command.status != strategies_pb2.COMMAND_STATUS_DONE:
            raise PreconditionError(command.result)

    async def _accounts(self, speaker: Speaker) -> list[Any]:
        request = operations_pb2.ListBrokerAccountsRequest()
        found = await self._engines.call(lambda e: e.operations.ListBrokerAccounts, request, speaker)
        return list(found.broker_accounts)

    async def _configs(self, speaker: Speaker) -> list[Any]:
        configs: list[Any] = []
        token = ""
        while True:
            request = strategies_pb2.ListStrategyConfigsRequest(page_size=_PAGE, page_token=token)
            page = await self._engines.call(lambda e: e.strategies.ListStrategyConfigs, request, speaker)
            configs += page.strategy_configs
            token = page.next_page_token
            if not token:
                return configs

    async def _pnl(self, speaker: Speaker) -> Any:
        request = risk_pb2.ListProfitAndLossRequest()
        return await self._engines.call(lambda e: e.operations.ListProfitAndLoss, request, speaker)


def question(command: Command, target: Target) -> str:
    """What is asked before anything is done."""
    return f"This will {_MEANS[command.verb]} {target}.\n{_CONFIRM}"


def _is_meant(target: Target, config: Any, user_id: str) -> bool:
    match target.scope:
        case "STRATEGY":
            return bool(config.config_id == target.subject_id)
        case "ACCOUNT":
            return bool(config.account_id == target.subject_id)
    return bool(config.user_id == user_id)
