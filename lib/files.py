"""Files and folders: paths as a shell means them, reading that ends, and what only this user may write."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from lib.errors import ConfigError, PlanError

_LONGEST = 200
#: Where containers find their secrets: all who are in one may read them, and nobody else is.
_SECRETS = Path("/run/secrets")
#: How the name of a file ends that is being written, and the seconds after which it belongs to no writer any more.
PART, _ABANDONED = ".part", 3600


def path_of(text: str) -> Path:
    """The path that a shell means by `text`, with `~` and `~user` in place of a home. Raises ValueError in words."""
    if "\0" in text:
        raise ValueError("no path holds a NUL character")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise ValueError("~ names the home of nobody known here") from None


def shown(path: Path) -> str:
    """The path as text, whatever bytes its names are made of; of a very long one the end."""
    text = os.fsencode(path).decode(errors="replace")
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"


def read_at_most(path: Path, limit: int, *, ends: bool = False) -> bytes:
    """The whole file. Raises OSError, also where it has more than `limit` bytes or, with `ends`, is a pipe or a device."""
    if ends and not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as file:
        body = file.read(limit + 1)
    if len(body) > limit:
        raise OSError(errno.EFBIG, f"more than {limit / 1e6:,.0f} MB", str(path))
    return body


def read_secret(path: Path, limit: int) -> bytes:
    """The whole file, as `read_at_most` does, where nobody else may read it: a container's secret may be read within that.

    Raises ConfigError where others may read or write it, could put another in its place, or it can't be read.
    """
    refuse_if_others_write(path)
    try:
        body = read_at_most(path, limit, ends=True)
        in_container = path.resolve().is_relative_to(_SECRETS)
        if os.name == "posix" and not in_container and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            name = shown(path)
            raise ConfigError(
                f"Other users may read {name}, which holds a secret. Keep it to yourself: chmod 600 {shlex.quote(name)}"
            )
    except OSError as exc:
        raise ConfigError(f"{shown(path)} can't be read ({exc.strerror}).") from exc
    return body


def typed_path(file: object) -> Path:
    """The path that a person typed, as `path_of` reads it. Raises PlanError where it is none."""
    try:
        if isinstance(file, str | Path):
            return path_of(str(file))
        why = f"{file!r} is no text"
    except ValueError as exc:
        why = str(exc)
    raise PlanError(f"This names no file: {why}.")


def check_new(path: Path) -> None:
    """Raise PlanError where there is such a file already, before anything is logged or made for it."""
    if path.exists():
        raise PlanError(f"{shown(path)} is there already and is not written over. Choose another name.")


def write_new(path: Path, body: bytes) -> None:
    """A new file that only its owner can read: it holds names of customers. Raises PlanError where it can't be written."""
    try:
        with open(path, "xb", opener=partial(os.open, mode=0o600)) as file:
            file.write(body)
    except FileExistsError:
        raise PlanError(f"{shown(path)} is there already and is not written over. Choose another name.") from None
    except OSError as exc:
        with suppress(OSError):
            path.unlink()  # half a plan or receipt would only mislead
        raise PlanError(f"{shown(path)} can't be written ({exc.strerror}).") from exc


def replace_whole(place: Path, *content: bytes | memoryview) -> None:
    """Put a file that only its owner can read in the place of the older one, which stays whole until then. Raises OSError.

    Of several processes that write at once the last one wins, and nobody ever reads a mix.
    """
    make_private(place.parent)
    for part in place.parent.glob(f"*{PART}"):  # what writers left that died
        with suppress(OSError):
            if part.stat().st_mtime < time.time() - _ABANDONED:
                part.unlink()
    handle, name = tempfile.mkstemp(suffix=PART, dir=place.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def make_private(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for their owner only. Raises OSError."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)  # says what is in its place, if that is no folder


def refuse_if_others_write(*paths: Path) -> None:
    """Raise ConfigError where another user could change one of these files or folders, or put another in its place.

    As OpenSSH with StrictModes: each, and every folder above it, is this user's or root's and not writable by group or others.
    A link is judged where it stands and where it leads. Two things are let pass above: folders that are sticky, as /tmp, and
    a group that this user is alone in (many systems make new folders so). What is not there yet is no trouble. POSIX only.
    """
    if os.name != "posix":
        return
    seen: set[Path] = set()
    for path in paths:
        try:
            with suppress(FileNotFoundError, NotADirectoryError):
                path.stat()  # which a circle of links ends
            _refuse_on_the_way(path.absolute(), seen)
        except OSError as exc:
            raise ConfigError(f"{shown(path)} can't be looked at ({exc.strerror}).") from exc


def _refuse_on_the_way(to: Path, seen: set[Path]) -> None:
    for place in (to, *to.parents):
        if place in seen:
            continue
        seen.add(place)
        with suppress(FileNotFoundError, NotADirectoryError):
            status, name = place.lstat(), shown(place)
            if status.st_uid not in (0, os.geteuid()):
                raise ConfigError(
                    f"{name} belongs to another user, who could change what Express Ops trusts. Choose another place, or"
                    f" make it your own: chown {os.geteuid()} {shlex.quote(name)}"
                )
            if stat.S_ISLNK(status.st_mode):
                _refuse_on_the_way(place.parent / place.readlink(), seen)
            elif _others_may_write(status, above=place != to):
                raise ConfigError(
                    f"Other users may write {name}, so they could change what Express Ops trusts. Choose another place, or take"
                    f" that right from them: chmod go-w {shlex.quote(name)}"
                )


def _others_may_write(status: os.stat_result, *, above: bool) -> bool:
    mode = status.st_mode
    if above and mode & stat.S_ISVTX:
        return False
    by_group = bool(mode & stat.S_IWGRP) and not (above and _alone_in(status.st_gid))
    return by_group or bool(mode & stat.S_IWOTH)


def _alone_in(gid: int) -> bool:
    """Is this the group that a system makes for this user alone? It bears the user's name."""
    import grp  # noqa: PLC0415 - POSIX only
    import pwd  # noqa: PLC0415

    try:
        group, me = grp.getgrgid(gid), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return group.gr_name == me and set(group.gr_mem) <= {me}
