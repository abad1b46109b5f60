"""Who may do what: settings → roles → rights, as tables."""

from __future__ import annotations

import inspect
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from lib.approvals import Approvals
from lib.errors import ConfigError
from lib.gate import Gate
from lib.people import VERBS, NotAllowed, NotSignedIn, People, Person, Right, Role, SignIn, by_login
from lib.runs.worker import Worker
from lib.session import Session
from lib.workspace import Workspace

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
PEOPLE = People(
    viewer=["*@example.com", "user:kim"],
    operator=["robin@example.com", "group:operations"],
    approver=["group:Leads", "Alex@Example.com", "group:on@call"],
)
VIEWER, OPERATOR, APPROVER = Role.VIEWER, Role.OPERATOR, Role.APPROVER


def person(**claims: object) -> Person:
    return Person("somebody", "by login", SignIn(**{"until": NOW + timedelta(hours=1)} | claims))


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"email": "kim@example.com"}, {VIEWER}),
        ({"email": "robin@example.com"}, {VIEWER, OPERATOR}),
        ({"email": "ROBIN@EXAMPLE.COM"}, {VIEWER, OPERATOR}),
        ({"email": "alex@example.com"}, {VIEWER, APPROVER}),
        ({"groups": frozenset({"operations"})}, {OPERATOR}),
        ({"groups": frozenset({"Operations", "leads"})}, set()),
        ({"user": "kim"}, {VIEWER}),
        ({"user": "Kim"}, set()),
        ({"user": "robin@example.com"}, set()),  # not an e-mail address that anybody vouches for
        ({"user": "operations"}, set()),
        ({"groups": frozenset({"kim", "user:kim", "robin@example.com", "*@example.com"})}, set()),
        ({}, set()),
        ({"email": ""}, set()),
        ({"email": "*@example.com"}, {VIEWER}),  # an odd address, of that domain all the same
        ({"email": "robin@evil.com"}, set()),
        ({"email": "robin@example.com.evil.com"}, set()),
        ({"email": "robin@sub.example.com"}, set()),
        ({"email": "robin@example.com@evil.com"}, set()),
        ({"email": "robin@evil.com@example.com"}, set()),
        ({"email": "robin@example.com, x@evil.com"}, set()),
        ({"email": " robin@example.com"}, set()),
        ({"email": "robin@example.com\n"}, set()),
        ({"email": "robın@example.com"}, set()),  # letters that a careless comparison takes for others
        ({"email": "\u212ai\u006d@example.com"}, set()),
        ({"email": "group:operations"}, set()),
        ({"email": "group:on@call"}, set()),
    ],
)
def test_roles_are_given_by_exactly_what_is_vouched_for(claims: dict[str, object], roles: set[Role]) -> None:
    sign_in = person(**claims).sign_in
    assert sign_in is not None
    assert PEOPLE.roles(sign_in) == roles


@pytest.mark.parametrize(
    ("email", "rights"),
    [
        ("kim@example.com", {Right.READ}),
        ("robin@example.com", {Right.READ, Right.EXPORT, Right.PLAN, Right.ASK, Right.RUN, Right.STOP}),
        ("alex@example.com", {Right.READ, Right.APPROVE}),
        ("stranger@elsewhere.com", set()),
    ],
)
def test_a_role_allows_what_it_says_and_the_rest_is_refused_in_words(email: str, rights: set[Right]) -> None:
    who = person(email=email)
    assert PEOPLE.rights(who) == rights
    for right in Right:
        if right in rights:
            PEOPLE.check(right, who, NOW)
        else:
            with pytest.raises(NotAllowed, match=r"may not|has no role") as refusal:
                PEOPLE.check(right, who, NOW)
            assert who.name in refusal.value.message


def test_the_user_of_this_machine_may_do_everything() -> None:
    for right in Right:
        People().check(right, Person("root", "as the user of the command line"), NOW)


def test_a_sign_in_allows_nothing_from_its_end_on() -> None:
    who = person(email="robin@example.com", until=NOW)
    PEOPLE.check(Right.RUN, who, NOW - timedelta(microseconds=1))
    with pytest.raises(NotSignedIn, match="run out"):
        PEOPLE.check(Right.READ, who, NOW)


@pytest.mark.parametrize(
    ("claims", "hours", "until"),
    [
        ({"exp": 1_800_000_000}, None, 1_800_000_000),
        ({"exp": 1_800_000_000.5}, None, 1_800_000_000.5),
        ({"exp": 1_800_000_000, "iat": 1_700_000_000}, 2, 1_700_007_200),
        ({"exp": 1_800_000_000}, 2, 7200),  # nobody knows when it was issued: it is over
        *(({"exp": odd}, None, 0) for odd in (None, "1800000000", True, -1, 1e300, float("nan"), float("inf"), [], {})),
    ],
)
def test_a_login_lasts_as_long_as_its_token_says_or_the_settings(
    claims: dict[str, object], hours: float | None, until: float
) -> None:
    who = by_login({"email": "robin@example.com", "iss": "https://login.example.com"} | claims, People(hours=hours), "")
    assert who.sign_in is not None
    assert who.sign_in.until.timestamp() in (until, 1)  # a claim of 1 is 1970, too


@pytest.mark.parametrize(
    ("claims", "name", "email", "groups"),
    [
        ({"email": "robin@example.com", "sub": "f3"}, "robin@example.com", "robin@example.com", set()),
        ({"email": "robin@example.com", "email_verified": True, "sub": "f3"}, "robin@example.com", "robin@example.com", set()),
        ({"email": "robin@example.com", "email_verified": "true"}, "robin@example.com", "robin@example.com", set()),
        *(
            ({"email": "robin@example.com", "email_verified": said, "sub": "f3"}, "f3", "", set())
            for said in (False, "false", None, 0, 1, "yes", "")
        ),
        ({"name": "robin@example.com", "preferred_username": "robin@example.com", "sub": "f3"}, "f3", "", set()),
        ({"email": ["robin@example.com"], "sub": 7}, "unknown", "", set()),
        ({"email": "robin\n@example.com"}, "robin @example.com", "robin @example.com", set()),
        ({"sub": "f3", "groups": ["a", 7, None, "", "b"]}, "f3", "", {"a", "b"}),
        ({"sub": "f3", "groups": "a"}, "f3", "", {"a"}),
        ({"sub": "f3", "groups": {"a": 1}}, "f3", "", set()),
    ],
)
def test_what_a_provider_vouches_for_is_taken_and_no_more(
    claims: dict[str, object], name: str, email: str, groups: set[str]
) -> None:
    who = by_login(claims | {"iss": "https://login.example.com", "exp": 2**31}, People(), "")
    assert who.sign_in is not None
    assert (who.name, who.known) == (name, "by login at https://login.example.com")
    assert (who.sign_in.email, who.sign_in.groups) == (email, groups)


TOKEN = {"header": "X-Token", "keys": "/etc/jwks.json", "issuer": "https://login.example.com", "audience": "express-ops"}
PROXY = {"addresses": ["10.0.0.2"], "secret_file": "/run/secrets/proxy"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"viewer": ["example.com"]}, "viewer"),
        ({"viewer": ["*"]}, "viewer"),
        ({"viewer": ["*@*"]}, "viewer"),
        ({"viewer": ["*.com"]}, "viewer"),
        ({"viewer": ["rob*@example.com"]}, "viewer"),
        ({"viewer": ["robin@example.com."]}, "viewer"),
        ({"viewer": ["robin@"]}, "viewer"),
        ({"viewer": [""]}, "viewer"),
        ({"viewer": ["group:"]}, "viewer"),
        ({"viewer": ["group: a"]}, "viewer"),
        ({"viewer": ["role:a"]}, "viewer"),
        ({"viewer": ["röbin@example.com"]}, "viewer"),
        ({"viewer": "robin@example.com"}, "viewer"),
        ({"viewer": [1]}, "viewer"),
        ({"admin": []}, "admin"),
        ({"hours": 0}, "hours"),
        ({"hours": True}, "hours"),
        ({"proxy": {}}, "proxy"),
        ({"proxy": PROXY | {"addresses": []}}, "addresses"),
        ({"proxy": PROXY | {"addresses": ["10.0.0.0/8"]}}, "addresses"),
        ({"proxy": PROXY | {"addresses": ["proxy.example.com"]}}, "addresses"),
        ({"proxy": PROXY | {"name": ""}}, "name"),
        ({"proxy": PROXY | {"name": "X Name"}}, "name"),
        ({"proxy": PROXY | {"minutes": 60}}, "minutes"),
        ({"proxy": PROXY | {"secret_file": ""}}, "it shows a secret"),
        ({"proxy": PROXY | {"jwt": TOKEN | {"audience": ""}}}, "audience"),
        ({"proxy": PROXY | {"jwt": TOKEN | {"header": ""}}}, "header"),
        ({"proxy": PROXY | {"jwt": TOKEN | {"algorithms": ["none"]}}}, "algorithms"),
        ({"proxy": PROXY | {"jwt": TOKEN, "name": "X-Forwarded-User"}}, "its token"),
        ({"proxy": PROXY | {"jwt": {name: value for name, value in TOKEN.items() if name != "keys"}}}, "keys"),
    ],
)
def test_settings_that_are_not_certain_are_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        People.model_validate(settings)


#: What a session has besides its verbs: parts, and what says nothing of customers and changes nothing.
UNASKED = {
    *("ask", "may", "open", "close", "stop", "wait", "recover", "carries", "can_write", "stalled", "trouble"),
    *("check_ours", "active_total", "keep_sandbox", "did_it_hurt"),
}


@pytest.mark.parametrize("kind", [Session, Approvals, Worker, Workspace])
def test_every_verb_asks_before_it_does_anything(kind: type) -> None:
    """A table over all verbs there are, so that one that is new has to say what it takes."""

    class Refused(Exception):
        pass

    def refuse(right: Right, who: Person | None) -> None:
        assert (right, who) == (VERBS[name], person)
        raise Refused

    person = Person("kim", "by login")
    verbs = {name: verb for name, verb in vars(kind).items() if inspect.isfunction(verb) and not name.startswith("_")}
    for name in verbs.keys() - UNASKED - {"join", "start"} | ({"join", "start"} & verbs.keys() if kind is Session else set()):
        assert name in VERBS, f"{kind.__name__}.{name} stands in no table: lib.people.VERBS"
        asked = kind.__new__(kind)
        vars(asked)["ask"] = refuse
        with pytest.raises(Refused):
            verbs[name](asked, who=person)


def test_a_verb_without_a_person_asks_for_whoever_is_at_work() -> None:
    asked = []
    session = Session.__new__(Session)
    vars(session)["ask"] = lambda right, who: asked.append((right, who))
    with suppress(AttributeError):
        session.find_run("x")
    assert asked == [(Right.READ, None)]


class TestGate:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        return tmp_path / "settings.toml"

    @pytest.fixture
    def gate(self, tmp_path: Path) -> Gate:
        return Gate(tmp_path, lambda: NOW)

    def test_a_role_that_is_taken_away_or_given_counts_from_the_next_question_on(self, file: Path, gate: Gate) -> None:
        robin = person(email="robin@example.com")
        file.write_text('people.operator = ["robin@example.com"]')
        gate.check(Right.RUN, robin)
        file.write_text('people.viewer = ["robin@example.com"]')
        gate.check(Right.READ, robin)
        with pytest.raises(NotAllowed, match="operator"):
            gate.check(Right.RUN, robin)
        file.unlink()
        with pytest.raises(NotAllowed, match="no role"):
            gate.check(Right.READ, robin)

    @pytest.mark.parametrize("text", ['people.operator = "robin@example.com"', "people = 1", "[people", 'people.admin = ["x"]'])
    def test_settings_that_can_not_be_read_allow_nothing_but_to_the_user_of_this_machine(
        self, file: Path, gate: Gate, text: str
    ) -> None:
        file.write_text('people.operator = ["robin@example.com"]')
        gate.check(Right.RUN, person(email="robin@example.com"))
        file.write_text(text)
        for _ in range(2):
            with pytest.raises(ConfigError, match=r"settings\.toml"):
                gate.check(Right.READ, person(email="robin@example.com"))
        gate.check(Right.EXPORT, Person("root", "as the user of the command line"))
        with pytest.raises(ConfigError, match=r"settings\.toml"):  # they may say that nothing is to be changed from here
            gate.check(Right.RUN, Person("root", "as the user of the command line"))

    @pytest.mark.parametrize(
        "text",
        [
            "[caps]\nmax_customers = 50\nread_only = true",
            "readonly = true",
            "Read_only = true",
            "[accounts]\nread_only = true",
            "[people]\nread_only = true",
            "caps.max_customers = 0",
        ],
    )
    def test_a_switch_at_a_wrong_place_or_misspelled_closes_what_changes_customers_in_words(
        self, file: Path, gate: Gate, text: str
    ) -> None:
        root = Person("root", "as the user of the command line")
        file.write_text("[caps]\nmax_customers = 50")
        gate.check(Right.RUN, root)
        file.write_text(text)
        for right in (Right.RUN, Right.APPROVE, Right.RUN):
            with pytest.raises(ConfigError, match=r"settings\.toml can't be used"):
                gate.check(right, root)
            with suppress(ConfigError):  # else the whole page says why
                assert not gate.may(right, root)
        gate.check(Right.READ, root)
        assert gate.may(Right.READ, root)
        file.write_text("read_only = false")
        gate.check(Right.RUN, root)
        assert gate.may(Right.RUN, root)

    def test_a_sign_in_that_was_ended_allows_nothing_and_another_of_the_same_person_does(self, file: Path, gate: Gate) -> None:
        file.write_text('people.operator = ["robin@example.com"]')
        ended = person(email="robin@example.com", key="one").sign_in
        assert ended is not None
        gate.end(ended)
        with pytest.raises(NotSignedIn, match="logged out"):
            gate.check(Right.READ, person(email="robin@example.com", key="one"))
        gate.check(Right.RUN, person(email="robin@example.com", key="two"))
