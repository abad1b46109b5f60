"""Which process a worker lives in, and whether it is known to be gone, with real processes."""

import os
import signal
import subprocess
import sys

import pytest

from lib.runs.owner import carrier, is_gone, new_owner

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere no process is ever known to be gone")


@pytest.fixture
def other():
    """Another process and its owner's name."""
    code = "import sys; from lib.runs.owner import new_owner; print(new_owner(), flush=True); sys.stdin.read()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield child, child.stdout.readline().strip()
    child.kill()
    child.communicate()


def test_a_process_is_gone_once_it_was_killed_and_not_before_even_if_nobody_has_buried_it(other):
    child, owner = other
    assert not is_gone(owner)
    child.send_signal(signal.SIGSTOP)
    assert not is_gone(owner)  # asleep is not dead
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the list of processes
    assert is_gone(owner)
    child.wait()
    assert is_gone(owner)


def part(owner, at, value):
    parts = owner.split(":")
    parts[at] = value
    return ":".join(parts)


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (lambda owner: owner, False),
        (lambda owner: part(owner, 4, "1"), True),  # another process has got its id since
        (lambda owner: part(owner, 1, "4194305"), True),  # no process has such an id
        (lambda owner: part(part(owner, 1, "4194305"), 3, "0" * 12), False),  # another machine, or before this start of it
        (lambda owner: part(part(owner, 1, "4194305"), 4, ""), False),
        (lambda owner: part(owner, 1, "no number"), False),
        (lambda owner: part(owner, 1, "9" * 30), False),
        (lambda owner: ":".join(owner.split(":")[:3]), False),  # as earlier versions wrote it
        (lambda _: "host", False),
        (lambda _: "", False),
    ],
)
def test_only_what_this_machine_can_know_counts(name, gone):
    assert is_gone(name(new_owner())) is gone


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ("ops-1:4711:0a1b:77aa:123", "ops-1, process 4711"),
        ("ops-1:4711:0a1b", "ops-1, process 4711"),
        ("ops-1", "ops-1"),
        (None, "another process"),
    ],
)
def test_a_process_is_named_without_what_only_tells_it_from_others(owner, words):
    assert carrier(owner) == words
