"""What can go wrong in a strategy's own calls."""

from __future__ import annotations


class StrategyError(Exception):
    """Root of the errors that the SDK raises."""


class OrderArgumentError(StrategyError, ValueError):
    """An order verb was called with an argument that can never be right."""


class StateError(StrategyError):
    """`self.state` holds something that JSON cannot."""


class ParamsError(StrategyError):
    """A parameter is wrong: `field` is its name, `""` where all of them are."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"config.{field}: {message}" if field else f"config: {message}")
        self.field = field
        self.message = message
