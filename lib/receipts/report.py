"""The report of a session: what some runs were about, for somebody who was not there, as one page that needs nothing else.

Who picked whom and why, who was left out and why, what came of it, and what of it is proved. A run that can't be told, because
it was altered or is damaged, is named with the reason and hides no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from lib.avara.models import id_key
from lib.avara.text import count
from lib.avara.times import known, to_second
from lib.errors import ExportRefused, JournalDamaged, PlanError
from lib.evidence.judgement import Judgement
from lib.journal.journal import Journal
from lib.journal.proof.chain import NO_RUN, ChainCheck
from lib.journal.proof.replay import Audit
from lib.journal.reads import Reads
from lib.people import Person
from lib.plans.drift import activity
from lib.plans.model import Action, DamagedStep, Run, Step, StepState
from lib.receipts.export import Format, ReceiptFile
from lib.receipts.page import PAGES
from lib.receipts.told import Told, event_words, state_words

#: Runs of one report, at most.
MOST = 100
_DONE, _NOT_DONE = "Done", "Not done"
_AGES = ((30, "< 1 month"), (90, "1–3 months"), (365, "3–12 months"), (730, "1–2 years"))
_OLDEST, _NEVER, _UNKNOWN = "> 2 years", "never", "unknown"
#: Of a chart, in pixels.
_WIDTH, _HEIGHT = 360, 170


@dataclass(frozen=True)
class Report:
    """Some runs, oldest first, with what was checked for them when the report was made."""

    told: tuple[Told, ...]
    chain: ChainCheck
    #: Runs of this report, and others that should be in it, that are not as the log has them.
    altered: tuple[str, ...]
    made_at: datetime
    made_by: str

    @property
    def wrong(self) -> tuple[str, ...]:
        """All that is wrong with the log or the runs, in words."""
        of_runs = [words for one in self.told for words in (one.why_not, *map(str, one.audit.findings)) if words]
        of_all = [_not_as_logged(self.altered)] if self.altered else []
        return (*([] if self.chain.ok else [self.chain.words]), *of_all, *of_runs)

    @property
    def days(self) -> str:
        first, last = (self.told[at].run.created_at.date() for at in (0, -1))
        return f"{first}" if first == last else f"{first} to {last}"

    @property
    def accounts(self) -> list[str]:
        return list(dict.fromkeys(_account(one.run) for one in self.told))

    @cached_property
    def standing(self) -> dict[str, int]:
        """How these runs left the customers that they were about, each once, by the last of them that changed it."""
        last: dict[str, Step | None] = {}
        action: dict[str, Action] = {}
        for one in self.told:
            for step in one.steps:
                key = id_key(step.customer_id)
                last.setdefault(key, None)
                if isinstance(step, Step) and step.state is StepState.VERIFIED:
                    last[key], action[key] = step, one.run.action
        left = Counter(action.values())
        users = sum(step.before.user_count for key, step in last.items() if step and action[key] is Action.DEACTIVATE)
        return {
            "Customers in these runs": len(last),
            "left inactive": left[Action.DEACTIVATE],
            "left active": left[Action.REACTIVATE],
            "not changed, or not known": len(last) - len(action),
            "Users of those left inactive": users,
        }

    @cached_property
    def rule_sets(self) -> list[tuple[Judgement, Counter[str], list[str]]]:
        """Each rule set that judged, how often it gave which answer, and what it asked."""
        found: dict[str, tuple[Judgement, Counter[str], dict[str, None]]] = {}
        for one in self._judged():
            _, answers, questions = found.setdefault(one.hash, (one, Counter(), {}))
            answers[one.answer] += 1
            questions |= dict.fromkeys(answer.question for answer in one.answers)
        return [(first, answers, list(questions)) for first, answers, questions in found.values()]

    def _judged(self) -> Iterable[Judgement]:
        return (planned.judgement for one in self.told if one.plan for planned in one.plan.customers if planned.judgement)

    @property
    def charts(self) -> list[tuple[str, Markup | str]]:
        """Titles and pictures, or a sentence where there is one bar. No word of a record is in them."""
        steps = [(one, step) for one in self.told for step in one.steps if isinstance(step, Step)]
        states = [state for state in StepState if any(step.state is state for _, step in steps)]
        results = [(state_words(step.state), one.run.action.value.capitalize()) for one, step in steps]
        drawn = [("What came of it", _chart("Result", results, [state_words(state) for state in states]))]
        first = [(one.planned(step), step) for one, step in steps if one.run.action is Action.DEACTIVATE]
        ages = [label for _, label in _AGES] + [_OLDEST]
        if updated := [(_age(step.before.updated_at, seen.read_at), _result(step)) for seen, step in first if seen]:
            title = "Deactivations, by the time since the record's last update when it was read"
            drawn.append((title, _chart("Last update", updated, [*ages, _UNKNOWN])))
        judged = [(seen.judgement, step) for seen, step in first if seen and seen.judgement and seen.judgement.activity]
        if studies := [(_studied(found), _result(step)) for found, step in judged]:
            title = "Deactivations, by the age of the newest study when it was read"
            drawn.append((title, _chart("Newest study", studies, [*ages, _NEVER, _UNKNOWN])))
        return drawn


@dataclass(frozen=True)
class ReportFile(ReceiptFile):
    """A report as made; `runs` are the ids of those that it is of."""

    runs: tuple[str, ...]


def check_is_page(path: Path) -> None:
    """Raise ExportRefused unless the file's name ends as a page's does."""
    if Format.of(path) is not Format.HTML:
        raise ExportRefused("A report is a page: name a file that ends in .html.")


def runs_since(reads: Reads, day: date, keys: Collection[str]) -> tuple[Run, ...]:
    """The runs that were recorded on this day (UTC) or later, of these keys where there are some; at most one too many."""
    return reads.runs(MOST + 1, since=_midnight(day), keys=keys)


def report(
    journal: Journal, named: Sequence[Run], *, who: Person, now: datetime, since: date | None = None, keys: Collection[str] = ()
) -> ReportFile:
    """Log the export for each of these runs, and of those since a day if there is one, as `runs_since`; then make the report of
    them as a UTF-8 page.

    They are compared with the log, and so is whatever run the log says was planned since then and is not among them: it may
    have been altered or removed. Raises ExportRefused where there is no run or more than MOST, and JournalUnavailable when the
    export can't be logged.
    """
    runs = (*named, *(runs_since(journal.reads, since, keys) if since else ()))
    told_of = {run.id for run in runs}
    logged = journal.audit.planned_since(_midnight(since), keys) if since else []
    missing = [run_id for run_id in logged if run_id not in told_of]
    if not runs:
        altered = _altered(_audits(journal, missing))
        also = f" {_not_as_logged(altered)}" if altered else ""
        raise ExportRefused(f"There is no run to report on. Name an earlier day, or a run.{also}")
    if len(runs) > MOST:
        raise ExportRefused(f"A report holds at most {MOST} runs. Name a later day, or the runs.")
    inorder = sorted({run.id: run for run in runs}.values(), key=lambda run: (run.created_at, run.id))
    for run in inorder:
        _note(journal, run.id, now, who)
    audits = _audits(journal, (*told_of, *missing))
    told = tuple(_told(journal, run.id, audits[run.id]) for run in inorder)
    made = Report(told, journal.log.verify_chain(), _altered(audits), now, who.name)
    helpers = {"facts": facts, "state": state_words, "stands": activity, "event": event_words}
    page = "".join(PAGES.get_template("report.html").generate(report=made, **helpers))
    name = f"report-{made.days.replace(' ', '-')}.html"
    body, ids = page.encode("utf-8", errors="replace"), tuple(run.id for run in inorder)
    return ReportFile(name, Format.HTML.mime, body, made.wrong, ids)


def _note(journal: Journal, run_id: str, now: datetime, who: Person) -> None:
    """Log the export; of a run of which it can't be read what it is about, as an entry of no run."""
    try:
        journal.log.note(run_id, "export", now=now, who=who, format="report")
    except JournalDamaged:
        journal.log.note(NO_RUN, "export", now=now, who=who, format="report", damaged_run=run_id)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _audits(journal: Journal, run_ids: Iterable[str]) -> dict[str, Audit]:
    return {run_id: journal.audit.run(run_id) for run_id in sorted(run_ids)}


def _altered(audits: Mapping[str, Audit]) -> tuple[str, ...]:
    return tuple(run_id for run_id, audit in audits.items() if not audit.ok)


def _not_as_logged(altered: Sequence[str]) -> str:
    are = "is not as the log has it" if len(altered) == 1 else "are not as the log has them"
    more = f" and {len(altered) - MOST:,} more" if len(altered) > MOST else ""
    return f"{count(len(altered), 'run')} of this journal {are}: {', '.join(altered[:MOST])}{more}."


def _told(journal: Journal, run_id: str, audit: Audit) -> Told:
    run, why_not, plan = journal.reads.run(run_id), "", None
    steps: tuple[Step | DamagedStep, ...] = ()
    try:
        journal.audit.check_plan(run_id)
        plan = journal.reads.plan(run_id)
        why_not = run.damage
    except (JournalDamaged, PlanError) as error:
        why_not = error.message
    if plan is not None and not why_not:
        steps = tuple(map(_certain, journal.reads.every_step_to_show(run_id)))
    return Told(
        run,
        why_not,
        None if why_not else plan,
        steps,
        journal.log.run_entries(run_id),
        audit,
        journal.log.carriers(run_id),
        journal.reads.undos(run_id),
    )


def _certain(step: Step | DamagedStep) -> Step | DamagedStep:
    """The step; a damaged one where it says *verified* without what only a record that was read can say."""
    if isinstance(step, Step) and step.state is StepState.VERIFIED and (step.after is None or step.settled_at is None):
        words = "The journal is damaged: it has this step as verified, without the record that was read after the call."
        return DamagedStep(step.run_id, step.position, step.customer_id, step.name, words)
    return step


def facts(one: Told) -> dict[str, tuple[str, ...]]:
    """A run's facts by their names, a line each; empty ones do not apply."""
    run = one.run
    told = {
        "Who": one.people,
        "Why": (run.reason, run.ticket),
        "When": (f"{to_second(run.started_at or run.created_at)} to {to_second(run.finished_at) or 'now'}",),
        "What came of it": (*one.came_of_it, run.words),
        "How they were picked": one.picked or (run.filter_text,),
        "Account": (_account(run),),
        "Run, plan hash": (run.id, run.plan_hash),
    }
    return {name: tuple(filter(None, lines)) for name, lines in told.items()}


def _account(run: Run) -> str:
    return f"{run.connection_label} ({run.base_url})" if run.base_url else run.connection_label


def _result(step: Step) -> str:
    return _DONE if step.state is StepState.VERIFIED else _NOT_DONE


def _age(at: datetime | None, seen: datetime) -> str:
    at = known(at, seen)
    if at is None:
        return _UNKNOWN
    return next((label for days, label in _AGES if seen - at < timedelta(days=days)), _OLDEST)


def _studied(judgement: Judgement) -> str:
    seen = judgement.activity
    if seen is None or (seen.newest is None and seen.ever is not False):
        return _UNKNOWN
    return _NEVER if seen.newest is None else _age(seen.newest, seen.read_at)


def _chart(by: str, pairs: Sequence[tuple[str, str]], labels: Sequence[str]) -> Markup | str:
    """How many there are of each pair of a group and a series; groups in the order of `labels`."""
    from lib.charts import bars, svg  # noqa: PLC0415 - few sessions make a report, and each start would wait for its charts

    series, counts = list(dict.fromkeys(name for _, name in sorted(pairs, key=lambda pair: pair[1]))), Counter(pairs)
    if len(counts) < 2:
        return "; ".join(
            f"{label.capitalize()}, {name.lower()}: {count(many, 'customer')}" for (label, name), many in counts.items()
        )
    rows = [(label, name, counts[label, name]) for label in labels for name in series]
    table = pd.DataFrame(rows, columns=[by, "Status", "Customers"])
    return Markup(svg(bars(table).properties(width=_WIDTH, height=_HEIGHT)))  # noqa: S704 - a picture of our own words and numbers
