"""What no person should have to read: names in capitals that are for programs, ids, placeholders, wrong plurals."""

from __future__ import annotations

import re

_COMMAND = re.compile(r"`[^`]*`|tradewinds [a-z][^\n;,]*")
_UNREADABLE = (
    (re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b"), "a name for programs"),
    # … but behind the words that say what it is.
    (re.compile(r"(?<!\()\b[a-z]{2,8}-[0-9a-hjkmnp-tv-z]{26}\b"), "an id"),
    (re.compile(r"\b(?:None|null|NaN|undefined|nan)\b"), "nothing"),
    (re.compile(r"[{}]|%[sd]|<[a-z_.]+ object|datetime\.|Decimal\("), "a placeholder"),
    (
        re.compile(
            r"\b1 (?:orders|positions|alerts|strategies|instruments|notifications|times|days|seconds|minutes)\b"
        ),
        "a wrong plural",
    ),
    (re.compile(r"_e4\b|\b\d{8,}\b"), "a raw number"),
    (re.compile(r"\d{4}-\d\d-\d\dT|\+00:00|\bUTC\b"), "a time that is not India's"),
    (re.compile(r"[;:,]\s*$|;\s*;|\.\.(?!\.)(?<!\.\.\.)|  "), "a sentence without an end"),
)


def unreadable(text: str) -> list[str]:
    """What is wrong with `text`; commands that are to be copied may have ids."""
    words = _COMMAND.sub("this", text)
    return [f"{why} ({found[0]!r}) in {text!r}" for pattern, why in _UNREADABLE if (found := pattern.search(words))]
