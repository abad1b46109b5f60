"""What a server takes of its machine while people work with it, and whether that grows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import median

import httpx
import psutil

from tests.served import Served

#: Fewer looks at a server's life say nothing of how it goes on.
_ENOUGH = 9


@dataclass(frozen=True)
class Vitals:
    """One look at a server."""

    #: MB that are its own.
    memory: float
    #: Besides one for each session.
    threads: int
    #: All that it has open but tabs, and event loops, of which each has three.
    handles: int
    #: Event loops: Streamlit makes one for each session, and keeps that for two minutes after its tab is gone.
    loops: int
    #: Connections to PostgreSQL, over its socket file.
    database: int
    #: Connections that are no tab's: to the API, and requests of pages.
    connections: int
    #: Sessions with a tab.
    sessions: int

    @classmethod
    def of(cls, app: Served) -> Vitals | None:
        """None while it does not answer."""
        process = psutil.Process(app.process.pid)
        try:
            sessions = int(float(re.findall(r"^active_sessions (\S+)$", app.get("/_stcore/metrics").text, re.MULTILINE)[0]))
        except (httpx.HTTPError, IndexError):
            return None
        tcp = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_ESTABLISHED]
        tabs = sum(one.laddr.port == app.port for one in tcp)
        loops = sum(open_.endswith("[eventpoll]") for open_ in _open(process.pid))
        return cls(
            memory=process.memory_full_info().uss / 2**20,
            threads=process.num_threads() - loops,
            handles=process.num_fds() - tabs - 3 * loops,
            loops=loops,
            database=len(process.net_connections("unix")) - 2 * loops,  # a loop wakes itself through a pair of them
            connections=len(tcp) - tabs,
            sessions=sessions,
        )


def _open(pid: int) -> Iterator[str]:
    """What the links of the open files of a process say."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            yield str(link.readlink())


def medians(life: Sequence[Vitals]) -> dict[str, list[float]]:
    """By measure, the medians of the three thirds of a server's life."""
    third = len(life) // 3
    parts = [life[:third], life[third : 2 * third], life[2 * third :]]
    return {one.name: [median(getattr(look, one.name) for look in part) for part in parts] for one in fields(Vitals)}


def grown(life: Sequence[Vitals], most: Mapping[str, float]) -> Iterable[str]:
    """What is more in the last third of a server's life than in the second by more than `most` of it, in words.

    The first third is left out: what is kept once (modules, pools, the list) comes then. A leak that goes with the work comes
    in each third alike.
    """
    if len(life) < _ENOUGH:
        return
    for name, (_, before, now) in medians(life).items():
        if name in most and now - before > most[name]:
            yield f"{name} went from {before:,.0f} to {now:,.0f}, by more than {most[name]:g}"
