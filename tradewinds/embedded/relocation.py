"""Where PostgreSQL's files go when we are root in a closed folder, such as root's own home.

PostgreSQL refuses to run as root, and the user it runs as may not enter the folder. We open no folder of anybody's: the binaries are
copied once, and the data kept, below /var/lib/tradewinds; a file `elsewhere` in the state folder says where. Removing the state
folder leaves that data behind, to be removed by hand.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tradewinds.embedded.server_process import RunAs

_SHARED = Path("/var/lib/tradewinds")
_POINTER = "elsewhere"


def may_enter(run_as: RunAs, folder: Path) -> bool:
    """Whether `run_as` may pass through `folder` and everything above it."""
    return all(
        one.st_mode & 0o001 or (one.st_uid == run_as.uid and one.st_mode & 0o100)
        for one in (parent.stat() for parent in (folder, *folder.parents))
    )


def reachable_installation(run_as: RunAs, root: Path, folders: Sequence[str], shared: Path = _SHARED) -> Path:
    """`root` itself, or a folder in which everybody finds copies of `folders`: one for each place they were copied from.

    They are copied together, at the same relative places: binaries look for their libraries from where they are themselves.
    """
    if all(may_enter(run_as, root / folder) for folder in folders):
        return root
    first = root / folders[0]
    name = hashlib.sha256(str(first).encode()).hexdigest()[:12]
    copy = shared / f"postgresql-{name}-{int(first.stat().st_mtime)}"
    if not copy.exists():
        _make_shared(shared)
        unfinished = Path(tempfile.mkdtemp(prefix=".copying-", dir=shared))
        for folder in folders:
            shutil.copytree(root / folder, unfinished / folder, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(unfinished)
    return copy


def reachable_state(run_as: RunAs, state_dir: Path, shared: Path = _SHARED) -> Path:
    """`state_dir` itself, or the folder of its own that its file `elsewhere` names."""
    state_dir.mkdir(parents=True, exist_ok=True)
    pointer = state_dir / _POINTER
    if pointer.exists() and Path(pointer.read_text().strip()).is_dir():
        return Path(pointer.read_text().strip())
    if may_enter(run_as, state_dir.absolute().parent):
        return state_dir
    _make_shared(shared)
    elsewhere = Path(tempfile.mkdtemp(prefix="state-", dir=shared))
    pointer.write_text(f"{elsewhere}\n")
    return elsewhere


def _make_shared(shared: Path) -> None:
    shared.mkdir(parents=True, exist_ok=True)
    shared.chmod(0o755)
