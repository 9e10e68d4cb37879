"""The broker's error codes (protocol §3.17), what kind of trouble each is, and what a person can do about it.

The broker publishes no complete list: a code that is not here means "failed, reason unknown", never success.
"""

from __future__ import annotations

from typing import Final

# Protocol §2.6: what a new login cures.
SESSION_CODES: Final = frozenset({"AG8001", "AG8002", "AG8003", "AB1010", "AB1011", "AB8050", "AB8051"})

# "Something went wrong", "error not specified", "internal error": the back-end does not know what it did.
UNCLEAR_CODES: Final = frozenset({"AB1004", "AB2000", "AB2001"})

# The back-end's catch-all: only its text says what it means.
GENERIC_CODE: Final = "AB1007"

INVALID_TOTP: Final = "AB1050"

# What neither a repetition nor a login cures, and what does.
CONFIGURATION: Final = {
    "AG7002": "the broker takes orders only from the address that is registered for this API key: on the SmartAPI portal "
    "register the public static IP address that this machine's egress leaves by (My Apps, primary static IP)",
    "AG8004": "check the account's API key: the broker does not know it, or it is not of the kind Trading APIs",
    "AB1006": "the broker has blocked this client for trading: ask it why",
}

# Remedies for refusals of one request.
_REMEDIES: Final = {
    "AB1008": "the variety is not the order's own",
    "AB1009": "the symbol is not in the broker's list today: check the scrip master's date",
    "AB1012": "the exchange does not allow this product for this instrument",
    "AB1018": "the broker has no details of this symbol today",
    "AB4006": "the token is not in the broker's list today: check the scrip master's date",
    "AB4008": "the order tag is too long",
    "AB4029": "at most 50 tokens may be asked about at once",
    "AB4036": "the exchange has this scrip under surveillance: the broker wants a consent that is not given automatically",
}

# Codes without a remedy of their own, whose texts are clear enough (official list and observed).
_CLEAR: Final = frozenset(
    {f"AB10{n:02d}" for n in (0, 1, 2, 3, 5, 13, 14, 15, 16, 17, 19, 31, 32, 50)}
    | {f"AB90{n:02d}" for n in range(19)}
    | {"AB2002", "AB4018", "AB4022", "AG1000", "AG2001", GENERIC_CODE}
)

_KNOWN: Final = SESSION_CODES | UNCLEAR_CODES | _CLEAR | CONFIGURATION.keys() | _REMEDIES.keys()


def explained(code: str, message: str) -> str:
    """The broker's words with its code and, where there is one, the remedy. Codes that nobody has described are called so."""
    return described(code, f"{message or 'no reason given'} ({code or 'no code'})")


def described(code: str, words: str) -> str:
    """`words` with the remedy for `code`, if there is one; or that nobody knows what the code means."""
    remedy = CONFIGURATION.get(code) or _REMEDIES.get(code)
    if remedy:
        return f"{words}; {remedy}"
    return words if code in _KNOWN else f"failed, reason unknown: {words}"
