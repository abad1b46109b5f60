"""The terms of a plan, in words: what one run may affect at most, where it holds, what it came from. Pure."""

from __future__ import annotations

from lib.avara.text import count
from lib.evidence.judgement import judged_by
from lib.plans.evidence import Way, picked_by
from lib.plans.model import Action
from lib.plans.plan import Plan
from lib.plans.policy import Policy


def caps_of(plan: Plan, policy: Policy) -> str:
    """What one run of this action may affect at most."""
    caps = policy.caps
    told = f"at most {caps.max_customers:,} customers, {caps.max_users:,} users"
    if plan.action is Action.DEACTIVATE:
        told += f", {caps.max_percent:g} % of the active customers"
    return told


def holds_of(plan: Plan, policy: Policy) -> str:
    """Whether the run holds after its first steps, and what then; empty where it does not."""
    canary = policy.canary.of(len(plan.customers))
    if canary is None:
        return ""
    then = "goes on if all are verified" if plan.goes_on else "holds until somebody resumes it"
    return f"after the first {canary:,} the run {then}"


def protected_in(plan: Plan, policy: Policy) -> int:
    """How many customers of the plan the settings protect: with one of them it can't run."""
    return sum(bool(policy.protected.why(planned.record)) for planned in plan.customers)


def terms(plan: Plan, policy: Policy) -> dict[str, str]:
    """All of it, as names and words; what does not apply is left out."""
    protected, left_alone = protected_in(plan, policy), len(plan.left_alone)
    unsaid = "nobody: what that rule set said is not in this plan" if Way.RULES in plan.filter_text else ""
    told = {
        "picked by": picked_by(plan.filter_text),
        "judged by": judged_by(planned.judgement for planned in plan.customers) or unsaid,
        "takes back": plan.undo_of or "",
        "left alone": f"{left_alone:,} of that run" if left_alone else "",
        "left out": count(plan.left_out, "customer") if plan.left_out else "",
        "caps": caps_of(plan, policy),
        "canary": holds_of(plan, policy),
        "protected": f"{protected:,} of them: the plan can't run with them" if protected else "",
        "plan hash": plan.hash,
    }
    return {name: words for name, words in told.items() if words}
