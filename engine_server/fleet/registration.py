"""Registration: everything that can be wrong with a new configuration is said before anything is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine_server.fleet import configs
from engine_server.fleet.configs import InspectedClass, NewConfig
from engine_server.fleet.domain.registration import check_names
from engine_server.fleet.fleet import Fleet


@dataclass(frozen=True)
class Draft:
    """What somebody asked for."""

    config_id: str
    user_id: str
    account_id: str
    module_path: str
    class_name: str
    config: Mapping[str, object]
    on_crash: str = "RESUME"
    schedule: Mapping[str, object] | None = None


async def examine(fleet: Fleet, draft: Draft) -> NewConfig:
    """The draft made fit to be stored: account found, parameters complete, symbols canonical.

    Raises `InvalidArgumentError` naming the field, `NoRunnerError`, or `ScripMasterMissingError` (symbols cannot be checked yet).
    """
    check_names(draft.config_id, draft.module_path, draft.class_name)
    async with fleet.database.session() as session:
        account_id = await configs.account_for(session, draft.user_id, draft.account_id)
    checked = await fleet.parameters.check(draft.module_path, draft.class_name, draft.config, in_force={})
    inspected = checked.inspected
    return NewConfig(
        config_id=draft.config_id or fleet.ids("config"),
        user_id=draft.user_id,
        account_id=account_id,
        strategy=InspectedClass(
            draft.module_path,
            draft.class_name,
            inspected.params_schema,
            inspected.description,
            inspected.code_hash,
        ),
        config=checked.config,
        on_crash=draft.on_crash,
        schedule=draft.schedule,
    )
