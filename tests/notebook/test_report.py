"""Days as people type them; what a notebook says of kept lists, and the report that it writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.customers.frame import build
from lib.customers.reading.shelf import Shelf
from lib.errors import ExportRefused, PlanError, SnapshotUnusable
from lib.notebook.report import day_of
from lib.notebook.session import NotebookSession
from lib.sandbox.server import SandboxServer


@pytest.mark.parametrize("said", ["2026-11-28", date(2026, 11, 28), datetime(2026, 11, 28, 23, 59, tzinfo=UTC)])
def test_a_day_is_told_as_a_text_or_a_date(said) -> None:
    assert day_of(said) == date(2026, 11, 28)


@pytest.mark.parametrize("said", ["yesterday", "", "2026-02-31", 3, None])
def test_what_is_no_day_is_refused(said) -> None:
    with pytest.raises(PlanError, match="A day is told like 2026-11-28"):
        day_of(said)


def test_a_notebook_compares_with_a_kept_list_and_writes_the_report_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
    with SandboxServer(customers=40, api_key="key-of-a-notebook") as server:
        monkeypatch.setenv("AVARA_API_KEY", "key-of-a-notebook")
        monkeypatch.setenv("AVARA_BASE_URL", server.base_url)
        ops = NotebookSession.opened()
        try:
            ops.load()
            session, now = ops._session, datetime.now(UTC)
            view = session.loads.view()
            shelf = Shelf(session.settings.snapshots, session.connection.fingerprint, days=9)
            (gone, *others), then = view.frame.records(view.frame.rows["id"]), now - timedelta(days=1)
            others[0] = others[0].model_copy(update={"user_count": 12_345})
            frame = build([gone.model_copy(update={"id": "cus_" + "e" * 32}), *others])
            session.loads.wait()
            snapshot = kept_of_today(shelf)
            shelf.write(replace(snapshot, frame=frame, started_at=then, finished_at=then))
            run = ops.run(ops.plan(ops.find(status="active", users_max=5)["id"].head(1), reason="Contract ended"), confirm=1)

            table = ops.compare(then.date())
            assert set(table["what"].astype("str")) == {"new", "gone", "deactivated", "users"}
            assert table.loc[table["what"] == "deactivated", "run"].tolist() == [run.id]
            assert "1 new, 1 gone, 2 changed" in capsys.readouterr().out
            with pytest.raises(SnapshotUnusable, match="No list of 2020-01-01 is kept"):
                ops.compare("2020-01-01")

            path = ops.report(tmp_path / "report.html", run.id)
            assert run.id in path.read_text()
            assert ops.report(tmp_path / "since.html", since=now.date()).exists()
            with pytest.raises(ExportRefused):
                ops.report(tmp_path / "report.csv")
            with pytest.raises(PlanError, match="is there already"):
                ops.report(path)
        finally:
            ops.close()


def kept_of_today(shelf: Shelf):
    """The list of today, once the load's thread has written it."""
    deadline = datetime.now(UTC) + timedelta(seconds=90)
    while not shelf.days():
        assert datetime.now(UTC) < deadline, "the list was never kept"
    kept = shelf.read()
    assert kept is not None
    return kept
