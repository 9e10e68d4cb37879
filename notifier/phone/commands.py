"""What can be said to the bot. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HELP: Final = """What I understand:
/status – strategies, accounts, kill switches
/pnl – today's result
/pause NAME – no entries of a strategy, of an account's strategies, or of all
/resume NAME – entries again
/squareoff NAME – close everything of a strategy, an account or all
/kill NAME – stop trading and cancel what works; what is open stays open
/cancel – forget what waits for your PIN
What changes something asks for your PIN first."""
_SAID: Final = re.compile(r"/([a-z]+)(?:@\w+)?(?:\s+(\S+))?\s*", re.IGNORECASE)


class Verb(StrEnum):
    """The words after the slash; they are in rows and in the audit log."""

    START = "start"
    HELP = "help"
    LINK = "link"
    CANCEL = "cancel"
    STATUS = "status"
    PNL = "pnl"
    PAUSE = "pause"
    RESUME = "resume"
    SQUAREOFF = "squareoff"
    KILL = "kill"

    @property
    def looks(self) -> bool:
        """Whether it only reads."""
        return self in (Verb.STATUS, Verb.PNL)

    @property
    def acts(self) -> bool:
        """Whether it changes something, and so needs the PIN."""
        return self in (Verb.PAUSE, Verb.RESUME, Verb.SQUAREOFF, Verb.KILL)


@dataclass(frozen=True)
class Command:
    """`argument` is empty where there was none."""

    verb: Verb
    argument: str = ""

    def __str__(self) -> str:
        return f"/{self.verb} {self.argument}".rstrip()


def parse(text: str) -> Command | None:
    """None where it is no command of ours."""
    found = _SAID.fullmatch(text.strip())
    if found is None or found[1].lower() not in set(Verb):
        return None
    return Command(Verb(found[1].lower()), found[2] or "")
