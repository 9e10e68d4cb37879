"""`tradewinds audit`: what was done, by whom and why; the proof that nobody changed it; and all of it as a file."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from tradewinds.cli.output import console, print_json, print_table, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.client.connection import Connection
from tradewinds.clock import IST
from tradewinds.v1 import operations_pb2 as pb

audit = typer.Typer(no_args_is_help=True, help="What was done, by whom and why, and the proof of it.")


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"


@audit.command("list")
def list_events(
    subject: Annotated[str, typer.Option(help="Of this order, strategy, account … only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="At most so many.")] = 30,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what was done, newest first."""
    request = pb.ListAuditEventsRequest(subject_id=subject, page_size=limit)
    found = with_connection(state_dir, lambda link: link.call(link.operations.ListAuditEvents, request)).audit_events
    if as_json:
        print_json([to_dict(event) for event in found])
        return
    rows = [
        (when(e.recorded_at, date=True), e.actor, e.action, f"{e.subject_type} {e.subject_id}", e.reason) for e in found
    ]
    print_table("Audit log", ("IST", "who", "what", "to what", "why"), rows, empty="Nothing was done yet.")


@audit.command()
def verify(
    heads: Annotated[
        Path | None, typer.Option(help="Heads noted earlier (what --note wrote): the log must still contain them.")
    ] = None,
    note: Annotated[Path | None, typer.Option(help="Write the heads here; keep the file outside this system.")] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Prove that the log is what was written; exit code 1 and the first bad row when it is not."""
    request = pb.VerifyAuditLogRequest()
    if heads is not None:
        request.heads.extend(pb.AuditHead(**head) for head in json.loads(heads.read_text()))
    verdict = with_connection(state_dir, lambda link: link.call(link.operations.VerifyAuditLog, request))
    print_json(to_dict(verdict)) if as_json else _print_verdict(verdict)
    if verdict.HasField("problem"):
        raise typer.Exit(1)
    if note is not None:
        note.write_text(json.dumps([to_dict_of_head(head) for head in verdict.heads], indent=1) + "\n")


@audit.command()
def export(
    start: Annotated[str, typer.Option("--from", help="YYYY-MM-DD or YYYY-MM-DDTHH:MM, in India, inclusive.")] = "",
    end: Annotated[str, typer.Option("--to", help="The same, exclusive.")] = "",
    account: Annotated[str, typer.Option("--account", help="Of this account only.")] = "",
    form: Annotated[Format, typer.Option("--format", help="csv, or json: one object a line.")] = Format.CSV,
    state_dir: StateDir = None,
) -> None:
    """Write the log of a period to stdout, oldest first. Times are Indian in csv, UTC in json."""
    request = pb.ExportAuditLogRequest(account_id=account, start=_moment(start, "--from"), end=_moment(end, "--to"))
    write = _csv_writer() if form is Format.CSV else _write_json

    async def act(link: Connection) -> None:
        async for batch in link.watch(link.operations.ExportAuditLog, request):
            for record in batch.audit_records:
                write(_plain(record))

    with_connection(state_dir, act)


def _print_verdict(verdict: pb.VerifyAuditLogResponse) -> None:
    if verdict.HasField("problem"):
        bad = verdict.problem
        console.print(
            f"[red]NOT what was written[/red] at audit_id {bad.audit_id} ({bad.stream} {bad.sequence}): {bad.what}"
        )
    else:
        console.print(f"[green]As it was written[/green]: {verdict.checked} rows in {len(verdict.heads)} chains.")


def to_dict_of_head(head: pb.AuditHead) -> dict[str, Any]:
    """A head as it is noted; protobuf's JSON would make its sequence a string."""
    return {"stream": head.stream, "sequence": head.sequence, "hash": head.hash}


def _plain(record: pb.AuditRecord) -> dict[str, Any]:
    values = {field.name: getattr(record, field.name) for field in pb.AuditRecord.DESCRIPTOR.fields}
    return {**values, "recorded_at": record.recorded_at.ToJsonString()}


def _csv_writer() -> Callable[[dict[str, Any]], None]:
    names = [field.name for field in pb.AuditRecord.DESCRIPTOR.fields]
    writer = csv.DictWriter(sys.stdout, names)
    writer.writeheader()

    def write(row: dict[str, Any]) -> None:
        recorded_at = datetime.fromisoformat(row["recorded_at"]).astimezone(IST)  # with its offset: still one moment
        writer.writerow({**row, "recorded_at": recorded_at.isoformat(timespec="microseconds")})

    return write


def _write_json(row: dict[str, Any]) -> None:
    whole = {name: json.loads(value) if name in ("before", "after") and value else value for name, value in row.items()}
    sys.stdout.write(json.dumps(whole) + "\n")


def _moment(text: str, option: str) -> Timestamp | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise typer.BadParameter(f"{option}: {text!r} is not a day or a time such as 2026-11-28T09:15") from e
    timestamp = Timestamp()
    timestamp.FromDatetime(moment if moment.tzinfo else moment.replace(tzinfo=IST))
    return timestamp
