"""Runs a program as a container would: as an unprivileged user, on a tree that is read-only but for given folders.

It takes root, who may unshare mounts; others skip with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from missing import missing

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCRIPT = """
set -eu
user=$1 group=$2 cover=$3 prefix=$4 hold=$5 writable=$6
shift 6
mount --bind "$writable" "$writable"
if [ -n "$cover" ]; then  # the interpreter lies where its owner alone may look
    mount --bind "$prefix" "$hold"
    mount -t tmpfs -o mode=755 cover "$cover"
    mkdir -p "$prefix"
    mount --bind "$hold" "$prefix"
fi
mount -o remount,bind,ro /
exec setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs --bounding-set=-all "$@"
"""


def caged(command: Sequence[str | Path], user: str, folder: Path) -> list[str]:
    """The command that runs it so: `user` is `UID:GID`, `folder` the one place where it may write, which it owns."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("setpriv") is None:
        missing("no program can be run as another user on a read-only tree: it takes root, unshare and setpriv")
    probe = subprocess.run(["unshare", "--mount", "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        missing(f"mounts cannot be unshared here: {probe.stderr.strip()}")
    uid, _, gid = user.partition(":")
    mine = folder / "writable"
    hold = folder / "interpreter"
    for made in (mine, hold):
        made.mkdir(exist_ok=True)
    os.chown(mine, int(uid), int(gid))
    prefix = Path(sys.base_prefix)
    hidden = [part for part in (*reversed(prefix.parents), prefix) if not part.stat().st_mode & 0o001]
    cover = str(hidden[0]) if hidden else ""
    script = ["unshare", "--mount", "sh", "-c", _SCRIPT, "caged"]
    return [*script, uid, gid, cover, str(prefix), str(hold), str(mine), *map(str, command)]
