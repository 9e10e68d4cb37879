"""Looks at a class inside a throwaway process."""

from __future__ import annotations

import json
from typing import Any

from strategy_runner import loading
from strategy_runner.protocol import ClassRef, Failed, Inspected
from strategy_runner.starting import UnsuitableError, load_checked
from tradewinds.sdk.params import symbols_of


def inspect_class(ref: ClassRef) -> Inspected | Failed:
    """What the class is and what its parameters become, or which field is to blame."""
    try:
        strategy_class, parameters = load_checked(ref)
    except UnsuitableError as e:
        return Failed(field=e.field, message=e.message)
    schema: dict[str, Any] = type(parameters).model_json_schema()
    return Inspected(
        schema=schema,
        # As written where it was written (100000 stays a number though the field is a Decimal), otherwise the default.
        config={**parameters.model_dump(mode="json"), **json.loads(ref.config_json or "{}")},
        description=loading.describe(strategy_class),
        code_hash=loading.code_hash(strategy_class),
        symbols=list(symbols_of(parameters)),
    )
