"""`python -m tradewinds.database migrate`: bring the database at DATABASE_URL to the newest revision."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tradewinds.config import DatabaseSettings, load
from tradewinds.database import migrations
from tradewinds.errors import TradewindsError


def main() -> int:
    """Exit code 0 when the schema is the newest, 1 with the reason on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tradewinds.database", description=__doc__)
    parser.add_argument("action", choices=["migrate"])
    parser.parse_args()
    try:
        asyncio.run(migrations.upgrade(load(DatabaseSettings).url.get_secret_value()))
    except TradewindsError as e:
        sys.stderr.write(f"{e.message}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
