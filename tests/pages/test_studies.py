"""Studies are read from the Customers page; and of all that a study says, nothing but ids and times is written or sent."""

from __future__ import annotations

import logging
import time
from functools import partial

import pytest

from lib.cli.main import main
from lib.evidence.rule_set import PRESETS
from lib.evidence.rules import Answer
from lib.sandbox import studies
from tests.pages.world import World

SECRET = "Zzyzx"
#: What may leave the parser.
KNOWN = {"studyId", "isCancelled", "cancelledAt", "createdAt", "updatedAt", "expressCustomer"}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other field of a study says the same word, and there is one more."""

    def made(make, *args):
        return {name: value if name in KNOWN else SECRET for name, value in make(*args).items()} | {SECRET: SECRET}

    for kind in ("viewer_study", "autoscribe_study"):
        monkeypatch.setattr(studies, kind, partial(made, getattr(studies, kind)))


def test_nothing_of_a_patient_is_in_what_is_written_or_sent_by_any_face(
    world: World, planted: None, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path
) -> None:
    caplog.set_level(logging.DEBUG)
    world.sandbox(60)
    page = world.open()
    page.at.session_state["studies"] = True
    page.run().press("studies_read")
    page.until(lambda _: world.resources.evidence.reading.under_way is None).run()
    assert "Known of" in page.plain
    assert any(one.newest for one in world.resources.evidence.reading.known.values())
    sent = page.everything
    customer = next(iter(world.resources.evidence.reading.known))
    world.restart()
    for arguments in (
        ["candidates", "dormant", "-o", str(world.home / "candidates.csv")],
        ["candidates", "empty shell", "--json"],
        ["explain", customer, "dormant", "never used"],
        ["plan", "--rules", "dormant", "--action", "deactivate", "--reason", "r", "-o", str(world.home / "plan.json")],
    ):
        assert main(arguments) == 0, capfd.readouterr().err
    told = capfd.readouterr()
    files = {path.name: path.read_bytes() for path in world.home.rglob("*") if path.is_file()}
    assert {"activity.snapshot", "candidates.csv", "plan.json", "journal.sqlite"} <= files.keys()
    written = [sent, told.out.encode(), told.err.encode(), caplog.text.encode(), *files.values()]
    assert not [text[:200] for text in written if SECRET.encode() in text]


def test_the_studies_of_those_on_show_are_read_and_can_be_stopped(world: World) -> None:
    server = world.sandbox(120)
    page = world.open()
    page.at.session_state["studies"] = True
    page.run()
    reading = world.resources.evidence.reading
    assert "Known of 0 of" in page.plain
    server.set_faults(["slow@viewer-studies"])
    page.press("studies_read")
    assert reading.under_way is not None
    page.press("studies_read_stop")
    assert reading.under_way is None
    server.set_faults([])
    page.run().press("studies_read")
    page.until(lambda _: reading.under_way is None).run()
    active = world.resources.loads.frame().rows["is_active"].sum()
    assert f"Known of {active} of {active} customers, read " in page.plain
    assert "What was read is used again for a day." in page.plain
    assert not page.offers("studies_read")


DORMANT = next(rules for rules in PRESETS if rules.name == "dormant")


@pytest.mark.parametrize(
    ("name", "asks", "reads"), [("overview", "judged_all", "overview_read"), ("customers", "columns", "studies_read")]
)
def test_a_reading_that_ends_while_its_page_is_drawn_is_in_what_the_page_shows(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, asks: str, reads: str
) -> None:
    """The page asks first what is known, and then shows how far the reading is: by then it may have ended."""
    server = world.sandbox(250)
    page = world.open(name, **({"rules": f"dormant-{DORMANT.hash[:8]}"} if name == "customers" else {}))
    page.at.session_state["studies"] = True
    page.run()
    evidence, reading = world.resources.evidence, world.resources.evidence.reading
    server.set_faults(["slow@viewer-studies"])
    real = getattr(evidence, asks)

    def asked_right_before_the_end(*args: object) -> object:
        answer, deadline = real(*args), time.monotonic() + 60
        server.set_faults([])
        while reading.under_way is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return answer

    monkeypatch.setattr(evidence, asks, asked_right_before_the_end)
    page.press(reads)
    candidates = evidence.judged(DORMANT, world.resources.loads.frame()).having(Answer.YES)
    assert candidates
    if name == "overview":
        assert page.offers(f"look-{DORMANT.hash[:16]}")
    else:
        assert f"dormant: {len(candidates)} yes" in page.plain
