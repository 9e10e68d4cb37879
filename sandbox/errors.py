"""Bad input of the person who starts the sandbox, and requests that the broker refuses."""

from __future__ import annotations


class BadInputError(Exception):
    """An option that cannot be used: names the option, what is wrong with it, and the remedy."""

    def __init__(self, option: str, problem: str, remedy: str) -> None:
        super().__init__(f"{option}: {problem}; {remedy}")
        self.option = option
        self.problem = problem
        self.remedy = remedy


class RefusedError(Exception):
    """A request that is answered with `status: false`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class GatewayRefusedError(RefusedError):
    """Refused before it reached an application: the gateway answers in its own dialect."""
