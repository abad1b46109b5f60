"""What a run may do: caps, protected customers, canary; and how the settings file is read."""

from datetime import timedelta

import pytest

from lib.config import Settings
from lib.errors import CapExceeded, ConfigError, ProtectedCustomer
from lib.plans.model import Action
from lib.plans.policy import Canary, Caps, Policy, ProtectedCustomers, check_caps
from lib.session import Session
from tests.runs.fakes import customer, id_of, plan_of


def policy_of(home):
    """What a session on this data folder may do."""
    return Session(Settings(EXPRESS_OPS_HOME=str(home)), known="").policy


CAPS = Policy(caps=Caps(max_customers=3, max_percent=10, max_users=20))


def plan(count=1, users=0, action=Action.DEACTIVATE):
    records = [customer(number, user_count=users, is_active=not action.wants_active) for number in range(1, count + 1)]
    return plan_of(records, action=action)


@pytest.mark.parametrize(
    ("made", "active_total", "asked", "allowed", "words"),
    [
        (plan(3, 6), 30, None, None, ""),
        (plan(4), 100, 4, 3, "4 customers; one run may have at most 3"),
        (plan(3, 7), 100, 21, 20, "21 users; one run may affect at most 20"),
        (plan(3), 29, 3, 2, "3 of the 29 active customers; one run may have at most 10 percent of them, which is 2"),
        (plan(3), None, None, None, ""),
        (plan(1), 0, 1, 0, "1 of the 0 active"),
        (plan(3, action=Action.REACTIVATE), 1, None, None, ""),
        (plan(4, action=Action.REACTIVATE), 100, 4, 3, "at most 3"),
    ],
)
def test_caps_name_both_numbers(made, active_total, asked, allowed, words):
    if asked is None:
        check_caps(made, CAPS, active_total)
        return
    with pytest.raises(CapExceeded, match=words) as caught:
        check_caps(made, CAPS, active_total)
    assert (caught.value.asked, caught.value.allowed) == (asked, allowed)
    assert "settings.toml" in caught.value.message


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            plan(5, 7),
            (
                "This plan has 5 customers; one run may have at most 3 (max_customers): 2 too many. It affects 35 users; one"
                " run may affect at most 20 (max_users): 15 too many. It has 5 of the 10 active customers; one run may have at"
                " most 10 percent of them, which is 1 (max_percent): 4 too many. Make smaller plans, or raise the caps in"
                " settings.toml."
            ),
        ),
        (
            plan(1, 21),
            (
                "This plan affects 21 users; one run may affect at most 20 (max_users): 1 too many. Raise the cap in"
                " settings.toml."
            ),
        ),
    ],
)
def test_each_cap_that_is_exceeded_is_named_with_by_how_much(made, words):
    with pytest.raises(CapExceeded) as caught:
        check_caps(made, CAPS, 10)
    assert caught.value.message == words


@pytest.mark.parametrize(
    ("protected", "why"),
    [
        ({}, ""),
        ({"ids": [id_of(1).upper().replace("CUS_", "cus_")]}, "its id is in the settings"),
        ({"ids": [id_of(2)]}, ""),
        ({"metadata": {"tier": "gold*"}}, "its metadata says tier = “Gold plus”"),
        ({"metadata": {"TIER": "GOLD*"}}, "its metadata says tier = “Gold plus”"),
        ({"metadata": {"t*": "*"}}, "its metadata says tier = “Gold plus”"),
        ({"metadata": {"tier": "gold"}}, ""),
        ({"metadata": {"region": "gold*"}}, ""),
    ],
)
def test_who_is_protected_and_why(protected, why):
    record = customer(1, metadata={"region": "north", "tier": "Gold plus"})
    rules = ProtectedCustomers.model_validate(protected)
    assert rules.why(record).text == why
    if why:
        with pytest.raises(ProtectedCustomer, match="Clinic 1"):
            check_caps(plan_of([record]), Policy(protected=rules), None)


SPELLINGS = [
    "gold",
    "GOLD",
    " gold\u00a0",
    "go\u200bld",
    "go\u00adld",
    "\u202egold\u202c",
    "gold\ufe0f",
    "ｇｏｌｄ",
    "\U0001d420old",
    "gol\u034fd",
    "gold\u3164",
]


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_no_spelling_of_a_key_a_value_or_a_pattern_dodges_protection(spelled):
    rules = ProtectedCustomers.model_validate({"metadata": {"tier": "gold"}})
    assert rules.why(customer(1, metadata={"tier": spelled}))
    turned = ProtectedCustomers.model_validate({"metadata": {spelled: spelled}})
    assert turned.why(customer(1, metadata={"gold": "gold"}))
    keyed = ProtectedCustomers.model_validate({"metadata": {"gold": "*"}})
    assert keyed.why(customer(1, metadata={spelled: "x"}))


@pytest.mark.parametrize(
    ("steps", "from_size", "size", "canary"),
    [(5, 100, 99, None), (5, 100, 100, 5), (0, 1, 1000, None), (5, 1, 5, None), (5, 1, 6, 5)],
)
def test_small_plans_have_no_canary(steps, from_size, size, canary):
    assert Canary(steps=steps, from_size=from_size).of(size) == canary


def test_without_a_file_the_defaults_hold(tmp_path):
    assert policy_of(tmp_path) == Policy()
    assert Policy().caps == Caps(max_customers=500, max_percent=20, max_users=1000)


def test_the_file_says_what_runs_may_do(tmp_path):
    (tmp_path / "settings.toml").write_text(
        "preflight = false\ndrift = ['active']\n[caps]\nmax_customers = 7\n"
        f"[protected]\nids = ['{id_of(1)}']\nmetadata = {{ tier = 'gold*' }}\n[canary]\nsteps = 2\n[breaker]\nin_a_row = 9\n"
    )
    policy = policy_of(tmp_path)
    assert (policy.preflight, policy.drift, policy.caps.max_customers, policy.caps.max_users) == (False, {"active"}, 7, 1000)
    assert policy.protected.why(customer(1))
    assert policy.protected.metadata == (("tier", "gold*"),)
    assert (policy.canary.steps, policy.breaker.in_a_row) == (2, 9)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[caps]\nmax_custmers = 7\n", "caps.max_custmers"),
        ("[caps]\nmax_customers = 0\n", "caps.max_customers"),
        ("[caps]\nmax_percent = 'many'\n", "caps.max_percent"),
        ("drift = ['colour']\n", "drift"),
        ("[protected]\nids = ['cus_1']\n", "protected.ids"),
        ("canaries = 3\n", "canaries"),
        ("[snapshot]\nmax_age_minutes = -1\n", "snapshot.max_age_minutes"),
        ("[snapshot]\nmax_age_minutes = 'old'\n", "snapshot.max_age_minutes"),
        ("[snapshot]\nmax_age_minutes = 1441\n", "snapshot.max_age_minutes"),
        ("[snapshot]\nkeep = 'perhaps'\n", "snapshot.keep"),
        ("[snapshot]\nkept = true\n", "snapshot.kept"),
        ("[snapshot]\ndays = -1\n", "snapshot.days"),
        ("[snapshot]\ndays = 30.5\n", "snapshot.days"),
        ("[caps\n", "not TOML"),
    ],
)
def test_a_setting_that_can_not_be_is_named(tmp_path, text, named):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.toml") as caught:
        policy_of(tmp_path)
    assert named in caught.value.message


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[approval]\nfrom_customer = 3\n", "approval.from_customer is no setting; did you mean from_customers?"),
        ("[protected.asks]\nids = []\n", "protected.asks is no setting; did you mean ask?"),
        ("[protected.ask]\nmeta = {}\n", "protected.ask.meta is no setting; did you mean metadata?"),
        ("readonly = true\n", "readonly is no setting; did you mean read_only?"),
        ("[people.proxy]\nsecret = 'x'\n", "people.proxy.secret is no setting; did you mean secret_file?"),
        ("[caps]\nzebra = 3\n", "caps.zebra is no setting."),
    ],
)
def test_of_a_setting_that_there_is_not_the_one_that_may_be_meant_is_named(tmp_path, text, told):
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        policy_of(tmp_path)
    assert told in caught.value.message


@pytest.mark.parametrize(
    ("text", "keep", "minutes"),
    [
        ("", True, 15),
        ("[snapshot]\nmax_age_minutes = 0\n", True, 0),
        ("[snapshot]\nkeep = false\nmax_age_minutes = 90\n", False, 90),
        # Where records are not read again before their calls, only a list that was just read will do.
        ("preflight = false\n[snapshot]\nmax_age_minutes = 90\n", True, 0),
    ],
)
def test_the_file_says_whether_lists_are_kept_and_how_long_they_feed_plans(tmp_path, text, keep, minutes):
    (tmp_path / "settings.toml").write_text(text)
    policy = policy_of(tmp_path)
    assert (policy.snapshot.keep, policy.snapshot_feeds_plans_for) == (keep, timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("", True),
        ("concurrency = 64\n[caps]\nmax_users = 1000", True),  # the defaults
        (f"drift = {sorted(Policy().drift, reverse=True)}", True),
        ("[caps]\nmax_users = 1001", False),
        ("preflight = false", False),
        ('drift = ["active"]', False),
        ('[protected]\nmetadata = { tier = "gold*" }', False),
    ],
)
def test_settings_that_say_the_same_have_one_hash_and_others_another(tmp_path, text, alike):
    (tmp_path / "settings.toml").write_text(text)
    assert (policy_of(tmp_path).hash == Policy().hash) is alike


def test_the_order_of_what_is_protected_does_not_matter():
    ids, pairs = [id_of(number) for number in range(1, 9)], [("tier", "gold*"), ("region", "eu")]
    one, other = (ProtectedCustomers(ids=ids[::way], metadata=dict(pairs[::way])) for way in (1, -1))
    assert Policy(protected=one).hash == Policy(protected=other).hash != Policy().hash
