"""Whether a run may be taken up now: how much it is by the settings of this moment, and a second person's word on it."""

from __future__ import annotations

from collections.abc import Callable

from lib.errors import NotCounted
from lib.people import Person
from lib.plans.approval import Amount, needs_approval
from lib.plans.model import Action, Run
from lib.plans.policy import check_amount
from lib.runs.tools import Tools


def admit(run: Run, who: Person, tools: Tools, active_total: Callable[[], int | None] | None) -> None:
    """Count once more, on what the run froze: the settings or the account may have changed since its review. Where it is so
    much that a second person has to approve it, or somebody asked for that, one must have: by the clock of now, and not `who`,
    who takes it up.

    Raises CapExceeded, NotCounted, ApprovalNeeded and JournalDamaged. Without `active_total` no share is checked.
    """
    policy, users, guarded = tools.policy, 0, 0
    for step in tools.journal.reads.every_step(run.id):
        users += step.before.user_count
        guarded += bool(policy.protected.ask.why(step.before))
    active = None
    if active_total is not None and run.action is Action.DEACTIVATE:
        active = active_total()
        if active is None and policy.counts_active:
            raise NotCounted
    # those that this run has deactivated already were active when it began
    before = None if active is None else active + run.totals.verified
    check_amount(policy.caps, run.action, run.totals.total, users, before)
    why = needs_approval(policy.approval, Amount(run.action, run.totals.total, users, guarded, before))
    if why or run.approval is not None:
        alone = policy.approval.alone == "type" and not tools.site.signs_in
        approvers = tools.site.people.approver
        tools.journal.approvals.check(run.id, why, who=who, now=tools.now(), alone=alone, approvers=approvers)
