"""`tradewinds runners`: look at the processes that host strategies, set one aside, empty it, take it back."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tradewinds.cli.output import print_json, print_table, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.v1 import operations_pb2

app = typer.Typer(no_args_is_help=True, help=__doc__)

RunnerId = Annotated[str, typer.Argument(help="The runner, see `tradewinds runners list`.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the audit and for whoever waits.")]


@app.command("list")
def list_(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show every connected runner."""
    request = operations_pb2.ListRunnersRequest()
    found = with_connection(state_dir, lambda link: link.call(link.operations.ListRunners, request))
    if as_json:
        print_json(to_dict(found))
        return
    print_runners(found.runners)


def print_runners(runners: Any) -> None:
    """The table of runners."""
    rows = [
        (
            runner.runner_id,
            f"{runner.running}/{runner.capacity}",
            when(runner.heartbeat_at),
            runner.engine_id,
            runner.build,
            f"set aside: {runner.cordon_reason}" if runner.draining else "",
        )
        for runner in runners
    ]
    columns = ("runner", ">strategies", "last heartbeat IST", "engine", "build", "")
    print_table("Runners", columns, rows, empty="No runners are connected.")


@app.command()
def cordon(runner_id: RunnerId, reason: Reason = "", state_dir: StateDir = None) -> None:
    """Give it nothing new; what runs there goes on."""
    request = operations_pb2.CordonRunnerRequest(runner_id=runner_id, reason=reason)
    with_connection(state_dir, lambda link: link.call(link.operations.CordonRunner, request))
    typer.echo(f"{runner_id} gets nothing new; `tradewinds runners uncordon {runner_id}` takes it back")


@app.command()
def drain(runner_id: RunnerId, reason: Reason = "", state_dir: StateDir = None) -> None:
    """Cordon it, and move what runs there to the others."""
    request = operations_pb2.DrainRunnerRequest(runner_id=runner_id, reason=reason)
    with_connection(state_dir, lambda link: link.call(link.operations.DrainRunner, request))
    typer.echo(f"{runner_id} moves its strategies away; `tradewinds runners uncordon {runner_id}` takes it back")


@app.command()
def uncordon(runner_id: RunnerId, reason: Reason = "", state_dir: StateDir = None) -> None:
    """Let it take new and restarted strategies again."""
    request = operations_pb2.UncordonRunnerRequest(runner_id=runner_id, reason=reason)
    with_connection(state_dir, lambda link: link.call(link.operations.UncordonRunner, request))
    typer.echo(f"{runner_id} takes strategies again")
