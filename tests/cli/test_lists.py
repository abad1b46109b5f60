"""`plan` of a list that a colleague sent: the reader of the pages, and options in the place of its questions."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

import pytest
from pydantic import SecretStr

from lib.avara.client import AvaraClient
from lib.avara.connection import Connection
from lib.cli.exits import Exit
from lib.cli.main import main
from lib.plans.plan import Plan
from tests.customers.lists.cases import CASES, filled, meant
from tests.runs.test_main import KEY


@pytest.fixture
def customers(start_sandbox, tmp_path, monkeypatch):
    """The active customers with few users of a sandbox that the command line is connected to."""
    server = start_sandbox(api_key=KEY)
    monkeypatch.setenv("EXPRESS_OPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVARA_API_KEY", KEY)
    monkeypatch.setenv("AVARA_BASE_URL", server.base_url)
    monkeypatch.delenv("EXPRESS_OPS_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    client = AvaraClient(Connection(server.base_url, SecretStr(KEY), "test"))
    records = [record for page in client.iter_pages() for record in page.customers]
    client.close()
    times = Counter(record.name.casefold() for record in records)
    return [one for one in records if one.is_active and one.user_count < 20 and times[one.name.casefold()] == 1]


def plan(tmp_path, body, *options):
    """The exit code of `plan` for this list, and the ids that it planned."""
    (tmp_path / "list").write_bytes(body)
    made = tmp_path / "p.json"
    code = main(["plan", "--ids-file", "list", "--action", "deactivate", "--reason", "r", "-o", str(made), *options])
    planned = Plan.from_json(made.read_bytes()) if made.exists() else None
    return code, planned


@pytest.mark.parametrize(("name", "options", "letters"), CASES)
def test_a_colleague_s_list_is_planned_as_the_page_would_pick_it_or_refused_with_the_option(
    customers, tmp_path, capfd, name, options, letters
):
    ids = [customer.id for customer in customers[:6]]
    given = ["--column", options["column"]] if "column" in options else []
    given += [word for column, value in options.get("where", ()) for word in ("--where", f"{column}={value}")]
    code, planned = plan(tmp_path, filled(name, ids), *given)
    if letters is None:
        assert (code, planned) == (Exit.REFUSED, None)
        told = capfd.readouterr().err
        assert "--where COLUMN=VALUE" in told if "decision" in name else "--column NAME" in told
        assert ("keep: 1" if "decision" in name else "Customer ID (2 ids") in told
    else:
        assert sorted(planned.ids) == sorted(meant(letters, ids))


def test_names_are_found_where_exactly_one_customer_has_them_and_others_are_only_told(customers, tmp_path, capfd):
    found, other = customers[:2]
    body = f"Hospital;Ort\n{found.name.upper()};x\n{other.name}zz;y\nNobody of that name at all;z\n;w\n".encode()
    code, planned = plan(tmp_path, body, "--json")
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    kinds = {row["kind"]: row for row in rows}
    assert (code, planned.ids) == (Exit.PARTLY, (found.id,))
    assert planned.customers[0].evidence[0].startswith("Picked from a list: list, column Hospital; customers as read ")
    assert planned.filter_text == "Picked from a list: list, column Hospital"
    assert other.id in kinds["near"]["words"]
    assert [kinds[kind]["id"] for kind in ("near", "unknown", "empty")] == [
        f"{other.name}zz",
        "Nobody of that name at all",
        "w",
    ]
    assert kinds["ids"]["rows"] == 4


def test_an_id_in_capitals_is_the_customer_s_as_on_the_page(customers, tmp_path):
    first, second = customers[:2]
    code, planned = plan(tmp_path, f"{first.id.upper()}\n{second.id}\n".encode())
    assert code == Exit.FINISHED
    assert set(planned.ids) == {first.id, second.id}


def test_the_report_says_what_became_of_each_row_also_where_nobody_is_planned(customers, tmp_path):
    found, other = customers[:2]
    lacking = f"cus_{7:032x}"
    body = f"{found.id}\n{other.name}zz\n{lacking}\nsee {other.id}\n".encode()
    report = tmp_path / "report.csv"
    code, _ = plan(tmp_path, body, "--report", str(report))
    rows = list(csv.DictReader(io.StringIO(report.read_text("utf-8-sig"))))
    assert code == Exit.PARTLY
    assert {row["row"]: row["result"] for row in rows} == {
        "1": "found",
        "2": "only nearly a name",
        "3": "unknown",
        "4": "neither one id nor a name",
    }
    assert (rows[0]["customer"], rows[0]["users"], rows[1]["customer id"]) == (found.name, str(found.user_count), other.id)
    assert plan(tmp_path, body, "--report", str(report))[0] == Exit.REFUSED  # it is there already
    (tmp_path / "p.json").unlink()
    assert plan(tmp_path, lacking.encode(), "--report", str(tmp_path / "none.csv"))[1] is None
    assert "unknown" in (tmp_path / "none.csv").read_text("utf-8-sig")
