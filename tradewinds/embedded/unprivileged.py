"""Whom PostgreSQL runs as when we are root: it refuses to run as root itself.

We take a user that exists. We neither add users nor open folders: both would outlive us.
`relocation.py` puts elsewhere what that user cannot reach.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from tradewinds.embedded.server_process import EmbeddedServerError, RunAs

_USERS_FOR_ROOT = ("tradewinds", "postgres", "nobody")


def run_as_for(effective_uid: int) -> RunAs | None:
    """The user to run as where we are root (uid 0); None: as ourselves."""
    if effective_uid != 0:
        return None
    for name in _USERS_FOR_ROOT:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServerError(
        f"PostgreSQL refuses to run as root, and none of the users {', '.join(_USERS_FOR_ROOT)} exists: "
        "run as an ordinary user, add the user tradewinds, or set DATABASE_URL to a server of your own"
    )


def owned_folder(folder: Path, run_as: RunAs | None) -> None:
    """Make `folder` if it is missing, for `run_as` (default: us) and nobody else."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if run_as is not None:
        os.chown(folder, run_as.uid, run_as.gid)
