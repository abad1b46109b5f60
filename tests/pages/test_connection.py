"""The Connection page: which account, whether a key is there (never which), and the test that changes nothing."""

from __future__ import annotations

from tests.pages.world import KEY, Session, World


def facts(session: Session) -> dict[str, str]:
    table = session.rows_of("Facts about")
    return dict(zip(table["What"], table["Value"], strict=True))


def test_it_says_which_account_and_that_a_key_is_set_but_never_shows_it(world: World) -> None:
    sandbox = world.sandbox(customers=20)
    session = world.open("connection")
    shown = facts(session)
    assert shown["Base URL"] == sandbox.base_url
    assert shown["API key"] == "set (never shown)"
    assert shown["Fingerprint"] == world.resources.connection.fingerprint
    assert shown["Data folder"] == str(world.home)
    assert KEY.encode() not in session.everything


def test_the_test_reads_one_customer_and_changes_nothing(world: World) -> None:
    sandbox = world.sandbox(customers=20)
    session = world.open("connection")
    before = len(sandbox.calls())
    session.press("test_connection")
    assert "let the key read 1 customer" in session.at.success[0].value
    assert [call.operation for call in sandbox.calls()[before:]] == ["list"]


def test_a_refused_key_is_told_in_words(world: World) -> None:
    sandbox = world.sandbox(customers=20)
    session = world.open("connection")
    sandbox.sandbox.faults.revoked = True
    session.press("test_connection")
    assert "refused the key" in session.at.error[0].value
    assert not session.at.exception
    assert KEY.encode() not in session.everything


def test_an_api_that_is_gone_is_told_in_words(world: World) -> None:
    sandbox = world.sandbox(customers=20)
    session = world.open("connection")
    sandbox.stop()
    session.press("test_connection")
    assert "could not be reached" in session.at.error[0].value
    assert not session.at.exception


def test_a_login_is_the_operator_where_there_is_one(world: World) -> None:
    world.sandbox(customers=20)
    session = world.open("connection")
    world.home.joinpath("settings.toml").write_text('people.viewer = ["*@example.org"]')
    session.at.user = {"is_logged_in": True, "email": "robin@example.org", "iss": "https://login.example.org", "exp": 2**36}
    told = facts(session.run())
    assert (told["Operator"], told["Known"]) == ("robin@example.org", "by login at https://login.example.org")
