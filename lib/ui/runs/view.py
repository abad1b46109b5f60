"""A run on a page: how it stands, what may be done with it now, each step, and every updated record beside the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import streamlit as st

from lib.errors import IllegalTransition, OtherConnection
from lib.journal.proof.chain import Entry
from lib.people import Right
from lib.plans.evidence import Way
from lib.plans.model import Action, Run, RunState, StepState
from lib.runs.ending import CANCEL_ONLY, NEVER_STARTED, where_stopped
from lib.runs.owner import carrier
from lib.runs.progress import WINDOW, last_taken_up, progress, taken_up_under, time_carried
from lib.ui import nav, picks
from lib.ui.accounts import armed
from lib.ui.notices import attempt, fragment, told
from lib.ui.resources import Resources
from lib.ui.runs import approval, hurt, receipts, step_table, timeline, undo
from lib.ui.text import ago, asked_to_wait, count, duration, exact, md, number
from lib.ui.widgets import announce, clicked, dialogs, head

#: Between two looks at a run that works, and at one that waits for a person, who may be somebody else.
_POLL_SECONDS, _WAITING_SECONDS = 0.6, 3.0

_Act = Callable[[str], object]
BadgeColour = Literal["gray", "blue", "orange", "green", "red"]
RUN_BADGES: Mapping[RunState, tuple[str, str, BadgeColour]] = {
    RunState.PLANNED: ("Waiting to start", ":material/schedule:", "gray"),
    RunState.RUNNING: ("Running", ":material/play_arrow:", "blue"),
    RunState.PAUSED: ("Paused", ":material/pause:", "orange"),
    RunState.INTERRUPTED: ("Interrupted", ":material/power_off:", "orange"),
    RunState.FINISHED: ("Finished", ":material/check_circle:", "green"),
    RunState.CANCELLED: ("Cancelled", ":material/cancel:", "gray"),
}
#: While what was asked for is under way.
_ASKED = {"pause": "Pausing…", "cancel": "Cancelling…"}
_METRICS = (
    ("Verified", StepState.VERIFIED, "Read after the call, the record says what was asked for."),
    ("Skipped", StepState.SKIPPED, "No call was made; the table says why."),
    (
        "Not applied",
        StepState.NOT_APPLIED,
        "Read after the call, the record does not say what was asked for. It may be tried again.",
    ),
    ("Failed", StepState.FAILED, "Refused or gone; nothing was changed."),
    ("Unknown", StepState.UNKNOWN, "A call was sent and the record could not be read since, or is gone."),
)


def show(resources: Resources, run_id: str) -> None:
    """The whole view. While the run is live, a fragment reads the journal and redraws; closing the tab changes nothing."""
    resources.live_runs.get()  # of a journal that does not answer it is known at once
    run, now = resources.reads.run(run_id), datetime.now(UTC)
    undos, why = resources.reads.undos(run_id), _stalled(resources, run)
    entries = resources.log.run_entries(run_id)
    _header(resources, run, undos, now, why)
    if run.live and (told_apart := _other_settings(resources, entries)):
        st.warning(md(told_apart, limit=400), icon=":material/rule_settings:")
    approval.show(resources, run, now)
    every = _POLL_SECONDS if run.working(now) and not why else _WAITING_SECONDS
    fragment(_body, resources, run_id, _drawn(run, now, why), last_taken_up(entries), every=every if run.live else None)
    hurt.show(resources, run)
    timeline.show(resources, run)


def _drawn(run: Run, now: datetime, why: str) -> tuple[object, ...]:
    """What the header shows of a run that may change while somebody looks."""
    return run.state, run.requested, run.hold, run.words, run.damage, run.never_started(now), why, run.owner, run.approval


def _stalled(resources: Resources, run: Run) -> str:
    """Why no call of a running run is made; empty where it is carried."""
    return resources.stalled().get(run.id, "") if run.state is RunState.RUNNING else ""


def _other_settings(resources: Resources, entries: Sequence[Entry]) -> str:
    """That the run was taken up under other settings than those of this server, in words; empty where it was not."""
    if taken_up_under(entries) in ("", resources.policy.hash):
        return ""
    return "It was taken up under other settings than this server's. Compare settings.toml on both."


def _header(resources: Resources, run: Run, undos: Sequence[Run], now: datetime, why: str) -> None:
    label, icon, colour = badge(run, now, why)
    not_ours = _not_ours(resources, run)
    title = f"{run.action.value.capitalize()} {count(run.totals.total, 'customer')}"
    with head.show(title):
        _actions(resources, run, undos, ours=not not_ours)
    nav.name_tab(f"{title}: {label}")
    announce.say(f"{title}: {label}. {number(run.totals.settled)} done, {number(run.totals.verified)} verified.")
    with st.container(horizontal=True, vertical_alignment="center", key="run_head"):
        st.badge(label, icon=icon, color=colour)
        carried = ", ".join(resources.log.carriers(run.id))
        server = f"on {md(carrier(run.owner))}" if run.state is RunState.RUNNING else ""
        who = [f"planned by {md(run.operator)}", f"carried out by {md(carried)}" if carried else "", server]
        # This part is not drawn again while the run goes on, so that an age would stand still.
        recorded = exact(run.created_at) + ("" if run.live else f", {ago(run.created_at, now)}")
        parts = [md(run.connection_label), md(run.ticket), *who, f"recorded {recorded}"]
        st.markdown(" · ".join(part for part in parts if part), width="stretch")
    st.caption(f"Reason: {md(run.reason, limit=500)}")
    undo.show_links(resources, run, undos)
    if (words := stands(run, now, why)) and (run.damage or not not_ours):  # else it would tell a way on that there is not
        (st.warning if why or run.needs_person(now) else st.info)(md(words, limit=2_000), icon=":material/info:")
    if not_ours:
        st.warning(md(not_ours, limit=400), icon=":material/key:")
        if run.base_url == resources.connection.base_url:
            nav.link("connection")
    _where_it_stopped(resources, run)
    _pick_the_rest(resources, run)


def _not_ours(resources: Resources, run: Run) -> str:
    """Why the present key can't go on with the run, and what can be done, in words; empty where it can."""
    try:
        resources.check_ours(run)
    except OtherConnection as error:
        return f"{told(error)} {CANCEL_ONLY}" if run.live else told(error)
    return ""


def _where_it_stopped(resources: Resources, run: Run) -> None:
    """By name, for a run that was begun and that nobody carries. A canary stops where it was to stop."""
    if run.state is not RunState.RUNNING and not run.on_canary and run.totals.settled and run.totals.planned:
        (first,) = resources.reads.steps_to_show(run.id, StepState.PLANNED, limit=1)
        st.caption(md(where_stopped(first, run.totals.planned), limit=400))


def _pick_the_rest(resources: Resources, run: Run) -> None:
    """Of a run that is over and was to deactivate: those that it did not come to, and those where it was in vain."""
    if run.live or run.damage or run.action is not Action.DEACTIVATE or not resources.may(Right.PLAN):
        return
    rest = {StepState.PLANNED: "not started", StepState.NOT_APPLIED: "not applied"}
    with st.container(horizontal=True, key="run_rest"):
        for state, what in rest.items():
            if (size := run.totals.count(state)) and clicked.button(
                f"Pick the {number(size)} {what}", icon=":material/done_all:", key=f"pick_{state}"
            ):
                picks.add([step.customer_id for step in resources.reads.every_step(run.id, state)], Way.RUN)
                nav.go_to("deactivate")


def _actions(resources: Resources, run: Run, undos: Sequence[Run], *, ours: bool) -> None:
    """Only what is allowed now, to this person, of a run that is not `ours` only what sends nothing."""
    if resources.may(Right.STOP):
        _wishes(resources, run, undos, ours=ours)
    if (why := resources.gate.unchanging) is not None and (run.live or run.can_retry or run.can_undo):
        words = f"Nothing is started, retried or undone. {why.message}"
        st.caption(f":material/visibility: {md(words, limit=400)}", width="content")
    if not run.live and not run.damage and resources.may(Right.EXPORT):
        receipts.show(resources, run)


def _wishes(resources: Resources, run: Run, undos: Sequence[Run], *, ours: bool) -> None:
    """What may be done with the run.

    Each button records a wish; the worker carries it out.
    """
    starts = run.state is RunState.PLANNED and not run.damage
    undoes, spoken = ours and undo.offered(resources, run, undos), not approval.in_the_way(resources, run, datetime.now(UTC))
    if ours and ((spoken and (starts or run.can_resume)) or run.can_retry or undoes):
        ours = armed.may_change(resources)
    ready, writable, go_on = ours and spoken, resources.can_write(run), partial(_as_seen, resources, run)
    button = partial(_wish_button, resources, run)
    if ready and starts:
        button("Start", go_on(resources.resume), what="start", icon=":material/play_arrow:", type="primary")
    if not writable:
        st.caption("It can't be paused or cancelled before the journal can be written.", width="content")
    if run.can_pause and writable:
        button("Pause", resources.pause, what="pause", icon=":material/pause:")
    if ready and run.can_resume:
        word = "Let it go on" if run.on_canary else "Resume"
        button(word, go_on(resources.resume), what="resume", icon=":material/play_arrow:", type="primary")
    if run.can_cancel and writable:
        with st.popover("Cancel…", icon=":material/stop:", width="content"):
            st.markdown(_before_cancel(run))
            button("Cancel this run", resources.cancel, what="cancel", type="primary")
    if ours and run.can_retry and not run.awaits_approval(datetime.now(UTC)):
        only = "Only what failed, was not applied or is unknown; the rest is left alone."
        label = f"Retry {number(run.totals.retryable)}"
        button(label, go_on(resources.retry), what="retry", icon=":material/replay:", help=only)
    if ours and undoes and clicked.button("Undo…", icon=":material/undo:", key="run_undo"):
        nav.go_to("deactivate", undo=run.id)


def _before_cancel(run: Run) -> str:
    """What a cancel means; Markdown."""
    left, done = run.totals.planned, run.totals.settled
    so_far = f"{count(done, 'customer')} of {number(run.totals.total)} stay as they are now. " if done else ""
    return f"{so_far}{count(left, 'customer')} will not be started. A cancelled run can't go on: what is left needs a new plan."


def _wish_button(resources: Resources, run: Run, label: str, act: _Act, *, what: str, **options: Any) -> None:  # noqa: ANN401
    """Its key says whose it is: a click that comes when another run is drawn already is not for that one."""
    st.button(label, key=f"run_{what}-{run.id}", on_click=_wish, args=(resources, act, run.id), **options)


def _wish(resources: Resources, act: _Act, run_id: str) -> None:
    """A button's callback, for whoever is at work when it is pressed; the sidebar shows at once what came of it."""
    attempt(act, run_id)
    resources.live_runs.forget()


def _as_seen(resources: Resources, run: Run, act: _Act) -> _Act:
    """A second click, or one after somebody else's, takes no run past what holds it by now: that is to be seen first."""

    def checked(run_id: str) -> None:
        now = resources.reads.run(run_id)
        if (now.state, now.hold, now.words, now.finished_at) != (run.state, run.hold, run.words, run.finished_at):
            raise IllegalTransition(f"This run is {now.state} by now, so nothing was done.", run_id=run_id)
        act(run_id)

    return checked


def badge(run: Run, now: datetime, stalled: str = "") -> tuple[str, str, BadgeColour]:
    """Words, icon and colour of the run's state; a hold after the first steps is no trouble and says so.

    `stalled`: why no call is made although the state says that it is running, if so.
    """
    if run.damage:
        return "Damaged", ":material/error:", "red"
    if stalled:
        return "No call is made", ":material/sync_problem:", "orange"
    if run.never_started(now):
        return "Never started", ":material/schedule:", "orange"
    if run.requested:
        return _ASKED[run.requested], ":material/hourglass_top:", "orange"
    if run.on_canary:
        return "First steps done, waiting for you", ":material/pause:", "blue"
    return _of_approval(run, now) or RUN_BADGES[run.state]


def _of_approval(run: Run, now: datetime) -> tuple[str, str, BadgeColour] | None:
    """What a second person's word, or the want of it, makes of a run that is not carried."""
    if run.awaits_approval(now):
        return "Waiting for approval", ":material/approval:", "orange"
    if run.state is RunState.PLANNED and run.approval is not None:
        return "Refused" if run.approval.refused else "Approved, waiting to start", ":material/approval:", "blue"
    return None


def stands(run: Run, now: datetime, stalled: str = "") -> str:
    """Why the run stands as it does, in words; empty where there is nothing to say."""
    if run.damage:
        do = "Cancel it, and keep" if run.can_cancel else "Keep"
        return f"{run.damage} Nothing is sent for this run. {do} a copy of the journal."
    if stalled:
        return stalled
    if run.state is RunState.RUNNING and run.requested:
        return "The calls in flight are finished and verified first; nothing more is taken up."
    waits = run.approval.told(now) if run.approval is not None and run.awaits_approval(now) else ""
    return NEVER_STARTED if run.never_started(now) else " ".join(filter(None, (run.words, waits)))


def _body(resources: Resources, run_id: str, drawn: tuple[object, ...], taken_up: datetime | None) -> None:
    run = resources.reads.run(run_id)
    why = _stalled(resources, run)
    resources.live_runs.forget()  # the sidebar of the next rerun must not say less than this page
    if _drawn(run, datetime.now(UTC), why) != drawn:
        dialogs.redraw_page()
    resources.loads.catch_up()  # whoever goes on to the customers finds them as this page shows them
    _progress(resources, run, taken_up, carried=not why)
    _metrics(run)
    step_table.show(resources, run)


def _progress(resources: Resources, run: Run, taken_up: datetime | None, *, carried: bool) -> None:
    """Always there, so that nothing jumps when the run ends. A run that nobody carries has no rate; one that was held has
    that since it was taken up again.
    """
    totals, now = run.totals, datetime.now(UTC)
    text = f"{number(totals.settled)} of {number(totals.total)}"
    if run.state is RunState.RUNNING and carried and not run.requested:  # else it is about to stop
        waits = asked_to_wait(resources.waiting) if resources.carries(run) else ""
        since = max(now - WINDOW, taken_up or now - WINDOW)
        going = progress(*resources.reads.settled_since(run.id, since), now, totals.total - totals.settled)
        if waits:  # meanwhile the rate falls and the time left grows, which says nothing
            text += f" · {waits}"
        elif going.seconds_left is not None:
            text += f" · {going.rate:,.1f} a second · {duration(going.seconds_left)} left"
    elif run.started_at is not None and not run.live:
        log = resources.log
        text += f" · took {duration(time_carried(log.run_entries(run.id), log.before).total_seconds())}"
    st.progress(totals.settled / max(totals.total, 1), text=text)


def _metrics(run: Run) -> None:
    """While the run is live all of them, so that nothing jumps; then what there is."""
    told = [(label, run.totals.count(state), help_) for label, state, help_ in _METRICS]
    told.append(("To do", run.totals.planned + run.totals.in_flight, "Not started, or in flight now."))
    with st.container(horizontal=True):
        for label, value, help_ in told:
            if run.live or value:
                st.metric(label, number(value), border=True, help=help_, width="stretch" if run.live else 170)
