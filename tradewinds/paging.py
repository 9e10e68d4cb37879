"""Pages of lists: sizes and opaque keyset tokens (google.aip.dev/158)."""

from __future__ import annotations

import base64
import binascii
import json

from tradewinds.errors import InvalidArgumentError

DEFAULT_PAGE_SIZE = 50
MAXIMUM_PAGE_SIZE = 500


def page_size(requested: int, *, default: int = DEFAULT_PAGE_SIZE, maximum: int = MAXIMUM_PAGE_SIZE) -> int:
    """The size to serve: `default` for 0, at most `maximum`; negative is refused."""
    if requested < 0:
        raise InvalidArgumentError.field("page_size", f"{requested} is negative; use 0 for the default of {default}")
    return min(requested or default, maximum)


def encode_token(*keys: str) -> str:
    """An opaque token that holds the sort key of the last row served."""
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def decode_token(token: str, keys: int) -> list[str] | None:
    """The sort key in a token of so many `keys`; None for the first page; refuses what `encode_token` did not make."""
    if not token:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError) as e:
        raise InvalidArgumentError.field("page_token", "is not a token of ours; start without one") from e
    if not isinstance(values, list) or len(values) != keys or not all(isinstance(v, str) for v in values):
        raise InvalidArgumentError.field("page_token", "belongs to another list; start without one")
    return values
