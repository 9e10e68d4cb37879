"""Connection URLs in messages and logs: never with their password."""

from __future__ import annotations

import re

# Greedy up to the last @: a password with a slash or an @ that nobody escaped is hidden too.
_PASSWORD = re.compile(r"(?P<before>://[^:@/\s]*:)\S*(?=@)")
_PASSWORD_PARAMETER = re.compile(r"(?i)(?P<before>[?&]password=)[^&\s]*")


def redacted(url: str) -> str:
    """`url` with `***` for its password; works on what is not a valid URL too."""
    return _PASSWORD_PARAMETER.sub(r"\g<before>***", _PASSWORD.sub(r"\g<before>***", url))
