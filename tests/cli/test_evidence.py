"""`candidates`, `explain` and `plan --rules`: whom a rule set means, why, and a plan of them with what it said."""

from __future__ import annotations

import csv
import json

import pytest

from lib.cli.exits import Exit
from lib.cli.main import main
from lib.evidence.rule_set import PRESETS
from lib.plans.plan import Plan
from tests.runs.test_main import KEY

DORMANT = PRESETS[1]


@pytest.fixture
def run(start_sandbox, tmp_path, monkeypatch, capfd):
    """Runs a command on a sandbox; its exit code, JSON rows and errors."""
    server = start_sandbox(api_key=KEY)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    monkeypatch.setenv("AVARA_BASE_URL", server.base_url)
    monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)

    def command(*arguments):
        code = main([*arguments, "--json"])
        return code, [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return command


def test_from_candidates_to_a_plan_that_carries_what_the_rules_said(run, tmp_path):
    code, rows = run("candidates", "dormant", "--yes", "-o", "found.csv")
    assert code == Exit.FINISHED
    told = {row["id"]: row for row in rows if row["kind"] == "candidate"}
    assert told
    assert {row["answer"] for row in told.values()} == {"yes"}
    listed = list(csv.DictReader((tmp_path / "found.csv").read_text("utf-8-sig").splitlines()))
    assert {row["expressCustomerId"]: row["why"] for row in listed} == {id_: row["why"] for id_, row in told.items()}
    words = ("--action", "deactivate", "--reason", "r", "-o")
    run("plan", "--rules", "dormant", *words, "rules.json")
    run("plan", "--ids-file", "found.csv", "--where", "candidate=yes", *words, "list.json")
    by_rules, by_list = (Plan.from_json((tmp_path / name).read_bytes()) for name in ("rules.json", "list.json"))
    assert set(by_rules.ids) == set(by_list.ids) == told.keys()
    for planned in by_rules.customers:
        assert planned.judgement.hash == DORMANT.hash
        assert planned.judgement.words == told[planned.record.id]["why"]


@pytest.mark.parametrize("rules", [preset.label for preset in PRESETS])
def test_what_a_list_of_candidates_says_of_each_is_no_decision_when_it_is_read_again(run, tmp_path, rules):
    _, rows = run("candidates", rules, "--yes", "-o", "found.csv")
    told = {row["id"] for row in rows if row["kind"] == "candidate"}
    words = ("--where", "candidate=yes", "--action", "deactivate", "--reason", "r", "-o", "list.json")
    code, said = run("plan", "--ids-file", "found.csv", *words)
    if told:
        assert set(Plan.from_json((tmp_path / "list.json").read_bytes()).ids) == told
    else:
        assert code == Exit.REFUSED
    assert not [row for row in said if row.get("error") == "ListUnclear"]


def test_explain_tells_each_answer_of_each_rule_set_or_of_every_preset(run):
    _, rows = run("candidates", "dormant")
    customer = next(row["id"] for row in rows if row["kind"] == "candidate")
    code, explained = run("explain", customer)
    assert (code, [row["rules"] for row in explained]) == (Exit.FINISHED, [preset.label for preset in PRESETS])
    _, (one,) = run("explain", customer, "dormant")
    assert [answer["answer"] for answer in one["answers"]] == ["yes", "yes", "yes"]
    assert all(answer["seen"] for answer in one["answers"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("candidates", "nobody knows this"), "There are these rule sets"),
        (("candidates", "missing.json"), "can't be read"),
        (("explain", f"cus_{1:032x}", "dormant"), "is not in the list"),
        (("plan", "--action", "deactivate", "--reason", "r", "-o", "p"), "--ids-file FILE or --rules RULES"),
        (("plan", "--rules", "dormant", "--sheet", "x", "--action", "deactivate", "--reason", "r", "-o", "p"), "about a list"),
    ],
)
def test_what_is_not_certain_is_refused_in_words(run, arguments, words):
    code, rows = run(*arguments)
    assert (code, rows[-1]["kind"]) == (Exit.REFUSED, "error")
    assert words in rows[-1]["message"]
