"""`python -m tradewinds.database migrate`: bring the database at DATABASE_URL to the newest revision.

With DATABASE_OWNER_URL it is migrated as its owner, and the role of DATABASE_URL, which the services connect as, gets its rights.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tradewinds.config import MigrationSettings, load
from tradewinds.database import migrations
from tradewinds.errors import TradewindsError


def main() -> int:
    """Exit code 0 when the schema is the newest, 1 with the reason on stderr otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tradewinds.database", description=__doc__)
    parser.add_argument("action", choices=["migrate"])
    parser.parse_args()
    try:
        asyncio.run(_migrate(load(MigrationSettings)))
    except TradewindsError as e:
        sys.stderr.write(f"{e.message}\n")
        return 1
    return 0


async def _migrate(settings: MigrationSettings) -> None:
    services_url = settings.url.get_secret_value()
    await migrations.upgrade(settings.owner_url.get_secret_value() or services_url, services_url=services_url)


if __name__ == "__main__":
    sys.exit(main())
