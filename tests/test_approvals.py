"""What a session does for a second person: who hears that a run waits, and what the log and the webhook hold of it."""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lib.config import Settings, secret_of
from lib.errors import ConfigError
from lib.notebook.run import OpenRun
from lib.people import NotAllowed, by_login
from lib.plans.approval import ApprovalNeeded, MayNotApprove
from lib.plans.model import RunState
from lib.runs.webhook import SIGNATURE, TIME
from lib.session import Session
from tests.runs.fakes import customer, plan_of
from tests.served import until

NAME = "Clinic of Doctor No"


class Receiver:
    """Hears webhooks, and answers each with `status`."""

    def __init__(self):
        self.heard, self.status = [], 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):  # its interface
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.heard.append((self.headers, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def opened(tmp_path, start_sandbox):
    """Opens a session with these settings on an empty sandbox."""
    server, made = start_sandbox(customers=0), []

    def open_with(settings):
        (tmp_path / "settings.toml").write_text(settings)
        told = {"EXPRESS_OPS_HOME": str(tmp_path), "AVARA_API_KEY": server.api_key, "AVARA_BASE_URL": server.base_url}
        made.append(Session(Settings(**told), known="in a test"))
        return made[-1]

    yield open_with
    for session in made:
        session.close()


def large(session):
    records = [customer(number, name=f"{NAME} {number}", user_count=1) for number in (1, 2)]
    fields = {"fingerprint": session.connection.fingerprint, "base_url": session.connection.base_url}
    return plan_of(records, reason=f"{NAME} has closed", **fields)


SIGNS_IN = 'caps.max_percent = 100\npeople.operator = ["robin@example.com"]\n[approval]\nfrom_customers = 2\n'


@pytest.mark.parametrize("kind", ["file", "env"])
def test_a_webhook_hears_of_a_run_that_waits_in_one_signed_post_without_a_name(opened, receiver, tmp_path, monkeypatch, kind):
    secret = tmp_path / "secret"
    secret.write_text("the secret\n")
    secret.chmod(0o600)
    monkeypatch.setenv("HOOK_SECRET", "the secret")
    where = "env:HOOK_SECRET" if kind == "env" else f"file:{secret}"
    session = opened(f'{SIGNS_IN}webhook = "{receiver.url}"\nsecret = "{where}"\nlink = "https://ops.example.com/x/"\n')
    run = session.start(large(session))
    assert run.state is RunState.PLANNED
    until(lambda: receiver.heard, "the webhook was told")
    ((headers, body),) = receiver.heard
    signed = hmac.new(b"the secret", headers[TIME].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={signed}"
    told = json.loads(body)
    assert (told["run"], told["customers"]) == (run.id, 2)
    assert told["link"] == f"https://ops.example.com/x/runs?run={run.id}"
    assert NAME not in body.decode()
    assert "cus_" not in body.decode()
    with pytest.raises(ApprovalNeeded):
        session.resume(run.id)
    assert len(receiver.heard) == 1  # it was asked for already


@pytest.mark.parametrize("trouble", ["500", "nobody there", "no secret"])
def test_its_failure_is_logged_and_changes_nothing(opened, receiver, trouble, caplog):
    receiver.status = 500
    url = receiver.url if trouble == "500" else "http://127.0.0.1:9/token-in-the-address"
    secret = "file:/nowhere" if trouble == "no secret" else "env:PATH"
    session = opened(f'{SIGNS_IN}webhook = "{url}"\nsecret = "{secret}"\n')
    run = session.start(large(session))
    assert run.awaits_approval(session.now())
    until(lambda: "The webhook of [approval]" in caplog.text, "it was logged")
    assert "token-in-the-address" not in caplog.text
    assert NAME not in caplog.text


def test_a_secret_that_others_can_read_is_none(tmp_path):
    file = tmp_path / "secret"
    file.write_text("s")
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="Other users may read"):
        secret_of(f"file:{file}")
    file.chmod(0o600)
    assert secret_of(f"file:{file}") == b"s"
    with pytest.raises(ConfigError, match="Nothing stands"):
        secret_of("env:NOT_SET_ANYWHERE")


def test_a_yes_of_somebody_whose_role_goes_while_it_is_given_is_none(opened, tmp_path, monkeypatch):
    session = opened(f'people.approver = ["kim@example.com"]\n{SIGNS_IN}')
    run, looked = session.start(large(session)), session.check_ours
    claims = {"email": "kim@example.com", "sub": "kim", "exp": session.now().timestamp() + 3600}
    kim = by_login(claims, session.gate.people, "")

    def check_ours(run):
        (tmp_path / "settings.toml").write_text(SIGNS_IN)
        looked(run)

    monkeypatch.setattr(session, "check_ours", check_ours)
    with pytest.raises(NotAllowed):
        session.approve(run.id, run.plan_hash, who=kim)
    assert session.reads.run(run.id).approval.given is None


def test_where_nobody_signs_in_nothing_large_is_even_recorded(opened):
    session = opened("[approval]\nfrom_customers = 2\n")
    for refused in (session.record, session.start, lambda plan: session.check(plan, 100)):
        with pytest.raises(ApprovalNeeded, match="nobody signs in here: it has 2 customers"):
            refused(large(session))
    assert session.reads.runs() == ()


def test_a_notebook_says_how_a_waiting_run_stands_and_one_person_alone_types_the_accounts_name(opened):
    session = opened('caps.max_percent = 100\n[approval]\nfrom_customers = 2\nalone = "type"\n')
    run = session.start(large(session))
    shown = OpenRun(session, run.id, lambda _: None)
    assert "it has 2 customers (that is asked from 2 on)" in repr(shown)
    assert f"ops.last.resume(account={session.connection.label!r})" in repr(shown)
    for typed in ("2", run.connection_label, " "):  # which is what the plan calls the account
        with pytest.raises(MayNotApprove, match="type the account's name"):
            shown.resume(account=typed)
    assert session.confirm_alone(run.id, session.connection.label).approval.given.alone
    assert "ops.last.resume() goes on" in repr(shown)
    session = opened(SIGNS_IN)
    with pytest.raises(MayNotApprove, match="a second person has to approve it"):
        session.confirm_alone(run.id, session.connection.label)


@pytest.mark.parametrize("moment", ["recorded", "confirmed", "started"])
def test_one_person_alone_does_no_more_once_people_are_named(opened, tmp_path, moment):
    """By the settings of that moment: the server was started when nobody signed in."""
    alone = 'caps.max_percent = 100\n[approval]\nfrom_customers = 2\nalone = "type"\n'
    session = opened(alone)
    plan = large(session)
    run_id = f"run_{plan.hash[:16]}"
    steps = {
        "recorded": lambda: session.record(plan),
        "confirmed": lambda: session.confirm_alone(run_id, session.connection.label),
        "started": lambda: session.resume(run_id),
    }
    for step, act in steps.items():
        if step == moment:
            (tmp_path / "settings.toml").write_text(f'people.operator = ["robin@example.com"]\n{alone}')
        if step == "started" or (step == "confirmed" and moment != "started"):
            with pytest.raises((ApprovalNeeded, MayNotApprove), match="second person"):
                act()
        else:
            act()
    assert not session.alone_by_name
    assert session.reads.run(run_id).state is RunState.PLANNED
