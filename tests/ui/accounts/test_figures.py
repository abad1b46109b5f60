"""Figures for Prometheus: what this process did, in numbers; of nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lib.plans.evidence import Picked, Way
from lib.ui.accounts import figures
from tests.pages.world import World, records_of


def read(page: str) -> dict[tuple[str, str], float]:
    """By name and the label besides the account."""
    families = text_string_to_metric_families(page)
    return {
        (sample.name, "".join(value for name, value in sample.labels.items() if name != "account")): sample.value
        for family in families
        for sample in family.samples
    }


def settings(home: Path, text: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(text)


@pytest.mark.parametrize("text", ["", "metrics = false\n"])
def test_there_are_none_where_the_settings_ask_for_none(tmp_path: Path, text: str) -> None:
    settings(tmp_path, text)
    with World(tmp_path) as world:
        world.sandbox(customers=5)
        assert figures.text() is None


def test_requests_steps_the_queue_and_the_age_of_the_list_are_told_and_nobodys_name(tmp_path: Path) -> None:
    settings(tmp_path, "metrics = true\n")
    with World(tmp_path) as world:
        sandbox = world.sandbox(customers=900, rate_limit="40%")
        assert figures.text() is not None  # also before anything was read
        sandbox.set_faults(["http-500@list=0.2"])
        session = world.resources
        view = session.loads.wait()
        picked = {one: Picked(Way.LISTED) for one in view.frame.rows.query("is_active")["id"][:3]}
        session.record(session.freeze(session.review(picked, view), reason="Contract ended"))
        session.live_runs.forget()
        page = (figures.text() or b"").decode()
        told = read(page)
        sent, names = sandbox.calls(), [record["expressCustomerName"] for record in records_of(sandbox)]
    assert told["express_ops_api_requests_total", "reading"] == len(sent)
    assert told["express_ops_api_refused_total", "reading"] == sum(call.status == 429 for call in sent) > 0
    assert told["express_ops_api_failed_total", "reading"] == sum(call.status == 500 for call in sent)
    assert told["express_ops_api_repeated_total", "reading"] == sum(call.status >= 429 for call in sent)
    assert told["express_ops_api_queued", ""] == 0
    assert 0 <= told["express_ops_list_age_seconds", ""] < 600
    assert (told["express_ops_steps", "planned"], told["express_ops_steps", "verified"]) == (3, 0)
    assert not [name for name in names if name in page]
