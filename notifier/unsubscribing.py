"""A mail's receiver stops mails of its kind: by their mail program (RFC 8058), or on a page of one button. It becomes the first rule of
their settings, which they see there and may take back."""

from __future__ import annotations

from html import escape
from typing import Final

import msgspec

from notifier import preference_limits
from notifier.channels import Action, Channel
from notifier.delivery.unsubscribe import UnsubscribeLinks, Unsubscription
from notifier.preference_store import PreferenceStore
from notifier.preferences import Preferences, Rule
from notifier.type_names import name_of

# What a mail program sends, and our own button.
ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
_SOURCE: Final = "unsubscribe link"
_PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Tradewinds: e-mails</title>
<style>body {{font: 16px/1.5 sans-serif; max-width: 34em; margin: 4em auto; padding: 0 1em}}</style>
{body}
</html>
"""


class Unsubscribing:
    """Raises `InvalidArgumentError` for a token that is none of ours, or where the settings have no room, and `UnavailableError`."""

    def __init__(self, links: UnsubscribeLinks, preferences: PreferenceStore) -> None:
        self._links = links
        self._preferences = preferences

    def question(self, token: str) -> str:
        """A page that asks: programs follow links too, so that looking at one changes nothing."""
        what = escape(_named(self._links.read(token)))
        name, value = ONE_CLICK
        return _PAGE.format(
            body=f'<p>Stop {what}?</p><form method="post"><button name="{name}" value="{value}">Stop</button></form>'
        )

    async def stop(self, token: str) -> str:
        """Do it; the page that says so."""
        wish = self._links.read(token)
        await self._preferences.change(
            wish.user_id, lambda before: without_mail(before, wish.type), actor=wish.user_id, source=_SOURCE
        )
        return _PAGE.format(
            body=f"<p>Stopped: {escape(_named(wish))}.</p><p>What must be acknowledged still comes. "
            "It is the first of <code>rules</code> in your notification settings; remove it there to get them again.</p>"
        )


def without_mail(before: Preferences, type_: str) -> Preferences:
    """The settings with it; the same ones where it is there already."""
    rule = Rule((type_,), frozenset({Channel.EMAIL}), Action.SUPPRESS)
    if rule in before.rules:
        return before
    # The first that applies decides.
    after = msgspec.structs.replace(before, rules=(rule, *before.rules))
    preference_limits.check(after)
    return after


def _named(wish: Unsubscription) -> str:
    return "all e-mails of Tradewinds" if wish.type == "*" else f"e-mails about {name_of(wish.type, 2)}"
