"""The rehearsals of a session: each on a sandbox of its own, made of the list on show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from weakref import WeakSet

from lib.avara.limiter import Limiter
from lib.customers.reading.view import View
from lib.evidence.activity import Activity
from lib.plans.plan import Plan
from lib.plans.policy import Policy
from lib.rehearsal.conditions import Conditions, told
from lib.rehearsal.rehearsal import Rehearsal, Today


class Rehearsals:
    """Begins them, and ends them with the session. `activity` gives what is known of studies now, by `id_key`; `limiter` is
    asked how fast the API was and what went wrong, and for nothing else.
    """

    def __init__(
        self, policy: Policy, activity: Callable[[], Mapping[str, Activity]], limiter: Limiter, now: Callable[[], datetime]
    ) -> None:
        self._policy, self._activity, self._limiter, self._now = policy, activity, limiter, now
        self._begun: WeakSet[Rehearsal] = WeakSet()

    @property
    def seen(self) -> Conditions:
        """How the API was so far."""
        return Conditions.seen(*self._limiter.seen, self._limiter.met)

    @property
    def met(self) -> str:
        """What became of the requests to the API so far, in words."""
        return told(self._limiter.met)

    def begin(self, plan: Plan, view: View, conditions: Conditions) -> Rehearsal:
        """Begin to carry the plan out on a sandbox made of this list; returns at once.

        Raises PlanError for an undo, and what keeps the view from feeding a plan.
        """
        if view.obstacle is not None:
            raise view.obstacle
        today = Today(view.frame.records(plan.ids), dict(self._activity()), view.read_at, view.active_total)
        rehearsal = Rehearsal(plan, today, self._policy, conditions, now=self._now)
        self._begun.add(rehearsal)
        return rehearsal.start()

    def close(self) -> None:
        """End all that go on, so that nothing of them is left behind."""
        for rehearsal in tuple(self._begun):
            rehearsal.close()
