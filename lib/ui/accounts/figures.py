"""Figures of this process for Prometheus, by account: requests, steps of live runs, queue, age of the list. Nobody's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lib.errors import JournalError
from lib.plans.model import StepState
from lib.ui.resources import Resources, served

TYPE = CONTENT_TYPE_LATEST
#: What is told of requests, by the kinds of lib/avara/met.py.
_REQUESTS = {
    "requests": "Requests that were sent to the API",
    "refused": "Requests that the API refused because they came too fast (429)",
    "failed": "Requests that the API failed to answer (5xx)",
    "unanswered": "Requests whose connection was cut, or whose answer did not come in time",
    "repeated": "Requests that repeated another one",
}


def text() -> bytes | None:
    """The figures as Prometheus reads them; None where the settings do not ask for any. Raises NotStarted and ConfigError."""
    here = served()
    if not here.gate.serves_figures:
        return None
    registry = CollectorRegistry()
    opened = {name: one for name, one in here.opened().items() if isinstance(one, Resources)}
    registry.register(_Figures(opened))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, opened: Mapping[str, Resources]) -> None:
        self._opened = opened

    def collect(self) -> Iterator[Metric]:
        counted: dict[str, CounterMetricFamily] = {
            name: CounterMetricFamily(f"express_ops_api_{name}", words, labels=["account", "kind"])
            for name, words in _REQUESTS.items()
        }
        queued = GaugeMetricFamily("express_ops_api_queued", "Requests that wait for their turn", labels=["account"])
        age = GaugeMetricFamily("express_ops_list_age_seconds", "Since the list on show was read", labels=["account"])
        steps = GaugeMetricFamily("express_ops_steps", "Steps of the runs that are not over", labels=["account", "state"])
        for name, account in self._opened.items():
            for kind, met in account.met.items():
                for figure, family in counted.items():
                    family.add_metric([name, kind], getattr(met, figure))
            queued.add_metric([name], account.queued)
            shown = account.loads.shown
            read_at = shown.progress().finished_at if shown is not None else None
            if read_at is not None:
                age.add_metric([name], max((account.now() - read_at).total_seconds(), 0.0))
            for state, number in _steps(account).items():
                steps.add_metric([name, state], number)
        yield from (*counted.values(), queued, age, steps)


def _steps(account: Resources) -> dict[str, int]:
    """By state; none while the journal can't be read, which /readyz tells."""
    try:
        runs = account.live_runs.get().runs
    except JournalError:
        return {}
    return {state: sum(run.totals.count(state) for run in runs) for state in StepState}
