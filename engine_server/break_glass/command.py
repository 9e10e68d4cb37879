"""`python -m engine_server break-glass …`: what it is told, and what it says at the end."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from engine_server.break_glass import bundle as bundles
from engine_server.break_glass.bundle import Bundle
from engine_server.break_glass.emptying import to_cancel, to_close
from engine_server.break_glass.journal import Journal
from engine_server.break_glass.session import OwnSession
from engine_server.break_glass.stop import Stopping, Wish
from engine_server.break_glass.way_out import reopen, way_out
from engine_server.broker.angel_one.broker import AngelOneBroker
from engine_server.oms.domain.tags import Tags, tag_key
from tradewinds import telemetry
from tradewinds.clock import SystemClock
from tradewinds.config import BrokerSettings, DatabaseSettings, SealSettings, load
from tradewinds.database.session import Database
from tradewinds.errors import ConfigurationError, TradewindsError
from tradewinds.ids import new_id

_PLACES = ("show", "cancel-all", "square-off")


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit code: 0 when nothing is left, 1 when something is, 2 when it was told wrongly."""
    options = _parser().parse_args(arguments)
    telemetry.configure_logging("break-glass", "WARNING")
    try:
        return asyncio.run(_run(options))
    except ConfigurationError as e:
        sys.stderr.write(f"break-glass: {e}\n")
        return 2
    except TradewindsError as e:
        sys.stderr.write(f"break-glass: {e}\n")
        return 1


async def _run(options: argparse.Namespace) -> int:
    seal_key = load(SealSettings).key_bytes()
    if options.verb == "bundle":
        return await _bundle(options, seal_key)
    if options.verb == "reopen":
        epoch = await reopen(options.egress_url, options.account)
        _say(f"account {options.account} is open to its engines again, above epoch {epoch}")
        return 0
    bundle = bundles.read(options.bundle, seal_key)
    _say(f"BROKER'S PHONE: {bundle.phone}")
    try:
        return await _stop(options, seal_key, bundle)
    finally:
        _say(f"If anything is left open, call the broker: {bundle.phone}")


async def _bundle(options: argparse.Namespace, seal_key: bytes) -> int:
    database = Database(load(DatabaseSettings))
    await database.connect(deadline_seconds=10)
    try:
        made = await bundles.collect(database, seal_key, load(BrokerSettings), options.phone)
    finally:
        await database.close()
    bundles.write(options.out, seal_key, made)
    _say(f"{options.out}: {', '.join(made.accounts) or 'no accounts'}; keep it on the egress node with SEAL_KEY")
    return 0


async def _stop(options: argparse.Namespace, seal_key: bytes, bundle: Bundle) -> int:
    account = bundle.accounts.get(options.account)
    if account is None:
        raise ConfigurationError(
            f"--account: {options.account!r} is not in the bundle; it has {', '.join(bundle.accounts)}"
        )
    tags = Tags(options.account, tag_key(seal_key))
    wish = Wish(options.verb == "square-off", options.everything, options.holdings)
    journal = Journal(options.journal, seal_key, SystemClock())
    journal.write("begin", verb=options.verb, account=options.account, everything=wish.everything)
    with tempfile.TemporaryDirectory(prefix="break-glass-") as folder:
        settings = bundle.broker_settings(Path(folder))
        async with way_out(options.egress_url, options.egress_state_dir, options.account, bundle.rest_url) as way:
            url, epoch, is_egress = way
            journal.write("way out", through="the egress" if is_egress else "this node itself", epoch=epoch)
            broker = AngelOneBroker(options.account, account.credentials(), settings, url, epoch, OwnSession())
            try:
                await broker.login()
                stopping = Stopping(broker, tags, journal, new_id, wish)
                is_empty = await (_show(stopping) if options.verb == "show" else stopping.run(options.rounds))
            finally:
                await broker.close()
    journal.write("end", nothing_left=is_empty)
    journal.close()
    return 0 if is_empty else 1


async def _show(stopping: Stopping) -> bool:
    book, positions = await stopping.broker.order_book(), await stopping.broker.positions()
    wish, is_ours = stopping.wish, stopping.tags.is_ours
    orders = to_cancel(book, is_ours, everything=wish.everything)
    exits = to_close(positions, book, is_ours, (), everything=wish.everything, holdings=wish.holdings)
    for report in orders:
        stopping.journal.write("works", order=report.broker_order_id, side=report.side, quantity=report.quantity)
    for exit_ in exits:
        stopping.journal.write("open", instrument=exit_.instrument.key, exit=exit_.side, quantity=exit_.quantity)
    return not orders and not exits


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine_server break-glass",
        description="Stop an account with PostgreSQL, Redis and every engine dead. Needs SEAL_KEY and the bundle.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    bundle = verbs.add_parser("bundle", help="make the bundle, while all is well (needs DATABASE_URL)")
    bundle.add_argument("--out", type=Path, required=True)
    bundle.add_argument("--phone", required=True, help="the broker's dealing desk; printed when it is needed")
    for name in _PLACES:
        verb = verbs.add_parser(name)
        verb.add_argument("--bundle", type=Path, required=True)
        verb.add_argument("--account", required=True)
        verb.add_argument("--egress-url", default="http://127.0.0.1:1", help="the egress of this node, if it lives")
        verb.add_argument(
            "--egress-state-dir", type=Path, help="EGRESS_STATE_DIR: keeps the engines out when the egress is dead"
        )
        verb.add_argument("--everything", action="store_true", help="also what was not ordered here")
        verb.add_argument("--holdings", action="store_true", help="delivered shares (CNC) too")
        verb.add_argument("--journal", type=Path, default=Path("break-glass.log"))
        verb.add_argument("--rounds", type=int, default=120, help="looks at the broker's books, 1.2 s apart")
    again = verbs.add_parser("reopen", help="let the engines trade the account again")
    again.add_argument("--account", required=True)
    again.add_argument("--egress-url", required=True)
    return parser


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
