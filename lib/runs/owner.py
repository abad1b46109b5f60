"""Which process a worker lives in, as the journal names it, and whether that process is known to be gone.

Known is only what this machine can tell: its own processes, since it started. Of any other the lease tells (see heartbeat).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
#: Field numbers in /proc/PID/stat after the command's name, see proc(5): state, and start time in ticks since the start.
_STATE, _STARTED = 0, 19


def new_owner() -> str:
    """A name for a worker of this process: `host:pid:token:machine:started`, the last two empty where they can't be told.

    The token tells it from an earlier worker of the same host and process id, as in a container.
    """
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{secrets.token_hex(4)}:{_machine()}:{_started(pid) or ''}"


def carrier(owner: str | None) -> str:
    """The process in words. Any name is understood: a worker of another version may have written it."""
    host, _, rest = (owner or "").partition(":")
    pid = rest.partition(":")[0]
    return f"{host}, process {pid}" if pid else host or "another process"


def is_gone(owner: str) -> bool:
    """Whether the process certainly does not live any more; False where this machine can't know."""
    _, pid, _, machine, started, *_ = [*owner.split(":"), "", "", "", ""]
    if not (pid.isdecimal() and machine and started and machine == _machine()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass  # another user's, so it lives
    now = _started(int(pid))
    return now is not None and now != started


@cache
def _machine() -> str:
    """This start of this machine, and within it the room that process ids count in (a container has its own)."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        room = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {room}".encode()).hexdigest()[:12]


def _started(pid: int) -> str | None:
    """When the process started, so that another one with its id is told from it; "gone" for one that is only not buried."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "gone" if fields[_STATE] in "ZX" else fields[_STARTED]
