"""`tradewinds notifications phone`: which Telegram chats may give commands."""

from __future__ import annotations

from typing import Annotated

import typer

from tradewinds.cli.output import print_json, print_plain, print_table, to_dict, when
from tradewinds.cli.running import AsJson, StateDir, with_connection
from tradewinds.v1 import notifier_pb2 as pb

phone = typer.Typer(no_args_is_help=True, help="Which Telegram chats may give commands (/pause, /squareoff, …).")

ChatId = Annotated[int, typer.Argument(help="Telegram's id of the chat; the bot answers it to /start.", min=1)]


@phone.command()
def allow(
    chat_id: ChatId,
    pin: Annotated[
        str,
        typer.Option(
            envvar="TRADEWINDS_PHONE_PIN",
            prompt="A PIN of 6 to 12 digits, asked for before anything is changed",
            hide_input=True,
            confirmation_prompt=True,
            help="Asked for when left out, so that it is not in your shell's history.",
        ),
    ],
    state_dir: StateDir = None,
) -> None:
    """Let a chat speak for you, with the roles and for the life of your token; or give it a new PIN and token."""
    request = pb.AllowPhoneChatRequest(chat_id=chat_id, pin=pin)
    allowed = with_connection(state_dir, lambda link: link.call(link.notifier.AllowPhoneChat, request))
    if allowed.link_code:
        print_plain(f"now write to the bot from that chat, within ten minutes:  /link {allowed.link_code}")
    else:
        print_plain(f"chat {allowed.chat_id} has a new PIN")
    print_plain(f"it may give commands until {when(allowed.expires_at, date=True)} IST")


@phone.command("list")
def list_chats(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Show the chats that may give commands; operators and admins see everybody's."""
    found = with_connection(state_dir, lambda link: link.call(link.notifier.ListPhoneChats, pb.ListPhoneChatsRequest()))
    if as_json:
        print_json([to_dict(one) for one in found.phone_chats])
        return
    rows = [
        (str(one.chat_id), one.user_id, when(one.linked_at), when(one.locked_until), when(one.expires_at, date=True))
        for one in found.phone_chats
    ]
    print_table("Chats", ("chat", "speaks for", "linked", "locked until", "until"), rows, empty="No chats.")


@phone.command()
def forbid(chat_id: ChatId, state_dir: StateDir = None) -> None:
    """Take a chat's permission away at once; operators and admins may take anybody's."""
    request = pb.ForbidPhoneChatRequest(chat_id=chat_id)
    with_connection(state_dir, lambda link: link.call(link.notifier.ForbidPhoneChat, request))
    print_plain("it may do nothing any more")
