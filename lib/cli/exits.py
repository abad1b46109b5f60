"""What the command line's exit codes mean, and which of them an error or a run leads to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from lib.errors import ApiError, ExpressOpsError, JournalDamaged, JournalUnavailable, RateLimited, Rejected
from lib.plans.model import Run, RunState, Step


class Exit(IntEnum):
    """How a command ended, for the scripts that call it."""

    FINISHED = 0
    REFUSED = 2  # argparse's own code for arguments that can't be used
    PARTLY = 3
    UNREACHABLE = 4
    BROKEN_LOG = 5
    STOPPED = 130  # as shells say of a command that Ctrl-C ended


MEANINGS = {
    Exit.FINISHED: "finished: it was done; of a run, every customer is as asked",
    Exit.REFUSED: "refused: arguments, file, key, account, caps or confirmation; or the run does not allow it now",
    Exit.PARTLY: "partly: some customers are not verified, or were left out of the plan; or the run has stopped before its end"
    "; or not all output could be written",
    Exit.UNREACHABLE: "unreachable: the API or the journal; what is in the journal stays as it is",
    Exit.BROKEN_LOG: "altered: the log, or what it proves; or the log lacks the entry that verify's --head names",
    Exit.STOPPED: "stopped by Ctrl-C before anything was begun",
}


def of_error(error: ExpressOpsError) -> Exit:
    """The code of a command that an error ended."""
    if isinstance(error, JournalDamaged):
        return Exit.BROKEN_LOG
    unreachable = isinstance(error, ApiError) and (isinstance(error, RateLimited) or not isinstance(error, Rejected))
    return Exit.UNREACHABLE if unreachable or isinstance(error, JournalUnavailable) else Exit.REFUSED


def of_run(run: Run, skipped: Iterable[Step]) -> Exit:
    """The code of a run that was carried. A skipped customer counts as done where its record says what was asked for."""
    if run.state is not RunState.FINISHED:
        return Exit.PARTLY
    already = sum(step.after is not None and step.after.is_active == run.action.wants_active for step in skipped)
    return Exit.FINISHED if run.totals.verified + already == run.totals.total else Exit.PARTLY
